/**
 * A song as if it came through a wall: a filter that a program writes itself, on an Opus file, in an emulated Discord.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Effect } from "effect"
import { AudioSource, VoiceSession } from "effect-discord-voice"
import { Emulator } from "effect-discord-voice/emulator"
import assert from "node:assert/strict"

/** A low-pass filter of one pole, for both channels. */
const throughAWall = (cutoff: number) => () => {
  const share = 1 - Math.exp((-2 * Math.PI * cutoff) / 48_000)
  const held = [0, 0]
  return (samples: Float32Array) =>
    samples.map((sample, i) => {
      const before = held[i % 2] ?? 0
      return held[i % 2] = before + share * (sample - before)
    })
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
}).pipe(Effect.scoped)

const program = Effect.gen(function*() {
  const discord = yield* Emulator.Emulator
  yield* Effect.provide(play, discord.layerVoice("bot"))
}).pipe(Effect.provide(Emulator.layer()))

NodeRuntime.runMain(program)
