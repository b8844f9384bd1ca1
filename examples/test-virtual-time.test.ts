/**
 * Tests a bot in memory and on virtual time, where an hour takes milliseconds. Run it with Vitest.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer, Scope } from "effect"
import { AudioSource, VoiceSession } from "effect-discord-voice"
import { Emulator } from "effect-discord-voice/emulator"
import { Time } from "effect-discord-voice/testing"
import { greeter } from "./greeter.ts"

/** Starts the bot in the lobby, with a guest who hears it. */
const setup = Effect.gen(function*() {
  const discord = yield* Emulator.Emulator
  const where = { guildId: yield* discord.guild("guild"), channelId: yield* discord.channel("lobby") }
  const guest = yield* discord.join({ user: "guest", channel: "lobby" })
  const bot = yield* greeter(where).pipe(Effect.provide(discord.layerVoice("bot")), Effect.forkScoped)
  return { bot, discord, guest }
})

describe("on virtual time", () => {
  it.effect("greets once and stays for an hour", () =>
    Effect.gen(function*() {
      const { bot, discord, guest } = yield* setup
      yield* Time.advance("1 hour")
      const voiced = (yield* guest.heard).filter(({ silence }) => !silence)
      assert.lengthOf(voiced, 50)
      assert.isUndefined(bot.pollUnsafe())
      assert.deepStrictEqual(yield* discord.violations, [])
    }).pipe(Effect.scoped, Effect.provide(Emulator.layerMemory())))

  it.effect("ends with Kicked when it is kicked", () =>
    Effect.gen(function*() {
      const { bot, discord } = yield* setup
      yield* Time.advance("10 seconds")
      yield* discord.faults.kick("bot")
      const error = yield* Effect.flip(Fiber.join(bot))
      assert.strictEqual(error.reason._tag, "Kicked")
    }).pipe(Effect.scoped, Effect.provide(Emulator.layerMemory())))

  it.effect("loses nothing when its connection is cut", () =>
    Effect.gen(function*() {
      const { bot, discord, guest } = yield* setup
      yield* Time.advance("500 millis")
      yield* discord.faults.terminateVoice("bot")
      yield* Time.advance("10 seconds")
      const voiced = (yield* guest.heard).filter(({ silence }) => !silence)
      assert.lengthOf(voiced, 50)
      assert.isUndefined(bot.pollUnsafe())
    }).pipe(Effect.scoped, Effect.provide(Emulator.layerMemory())))

  it.effect("gives up when the voice gateway does not answer", () =>
    Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      yield* discord.faults.add(({ op, point }) => point === "voice-out" && op === 2 ? { _tag: "Drop" } : undefined)
      const { bot } = yield* setup
      // ten attempts, with increasing delays between them
      yield* Time.advance("10 minutes")
      const error = yield* Effect.flip(Fiber.join(bot))
      assert.strictEqual(error.reason._tag, "PhaseTimedOut")
      assert.include(error.message, "\"ready\"")
    }).pipe(Effect.scoped, Effect.provide(Emulator.layerMemory())))

  it.effect("is heard over a bad network", () =>
    Effect.gen(function*() {
      const { bot, discord, guest } = yield* setup
      yield* Time.advance("5 seconds")
      const voiced = (yield* guest.heard).filter(({ silence }) => !silence)
      assert.isTrue(voiced.length > 30 && voiced.length < 50, `heard ${voiced.length} of 50 frames`)
      assert.deepStrictEqual(yield* discord.violations, [])

      // leaving takes time, for a message and its answer, and only the test can advance the clock
      yield* Time.during(Fiber.interrupt(bot), "1 second")
    }).pipe(
      Effect.scoped,
      Effect.provide(Emulator.layerMemory({ seed: 7, network: { latencyMs: 60, jitterMs: 40, loss: 0.1 } }))
    ))

  it.effect("plays in a session that leaves over a slow network", () =>
    Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const where = { guildId: yield* discord.guild("guild"), channelId: yield* discord.channel("lobby") }
      const guest = yield* discord.join({ user: "guest", channel: "lobby" })
      const voice = yield* Time.during(Layer.build(discord.layerVoice("bot")), "5 seconds")
      const song = AudioSource.silence("1 second")
      yield* Effect.gen(function*() {
        const scope = yield* Scope.make()
        const session = yield* Time.during(VoiceSession.join(where).pipe(Scope.provide(scope)), "5 seconds")
        yield* session.play(song)
        yield* Time.advance("5 seconds")
        yield* Time.during(Scope.close(scope, Exit.void), "5 seconds")
      }).pipe(Effect.provide(voice))
      assert.isAtLeast((yield* guest.heard).length, 50)
      assert.deepStrictEqual((yield* discord.snapshot).voiceStates.map(({ scripted }) => scripted), [true])
    }).pipe(Effect.scoped, Effect.provide(Emulator.layerMemory({ network: { latencyMs: 60 } }))))
})
