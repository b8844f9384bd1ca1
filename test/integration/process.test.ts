/** How a process ends, and what a killed process leaves behind. */
import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Redacted, Stream } from "effect"
import * as Emulator from "../../src/emulator/Emulator.ts"
import * as Foreign from "../interop/Foreign.ts"
import type { Place } from "./process/bot.ts"
import * as Rig from "./rig.ts"

/** A bot that is heard, in its own process, and a guest who hears it. */
const playing = Effect.gen(function*() {
  const discord = yield* Emulator.Emulator
  const { id, token } = yield* discord.user("bot")
  const place: Place = {
    url: discord.urls.gateway,
    token: Redacted.value(token),
    guildId: yield* discord.guild("guild"),
    channelId: yield* discord.channel("lobby")
  }
  const guest = yield* Rig.guest()
  const bot = yield* Foreign.start("../integration/process/bot.ts", { args: place })
  yield* bot.untilTag("Playing")
  yield* guest.awaitFrames(10)
  return { bot, discord, guest, id }
})

/** Ends a process with a signal. Returns its exit code and how long it took, in milliseconds. */
const end = Effect.fnUntraced(function*(bot: Foreign.Foreign, signal: NodeJS.Signals) {
  const from = yield* Clock.currentTimeMillis
  yield* bot.signal(signal)
  const code = yield* bot.ended
  return { code, elapsedMs: (yield* Clock.currentTimeMillis) - from }
})

describe("a bot that receives SIGTERM", () => {
  it.live("sends its closing silence and leaves", () =>
    Effect.gen(function*() {
      const { bot, discord, guest, id } = yield* playing
      const ends: Array<number> = []
      yield* discord.happenings.pipe(
        Stream.runForEach((happening) =>
          Effect.sync(() => {
            if (happening._tag === "VoiceEnded" && happening.userId === id) ends.push(happening.code)
          })
        ),
        Effect.forkScoped({ startImmediately: true })
      )
      assert.strictEqual((yield* end(bot, "SIGTERM")).code, 130)
      yield* Rig.settled(Rig.left)
      yield* Rig.settled(Effect.sync(() => assert.deepStrictEqual(ends, [1000])))
      const silences = (yield* guest.heard).map(({ silence }) => silence)
      assert.deepStrictEqual(silences.slice(-6), [false, true, true, true, true, true])
      assert.deepStrictEqual(yield* discord.violations, [])
    }).pipe(Effect.scoped, Effect.provide(Rig.floor())))

  it.live("ends soon even if Discord no longer answers", () =>
    Effect.gen(function*() {
      const { bot, discord } = yield* playing
      yield* discord.faults.add(() => ({ _tag: "Drop" }))
      const { code, elapsedMs } = yield* end(bot, "SIGTERM")
      assert.strictEqual(code, 130)
      // two seconds for Discord to take note, one for each WebSocket; the rest is for a busy machine
      assert.isAtMost(elapsedMs, 10_000)
    }).pipe(Effect.scoped, Effect.provide(Rig.floor())))
})

describe("a bot that was killed", () => {
  for (const ghost of ["leave", "adopt"] as const) {
    it.live(`is still in the channel for the next process, which can ${ghost} it`, () =>
      Effect.gen(function*() {
        const { bot, discord, guest, id } = yield* playing
        yield* end(bot, "SIGKILL")
        assert.isTrue((yield* discord.snapshot).voiceStates.some(({ userId }) => userId === id))
        const requests: Array<unknown> = []
        yield* discord.faults.add(({ frame, op, point }) => {
          if (point === "gateway-in" && op === 4) requests.push(JSON.parse(String(frame)).d.channel_id)
          return undefined
        })
        yield* Effect.gen(function*() {
          const session = yield* Rig.join("lobby", { ghost })
          yield* Rig.encrypted(session, guest.userId)
          const { length } = yield* guest.heard
          yield* session.play(Rig.source(20))
          yield* guest.awaitFrames(length + 20)
        }).pipe(Effect.scoped, Effect.provide(Rig.bot, { local: true }))
        const lobby = yield* discord.channel("lobby")
        assert.deepStrictEqual(requests, ghost === "leave" ? [null, lobby, null] : [lobby, null])
        yield* Rig.settled(Rig.left)
        assert.deepStrictEqual(yield* discord.violations, [])
      }).pipe(Effect.scoped, Effect.provide(Rig.floor())))
  }
})
