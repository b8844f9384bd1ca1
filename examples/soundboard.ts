/**
 * A soundboard: sounds are read and encoded once, kept in memory, and played in two channels at the same time. A longer
 * PCM sound is encoded while it plays. Runs against the emulator; no token needed.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Effect, Layer } from "effect"
import { AudioSource, OpusEncoder, VoiceSession } from "effect-discord-voice"
import { Emulator } from "effect-discord-voice/emulator"
import assert from "node:assert/strict"

/** These tones stand in for the files of a soundboard. */
const files = {
  gong: AudioSource.tone({ frequency: 220, duration: "600 millis" }),
  beep: AudioSource.tone({ frequency: 880, duration: "200 millis" })
}

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

  const sounds = yield* Effect.all({
    gong: AudioSource.preloaded(files.gong, { maxBytes: 1_000_000, encoder: { bitrate: 96_000 } }),
    beep: AudioSource.preloaded(files.beep, { maxBytes: 1_000_000 })
  })
  const press = (name: keyof typeof sounds, session: VoiceSession.VoiceSession) => session.play(sounds[name])
  yield* Effect.log(`Two sounds in ${sounds.gong.bytes + sounds.beep.bytes} bytes`)

  for (const name of ["gong", "beep"] as const) {
    const tracks = yield* Effect.forEach(sessions, (session) => press(name, session))
    for (const track of tracks) assert.equal((yield* track.awaitEnd)._tag, "Finished")
  }

  const [session] = sessions
  assert.ok(session)
  const wave = AudioSource.tone({ frequency: 440, duration: "1 second" })
  const encoded = AudioSource.encoded(wave, { bitrate: 64_000 })
  const track = yield* session.play(encoded)
  const end = yield* track.awaitEnd
  assert.equal(end._tag, "Finished")

  const heard = yield* Effect.forEach(guests, (guest) => guest.heard)
  yield* Effect.log(`The guests heard ${heard.map((frames) => frames.length).join(" and ")} frames`)
  for (const frames of heard) assert.ok(frames.length >= 40)
  assert.deepEqual(yield* discord.violations, [])
}).pipe(
  Effect.scoped,
  Effect.provide([
    OpusEncoder.layer,
    Emulator.layer({
      world: {
        channels: [{ name: "lobby" }, { name: "garden" }],
        users: [{ name: "lobby's bot", bot: true }, { name: "garden's bot", bot: true }]
      }
    })
  ])
)

NodeRuntime.runMain(program)
