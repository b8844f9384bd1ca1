/**
 * Tests the bot in `music-bot.ts`, in memory and on virtual time. Run it with Vitest.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { AudioSource } from "effect-discord-voice"
import { Emulator } from "effect-discord-voice/emulator"
import { Hearing, Time } from "effect-discord-voice/testing"
import { musicBot } from "./music-bot.ts"

const endless = "la".repeat(1_100)

const library: Record<string, AudioSource.AudioSource> = {
  long: AudioSource.tone({ frequency: 440, duration: "1 minute" }),
  short: AudioSource.tone({ frequency: 660, duration: "1 second" }),
  [endless]: AudioSource.tone({ frequency: 660, duration: "1 second" }),
  broken: AudioSource.fromBytes(new TextEncoder().encode("<!doctype html>"), { name: "a page", ffmpeg: false })
}

/** Starts the bot, with a guest who types commands. */
const setup = Effect.gen(function*() {
  const discord = yield* Emulator.Emulator
  const guest = yield* discord.join({ user: "guest", channel: "lobby" })
  const bot = yield* musicBot({
    find: (text) => library[text],
    sounds: { horn: AudioSource.tone({ frequency: 220, duration: "500 millis" }) },
    patience: "1 minute"
  }).pipe(Effect.provide(discord.layerVoice("bot")), Effect.forkScoped)
  yield* Time.advance("1 second")

  const say = Effect.fnUntraced(function*(name: string, options: Record<string, string | number> = {}, user = "guest") {
    const command = yield* discord.command({ name, options, user })
    // the command takes time, and only the test can advance the clock
    const { content } = yield* Time.during(command.reply, "1 second")
    return content
  })
  return { bot, discord, guest, say }
})

/** The last second of what a guest has heard. */
const lastSecond = Effect.fnUntraced(function*(guest: Emulator.Participant) {
  const sound = yield* Hearing.decode((yield* guest.heard).slice(-60))
  return sound.part(-1_000)
})

describe("the music bot", () => {
  it.effect("joins the user who asks, and plays one song after another", () =>
    Effect.gen(function*() {
      const { bot, discord, guest, say } = yield* setup
      assert.strictEqual(yield* say("skip"), "I'm not in a voice channel.")
      assert.strictEqual(yield* say("play", { what: "long" }, "passer-by"), "Join a voice channel first.")
      assert.strictEqual(yield* say("play", { what: "long" }), "Added long to the queue.")
      yield* say("play", { what: "short" })
      assert.match(yield* say("queue"), /^long, at \d s\nshort$/)
      // a message has at most 2,000 characters
      assert.strictEqual(yield* say("play", { what: endless }), `Added ${endless}`.slice(0, 2_000))
      assert.strictEqual(yield* say("skip"), "Playing the next track.")
      yield* Time.advance("3 seconds")
      assert.strictEqual(yield* say("queue"), "Nothing is playing.")
      assert.isAbove((yield* guest.heard).length, 100)

      assert.include(yield* say("play", { what: "broken" }), "it is a web page or a document")
      assert.isUndefined(bot.pollUnsafe())
      assert.deepStrictEqual(yield* discord.violations, [])
    }).pipe(Effect.scoped, Effect.provide(Emulator.layerMemory())))

  it.effect("changes the effect and the volume while it plays, with a sound over it", () =>
    Effect.gen(function*() {
      const { discord, guest, say } = yield* setup
      yield* say("play", { what: "long" })
      yield* Time.advance("2 seconds")
      const plain = yield* lastSecond(guest)
      assert.closeTo(plain.pitch ?? 0, 440, 2)
      assert.strictEqual(yield* say("effect", { name: "nightcore" }), "Effect: nightcore.")
      yield* Time.advance("2 seconds")
      assert.closeTo((yield* lastSecond(guest)).pitch ?? 0, 550, 2)
      assert.strictEqual(yield* say("volume", { percent: 50 }), "Volume: 50%.")
      yield* Time.advance("2 seconds")
      // half the amplitude is 6 dB less
      assert.closeTo((yield* lastSecond(guest)).level, plain.level - 6, 1)
      assert.strictEqual(yield* say("sound", { name: "horn" }), "horn!")
      const wrong = yield* Effect.flip(discord.command({ name: "volume", options: { percent: 1_000 } }))
      assert.strictEqual(wrong.reason._tag, "CommandFailed")
      assert.deepStrictEqual(yield* discord.violations, [])
    }).pipe(Effect.scoped, Effect.provide(Emulator.layerMemory())))

  it.effect("comes back after it has left or was kicked", () =>
    Effect.gen(function*() {
      const { discord, say } = yield* setup
      yield* say("play", { what: "long" })
      assert.strictEqual(yield* say("leave"), "Goodbye.")
      yield* say("play", { what: "long" })
      yield* discord.faults.kick("bot")
      yield* Time.advance("1 second")
      assert.strictEqual(yield* say("queue"), "I'm not in a voice channel.")
      assert.strictEqual(yield* say("play", { what: "short" }), "Added short to the queue.")
      assert.deepStrictEqual(yield* discord.violations, [])
    }).pipe(Effect.scoped, Effect.provide(Emulator.layerMemory())))

  it.effect("leaves when only bots have been there for a while", () =>
    Effect.gen(function*() {
      const { discord, guest, say } = yield* setup
      yield* discord.createUser({ name: "another-bot", bot: true })
      yield* discord.join({ user: "another-bot", channel: "lobby" })
      yield* say("play", { what: "short" })
      yield* guest.leave
      yield* Time.advance("50 seconds")
      const back = yield* discord.join({ user: "guest", channel: "lobby" })
      yield* Time.advance("2 minutes")
      assert.strictEqual(yield* say("queue"), "Nothing is playing.")
      yield* back.leave
      yield* Time.advance("61 seconds")
      assert.strictEqual(yield* say("queue"), "I'm not in a voice channel.")
      assert.deepStrictEqual(yield* discord.violations, [])
    }).pipe(Effect.scoped, Effect.provide(Emulator.layerMemory())))
})
