/**
 * Tests the bot in `discordjs-music-bot.ts` over sockets, against the emulator. Run it with Vitest.
 */
import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, type Duration, Effect, Redacted, Schedule } from "effect"
import type { AudioSource } from "effect-discord-voice"
import { Emulator } from "effect-discord-voice/emulator"
import { readFileSync } from "node:fs"
import { bot } from "./discordjs-music-bot.ts"

const song = { name: "song.ogg", data: readFileSync(new URL("song.ogg", import.meta.url)) }

/** Starts the bot, and waits until it has registered its commands. */
const start = Effect.fnUntraced(function*(patience: Duration.Input, addresses: AudioSource.Addresses = "any") {
  const discord = yield* Emulator.Emulator
  const { token } = yield* discord.user("bot")
  const env = {
    DISCORD_TOKEN: Redacted.value(token),
    // discord.js adds the API version itself
    DISCORD_REST: discord.urls.rest.replace("/v10", "")
  }
  const running = yield* bot(patience, addresses).pipe(
    Effect.provide(ConfigProvider.layer(ConfigProvider.fromUnknown(env))),
    Effect.forkScoped
  )
  yield* discord.awaitCommand({ name: "queue" })
  const say = (name: string, options: Record<string, string | number | typeof song> = {}, user = "guest") =>
    Effect.flatMap(
      discord.command({ name, options, user }),
      ({ until }) => until((replies) => replies.find(({ content }) => content !== "")?.content)
    )
  return { discord, running, say }
})

describe("the music bot on discord.js", () => {
  it.live("joins the user who asks, plays one song after another, says what is playing, and leaves", () =>
    Effect.gen(function*() {
      const { discord, running, say } = yield* start("5 minutes")
      assert.strictEqual(yield* say("skip"), "I'm not in a voice channel.")
      assert.strictEqual(yield* say("play", { file: song }, "passer-by"), "Join a voice channel first.")
      const guest = yield* discord.join({ user: "guest", channel: "lobby" })
      assert.strictEqual(yield* say("play", { file: song }), "Added song.ogg to the queue.")
      assert.strictEqual(yield* say("play", { file: song }), "Added song.ogg to the queue.")
      assert.strictEqual(yield* say("queue"), "song.ogg, for guest\nsong.ogg, for guest")
      yield* guest.awaitFrames(25)
      const chat = yield* discord.chat("lobby")
      yield* chat.until((messages) => messages.find(({ content }) => content === "Now playing song.ogg, for guest"))
      const long = { ...song, name: `${"la".repeat(400)}.ogg` }
      for (let i = 0; i < 10; i++) assert.include(yield* say("play", { file: long }), "to the queue.")
      assert.match((yield* say("queue")) ?? "", /^song\.ogg, for guest\n.*\nand 4 more$/s)
      assert.strictEqual(yield* say("volume", { percent: 50 }), "Volume changed.")
      assert.strictEqual(yield* say("skip"), "Playing the next track.")
      assert.strictEqual(yield* say("back"), "Playing the previous track.")
      assert.strictEqual(yield* say("leave"), "Goodbye.")
      assert.include(yield* say("play", { url: "ftp://a.invalid/b" }), "Unsupported")
      assert.isUndefined(running.pollUnsafe())
      assert.deepStrictEqual(yield* discord.violations, [])
    }).pipe(Effect.scoped, Effect.provide(Emulator.layer())))

  it.live("leaves when nobody is there anymore", () =>
    Effect.gen(function*() {
      const { discord, say } = yield* start("500 millis")
      yield* Effect.gen(function*() {
        yield* discord.join({ user: "guest", channel: "lobby" })
        assert.strictEqual(yield* say("play", { file: song }), "Added song.ogg to the queue.")
      }).pipe(Effect.scoped)
      const left = Effect.filterOrFail(say("queue"), (text) => text === "I'm not in a voice channel.")
      yield* Effect.retry(left, { schedule: Schedule.spaced("100 millis"), times: 300 })
      assert.deepStrictEqual(yield* discord.violations, [])
    }).pipe(Effect.scoped, Effect.provide(Emulator.layer())))

  it.live("refuses links into its own network", () =>
    Effect.gen(function*() {
      const { discord, say } = yield* start("5 minutes", "public")
      yield* discord.join({ user: "guest", channel: "lobby" })
      for (const url of [discord.urls.rest, "http://169.254.169.254/latest/meta-data/", "http://localhost/"]) {
        assert.include(yield* say("play", { url }), "(AddressRefused)")
      }
    }).pipe(Effect.scoped, Effect.provide(Emulator.layer())))
})
