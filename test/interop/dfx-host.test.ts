import { assert, beforeAll, describe, it } from "@effect/vitest"
import { Effect, Layer, Redacted } from "effect"
import { execFileSync } from "node:child_process"
import { fileURLToPath } from "node:url"
import * as Emulator from "../../src/emulator/Emulator.ts"
import * as Gateway from "../../src/Gateway.ts"
import * as Voice from "../../src/Voice.ts"
import * as VoiceSession from "../../src/VoiceSession.ts"
import * as Rig from "../integration/rig.ts"
import * as Foreign from "./Foreign.ts"

/** The gateway of a bot on dfx, which runs on a different Effect in another process. Two callbacks connect to it. */
const GatewayLive = Layer.unwrap(Effect.gen(function*() {
  const discord = yield* Emulator.Emulator
  const { token } = yield* discord.user("bot")
  const { gateway, rest } = discord.urls
  const bot = yield* Foreign.start("dfx/bridge.ts", { args: { gateway, rest, token: Redacted.value(token) } })
  yield* bot.untilTag("Dispatch")
  const context = yield* Effect.context<never>()
  let requests = 0
  return Gateway.layerCallbacks({
    listen: (onDispatch, ended) => {
      void Effect.runPromiseWith(context)(bot.ended).then(() => ended(new Error("the bot has ended")))
      const hear = (told: Foreign.Told) => {
        if (told._tag === "Dispatch") onDispatch(told["dispatch"])
      }
      // READY says who the bot is, and has already arrived
      for (const told of bot.told()) hear(told)
      return bot.listen(hear)
    },
    send: (payload, guildId) => {
      const request = ++requests
      return Effect.runPromiseWith(context)(
        bot.tell({ _tag: "Send", id: request, guildId, payload }).pipe(
          Effect.andThen(bot.until((told): told is Foreign.Told => told["id"] === request)),
          Effect.map((told) => told["isTaken"])
        )
      )
    }
  })
}))

/** `npm ci` has installed it; if that failed, this installs it or says why it cannot. */
beforeAll(() => {
  execFileSync(process.execPath, [fileURLToPath(new URL("dfx/install.mjs", import.meta.url))], { stdio: "pipe" })
}, 180_000)

describe("our client next to a bot on dfx", () => {
  it.live("joins, plays bit for bit, and leaves", () =>
    Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const guildId = yield* discord.guild("guild")
      const channelId = yield* discord.channel("lobby")
      const guest = yield* discord.join({ user: "guest", channel: "lobby" })
      yield* Effect.gen(function*() {
        const session = yield* VoiceSession.join({ guildId, channelId })
        const track = yield* session.play(Rig.source(30))
        assert.deepStrictEqual(yield* track.awaitEnd, { _tag: "Finished" })
        const heard = yield* guest.awaitFrames(30)
        assert.deepStrictEqual(heard.slice(0, 30).map(({ payload }) => payload), Rig.payloads(Rig.frames(30)))
      }).pipe(
        Effect.scoped,
        // while the bot is still there: its end would also remove us from the channel
        Effect.andThen(Rig.settled(Rig.left)),
        Effect.provide(Layer.merge(GatewayLive, Voice.layer))
      )
      assert.deepStrictEqual(yield* discord.violations, [])
    }).pipe(Effect.scoped, Effect.provide(Emulator.layer())))
})
