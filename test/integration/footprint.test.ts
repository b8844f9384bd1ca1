/**
 * The memory that a connection keeps, so that it does not grow unnoticed. `bench/memory.ts` measures what the process
 * has beyond its objects.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import * as Emulator from "../../src/emulator/Emulator.ts"
import * as Foreign from "../interop/Foreign.ts"
import type { Crowd } from "./process/crowd.ts"
import * as Rig from "./rig.ts"

const kib = 1_024

describe("the memory that a connection's objects keep", () => {
  it.live("is bounded, both idle and while it plays", () =>
    Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const { token } = yield* discord.user("bot")
      const places = yield* Effect.forEach(Array.from({ length: 50 }, (_, i) => i), (i) =>
        Effect.all({
          guildId: discord.createGuild({ name: `guild ${i}` }),
          channelId: discord.createChannel({ guild: `guild ${i}`, name: `channel ${i}` })
        }))
      const crowd: Crowd = {
        url: discord.urls.gateway,
        token: Redacted.value(token),
        first: places.slice(0, 10),
        rest: places.slice(10)
      }
      const bot = yield* Foreign.start("../integration/process/crowd.ts", { args: crowd })
      const { idle, playing } = yield* bot.untilTag("Measured")
      assert.isBelow(Number(idle), 80 * kib)
      assert.isBelow(Number(playing), 120 * kib)
      assert.deepStrictEqual(yield* discord.violations, [])
    }).pipe(Effect.scoped, Effect.provide(Rig.floor({ profile: Rig.open }))))
})
