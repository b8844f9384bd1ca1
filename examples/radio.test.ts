/**
 * Tests bots that play a radio station, without sockets and on virtual time. Run it with Vitest.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Schedule, Stream } from "effect"
import { AudioSource, VoiceSession } from "effect-discord-voice"
import { Emulator } from "effect-discord-voice/emulator"
import { Time } from "effect-discord-voice/testing"
import { readFileSync } from "node:fs"

const song = readFileSync(new URL("song.ogg", import.meta.url))

/** The bot to test: it plays a station, and returns the names of the track's events. */
const radio = Effect.fnUntraced(function*(where: VoiceSession.JoinOptions, fetch: AudioSource.Fetch) {
  const session = yield* VoiceSession.join(where)
  const track = yield* session.play(AudioSource.fromUrl("https://radio.example/live", { fetch }))
  return (yield* Stream.runCollect(track.events)).map(({ _tag }) => _tag)
}, Effect.scoped)

/** Plays a station for as long as the bot runs, however long the station is off the air. */
const forDays = Effect.fnUntraced(function*(where: VoiceSession.JoinOptions, fetch: AudioSource.Fetch) {
  const session = yield* VoiceSession.join(where)
  const url = "https://radio.example/live"
  const source = AudioSource.fromUrl(url, { fetch, reconnect: Schedule.spaced("10 seconds") })
  const track = yield* session.play(source, { starveTimeout: "Infinity" })
  return yield* track.awaitEnd
}, Effect.scoped)

/** A station that closes the connection after each song, and refuses new ones after this many songs. */
const station = (songs: number) => {
  const asked: Array<string> = []
  const fetch: AudioSource.Fetch = async (url, { headers }) => {
    asked.push(`${url} ${headers["icy-metadata"]}`)
    return asked.length > songs
      ? new Response("", { status: 403 })
      : new Response(song, { headers: { "icy-name": "Radio" } })
  }
  return { asked, fetch }
}

describe("a radio without sockets", () => {
  it.effect("is joined again when its connection ends", () =>
    Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const where = { guildId: yield* discord.guild("guild"), channelId: yield* discord.channel("lobby") }
      const { asked, fetch } = station(3)
      const bot = yield* radio(where, fetch).pipe(Effect.provide(discord.layerVoice("bot")), Effect.forkScoped)
      yield* Time.advance("1 minute")
      const events = yield* Fiber.join(bot)
      assert.strictEqual(events[0], "Started")
      assert.strictEqual(events.at(-1), "Ended")
      assert.deepStrictEqual(asked, Array.from({ length: 4 }, () => "https://radio.example/live 1"))
    }).pipe(Effect.scoped, Effect.provide(Emulator.layerMemory())))

  it.effect("is heard again after five minutes off the air", () =>
    Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const where = { guildId: yield* discord.guild("guild"), channelId: yield* discord.channel("lobby") }
      const guest = yield* discord.join({ user: "guest", channel: "lobby" })
      const { fetch } = station(Infinity)
      let isOnAir = true
      const mast: AudioSource.Fetch = async (...request) =>
        isOnAir ? fetch(...request) : new Response("", { status: 503 })
      const bot = yield* forDays(where, mast).pipe(Effect.provide(discord.layerVoice("bot")), Effect.forkScoped)
      yield* Time.advance("10 seconds")
      isOnAir = false
      yield* Time.advance("5 minutes")
      const { length } = yield* guest.heard
      isOnAir = true
      yield* Time.advance("15 seconds")
      assert.isAbove((yield* guest.heard).length, length + 50)
      assert.isUndefined(bot.pollUnsafe())
    }).pipe(Effect.scoped, Effect.provide(Emulator.layerMemory())))
})
