import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Option, Stream } from "effect"
import * as Hub from "../../src/gateway/Hub.ts"
import { GuildId, UserId } from "../../src/protocol/Identifier.ts"
import * as VoiceError from "../../src/VoiceError.ts"

const guildId = GuildId.make("10")

describe("Hub", () => {
  it.effect("takes us for whom it was told of first", () =>
    Effect.gen(function*() {
      const hub = yield* Hub.make
      assert.isUndefined(hub.self())
      for (const id of ["1", "2"]) yield* hub.learn(UserId.make(id))
      assert.strictEqual(hub.self(), "1")
      assert.strictEqual(yield* hub.userId, "1")
    }))

  it.effect("holds 4,096 events for a subscriber that does not read, and loses the oldest beyond that", () =>
    Effect.gen(function*() {
      const hub = yield* Hub.make
      const events = yield* hub.subscribe
      for (let i = 0; i < 4_100; i++) {
        yield* hub.publish({ _tag: "VoiceServer", server: { guild_id: guildId, token: `${i}`, endpoint: null } })
      }
      const held = yield* events.pipe(Stream.take(4_096), Stream.runCollect)
      const tokens = held.map((event) => event._tag === "VoiceServer" ? event.server.token : "")
      assert.deepStrictEqual([tokens[0], tokens.at(-1)], ["4", "4099"])
    }))

  it.effect("lets nobody wait for a guild that will not come any more", () =>
    Effect.gen(function*() {
      const hub = yield* Hub.make
      yield* hub.onReady({ user: { id: UserId.make("1") }, guilds: [{ id: guildId }] })
      const waiting = yield* Effect.forkChild(hub.initialVoiceState(guildId), { startImmediately: true })
      yield* Effect.yieldNow
      assert.isUndefined(waiting.pollUnsafe())
      yield* hub.finish(VoiceError.make(new VoiceError.GatewayFailed({ detail: "gone" })))
      assert.isTrue(Option.isNone(yield* Fiber.join(waiting)))
    }))
})
