/**
 * Changes sound effects while a song plays: more bass, a sound that moves from side to side, an echo, faster and
 * higher, and no effects again. Runs against the emulator; no token needed.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Effect } from "effect"
import { AudioSource, SoundEffect, type Track, TrackQueue, VoiceSession } from "effect-discord-voice"
import { Emulator } from "effect-discord-voice/emulator"
import assert from "node:assert/strict"

const song = AudioSource.fromFile(new URL("song.ogg", import.meta.url))

const presets: Record<string, ReadonlyArray<SoundEffect.SoundEffect>> = {
  "8d": [{ _tag: "Rotation", hz: 0.2 }],
  bass: [SoundEffect.lavalinkEqualizer([0.2, 0.15, 0.1, 0.05, 0, -0.05])],
  hall: [{ _tag: "HighPass", hz: 120 }, { _tag: "Echo", delayMs: 180, level: 0.4, decay: 0.6 }],
  nightcore: [{ _tag: "Timescale", speed: 1.2, pitch: 1.2 }],
  none: []
}

/** Applies effects that somebody has written in a chat, such as `[{"_tag":"Tremolo","hz":4}]`. */
const fromJson = (track: Track.Track, text: string) =>
  track.setEffects(JSON.parse(text)).pipe(
    Effect.as("the effects have changed"),
    Effect.catchReason("VoiceError", "Unsupported", ({ message }) => Effect.succeed(message))
  )

const perform = Effect.fnUntraced(function*(where: VoiceSession.JoinOptions) {
  const session = yield* VoiceSession.join(where)
  const track = yield* session.play(song, { loop: "forever", effects: presets.bass })
  for (const name of ["8d", "hall", "nightcore"]) {
    yield* Effect.sleep("700 millis")
    yield* track.setEffects(presets[name] ?? [])
    yield* Effect.log(`${name}: speed ${track.speed}, at ${Math.round(yield* track.position)} ms`)
  }
  assert.equal(track.speed, 1.2)
  assert.equal(yield* fromJson(track, "[{\"_tag\":\"Tremolo\",\"hz\":4}]"), "the effects have changed")
  const refusal = yield* fromJson(track, "[{\"_tag\":\"Tremolo\",\"hz\":0}]")
  yield* Effect.log(refusal)
  assert.match(refusal, /expected a value between 0.01 and 100 at effects\[0\]\.hz/)

  // without effects, Opus is passed through again
  yield* track.setEffects([])
  yield* Effect.sleep("500 millis")
  yield* track.stop
  return yield* track.metrics
}, Effect.scoped)

const inTurn = Effect.fnUntraced(function*(where: VoiceSession.JoinOptions) {
  const session = yield* VoiceSession.join(where)
  const queue = yield* TrackQueue.make(session, { effects: presets.nightcore })
  yield* queue.add(song, { until: "1 second" })
  yield* queue.add(song, { from: "1 second", until: "2 seconds" })
  yield* Effect.sleep("500 millis")
  yield* queue.setEffects(presets.hall ?? [])
  yield* queue.awaitIdle
}, Effect.scoped)

const program = Effect.gen(function*() {
  const discord = yield* Emulator.Emulator
  const guest = yield* discord.join({ user: "guest", channel: "lobby" })
  const where = { guildId: yield* discord.guild("guild"), channelId: yield* discord.channel("lobby") }
  const metrics = yield* perform(where).pipe(Effect.provide(discord.layerVoice("bot")))
  yield* Effect.log(`sent ${metrics.sent} frames, ${metrics.missed} missed`)
  assert.ok(metrics.sent > 50)
  yield* inTurn(where).pipe(Effect.provide(discord.layerVoice("bot")))
  assert.ok((yield* guest.heard).length > 100)
  assert.deepEqual(yield* discord.violations, [])
}).pipe(Effect.scoped, Effect.provide(Emulator.layer()))

NodeRuntime.runMain(program)
