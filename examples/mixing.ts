/**
 * Plays several tracks at once: music gets quieter while a voice speaks over it, and one song crossfades into the next.
 * Runs against the emulator; no token needed.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Effect } from "effect"
import { AudioSource, VoiceSession } from "effect-discord-voice"
import { Emulator } from "effect-discord-voice/emulator"
import assert from "node:assert/strict"
import * as tone from "./tone.ts"

const song = AudioSource.fromFile(new URL("song.ogg", import.meta.url))
const voice = AudioSource.fromPcm(tone.pcm(1), { channels: 2, rate: 48_000, name: "voice" })

const perform = Effect.fnUntraced(function*(where: VoiceSession.JoinOptions) {
  const session = yield* VoiceSession.join({ ...where, encoder: { bitrate: 96_000 } })
  const music = yield* session.play(song, { loop: "forever" })
  yield* Effect.sleep("500 millis")

  const speech = yield* session.play(voice, { duck: { gain: 0.2, release: "300 millis" } })
  yield* speech.awaitEnd

  yield* music.volume(0.5, { ramp: "200 millis" })
  yield* music.loop(0)
  const next = yield* session.play(song, { after: music, crossfade: "800 millis" })
  const playing = yield* session.tracks
  yield* Effect.log(`${playing.length} tracks: ${playing.map(({ name }) => name).join(", ")}`)
  yield* music.awaitEnd

  yield* next.fade(0, "500 millis")
  yield* Effect.sleep("700 millis")
  yield* next.stop
  return yield* next.metrics
}, Effect.scoped)

const program = Effect.gen(function*() {
  const discord = yield* Emulator.Emulator
  const guest = yield* discord.join({ user: "guest", channel: "lobby" })
  const where = { guildId: yield* discord.guild("guild"), channelId: yield* discord.channel("lobby") }
  const metrics = yield* perform(where).pipe(Effect.provide(discord.layerVoice("bot")))
  yield* Effect.log(`sent ${metrics.sent} frames of the last song, ${metrics.missed} missed`)
  assert.ok(metrics.sent > 40)
  assert.ok((yield* guest.heard).length > 150)
  assert.deepEqual(yield* discord.violations, [])
}).pipe(Effect.scoped, Effect.provide(Emulator.layer()))

NodeRuntime.runMain(program)
