/**
 * Audio filters of your own on an Opus file: a song as if heard through a wall, and one that is played twice as fast.
 * Runs against the emulator; no token needed.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Effect } from "effect"
import { AudioSource, VoiceSession } from "effect-discord-voice"
import { Emulator } from "effect-discord-voice/emulator"
import assert from "node:assert/strict"

/** A one-pole low-pass filter for two channels. */
const throughAWall = (cutoff: number) => () => {
  const share = 1 - Math.exp((-2 * Math.PI * cutoff) / 48_000)
  const held = [0, 0]
  return (samples: Float32Array) =>
    samples.map((sample, i) => {
      const before = held[i % 2] ?? 0
      return held[i % 2] = before + share * (sample - before)
    })
}

/** Keeps every other sample: half the duration, and an octave higher. */
const faster = () => {
  let first = 0
  return (samples: Float32Array) => {
    const from = first
    first = (first + samples.length / 2) % 2
    return samples.filter((_, i) => ((i >> 1) + from) % 2 === 0)
  }
}

const play = Effect.gen(function*() {
  const discord = yield* Emulator.Emulator
  const session = yield* VoiceSession.join({
    guildId: yield* discord.guild("guild"),
    channelId: yield* discord.channel("lobby")
  })
  const song = AudioSource.fromFile(new URL("song.ogg", import.meta.url))
  const track = yield* session.play(AudioSource.mapPcm(song, throughAWall(500)))
  const end = yield* track.awaitEnd
  yield* Effect.log(`${track.name}: ${end._tag}, ${(yield* track.metrics).sent} frames`)
  assert.equal(end._tag, "Finished")

  const hurried = yield* session.play(AudioSource.mapPcm(song, faster, { speed: 2 }))
  assert.deepEqual([hurried.speed, hurried.durationMs], [2, track.durationMs])
  yield* hurried.seek("1 second")
  yield* hurried.awaitEnd
  yield* Effect.log(`${hurried.name}, twice as fast: at ${Math.round(yield* hurried.position)} ms`)
}).pipe(Effect.scoped)

const program = Effect.gen(function*() {
  const discord = yield* Emulator.Emulator
  yield* Effect.provide(play, discord.layerVoice("bot"))
}).pipe(Effect.provide(Emulator.layer()))

NodeRuntime.runMain(program)
