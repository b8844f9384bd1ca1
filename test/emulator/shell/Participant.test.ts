import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Stream } from "effect"
import { TestClock } from "effect/testing"
import * as Emulator from "../../../src/emulator/Emulator.ts"
import * as VoiceSession from "../../../src/VoiceSession.ts"
import * as Foreign from "../ForeignClient.ts"

describe("Participant", () => {
  for (const [e2ee, where] of [[true, "an encrypted call"], [false, "an unencrypted call"]] as const) {
    it.effect(`waits until a bot hears it, which then receives every frame, in ${where}`, () =>
      Effect.gen(function*() {
        const discord = yield* Emulator.Emulator
        const channelId = yield* discord.createChannel({ name: "den", e2ee: "optional" })
        const guest = yield* discord.join({ user: "guest", channel: "den", e2ee })
        const waiting = yield* Effect.forkScoped(guest.awaitHeardBy("bot"), { startImmediately: true })
        yield* TestClock.adjust("1 minute")
        assert.isUndefined(waiting.pollUnsafe())

        const bot = Effect.gen(function*() {
          const session = yield* VoiceSession.join({ guildId: yield* discord.guild("guild"), channelId })
          const heard = yield* Effect.forkScoped(
            session.receive.frames.pipe(
              Stream.filter(({ kind }) => kind === "audio"),
              Stream.take(10),
              Stream.runCollect
            ),
            { startImmediately: true }
          )
          yield* Fiber.join(waiting)
          assert.strictEqual((yield* guest.e2ee)?.members.includes(session.userId) === true, e2ee)
          yield* guest.speak(Foreign.opus(10))
          assert.strictEqual((yield* Fiber.join(heard)).length, 10)
          // A deaf bot hears nothing; once it is no longer deaf, it hears again.
          yield* session.setSelf({ deaf: true })
          yield* Effect.sleep("100 millis")
          const again = yield* Effect.forkChild(guest.awaitHeardBy("bot"), { startImmediately: true })
          yield* Effect.sleep("1 second")
          assert.isUndefined(again.pollUnsafe())
          yield* session.setSelf({ deaf: false })
          yield* Fiber.join(again)
        })
        const visit = yield* Effect.forkScoped(
          bot.pipe(Effect.scoped, Effect.provide(discord.layerVoice("bot")))
        )
        for (let i = 0; i < 400 && visit.pollUnsafe() === undefined; i++) {
          yield* Effect.yieldNow
          yield* TestClock.adjust("20 millis")
        }
        yield* Fiber.join(visit)
      }).pipe(Effect.scoped, Effect.provide(Emulator.layerMemory())))
  }

  it.effect("does not wait for an unknown bot, and stops waiting when it leaves", () =>
    Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const guest = yield* discord.join({ user: "guest", channel: "lobby" })
      const unknown = yield* Effect.flip(guest.awaitHeardBy("nobody"))
      assert.strictEqual(unknown.reason._tag, "UnknownName")
      const waiting = yield* Effect.forkScoped(Effect.flip(guest.awaitHeardBy("bot")), { startImmediately: true })
      yield* TestClock.adjust("1 second")
      yield* guest.leave
      assert.strictEqual((yield* Fiber.join(waiting)).reason._tag, "NotInVoice")
    }).pipe(Effect.scoped, Effect.provide(Emulator.layerMemory())))
})
