/**
 * Plays one source to many sessions: a station plays, mixes and encodes it once, and each session only encrypts the
 * same frames for itself. Runs against the emulator; no token needed.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Effect, Layer } from "effect"
import { AudioSource, Station, VoiceSession } from "effect-discord-voice"
import { Emulator } from "effect-discord-voice/emulator"
import assert from "node:assert/strict"

const song = AudioSource.fromFile(new URL("song.ogg", import.meta.url))

const radio = Effect.fnUntraced(function*(sessions: ReadonlyArray<VoiceSession.VoiceSession>) {
  const station = yield* Station.make({ name: "radio" })
  // wait for a long time, because nothing is on air between two songs
  yield* Effect.forEach(sessions, (session) => session.play(station.source, { starveTimeout: "1 hour" }))
  const first = yield* station.play(song)
  yield* Effect.sleep("500 millis")
  yield* first.fade(0.2, "200 millis")
  yield* first.awaitEnd
  yield* Effect.sleep("500 millis")
}, Effect.scoped)

const program = Effect.gen(function*() {
  const discord = yield* Emulator.Emulator
  const rooms = ["lobby", "garden"]
  const guests = yield* Effect.forEach(rooms, (channel) => discord.join({ user: `${channel}'s guest`, channel }))
  const sessions = yield* Effect.forEach(rooms, (room) =>
    Effect.gen(function*() {
      const bot = yield* Layer.build(discord.layerVoice(`${room}'s bot`))
      return yield* VoiceSession.join({
        guildId: yield* discord.guild("guild"),
        channelId: yield* discord.channel(room)
      }).pipe(Effect.provide(bot))
    }))
  yield* radio(sessions).pipe(Effect.provide(discord.layerVoice("lobby's bot")))
  for (const guest of guests) assert.ok((yield* guest.heard).length > 100)
  assert.deepEqual(yield* discord.violations, [])
}).pipe(
  Effect.scoped,
  Effect.provide(Emulator.layer({
    world: {
      channels: [{ name: "lobby" }, { name: "garden" }],
      users: [{ name: "lobby's bot", bot: true }, { name: "garden's bot", bot: true }]
    }
  }))
)

NodeRuntime.runMain(program)
