/**
 * Hears everybody at once: the level of each participant every 20 ms, and what one of them says as PCM for a
 * transcription service. Runs against the emulator; no token needed.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Effect, Stream } from "effect"
import { OpusEncoder, type UserId, VoiceSession } from "effect-discord-voice"
import { Emulator } from "effect-discord-voice/emulator"
import assert from "node:assert/strict"
import * as tone from "./tone.ts"

/** The peak, from 0 to 1. */
const level = (pcm: Int16Array): number =>
  pcm.reduce((loudest, sample) => Math.max(loudest, Math.abs(sample)), 0) / 32_768

const meter = Effect.fnUntraced(function*(session: VoiceSession.VoiceSession, ticks: number) {
  const loudest = new Map<UserId, number>()
  yield* session.receive.ticksPcm({ rate: 48_000, channels: 1 }).pipe(
    Stream.take(ticks),
    Stream.runForEach(({ participants }) =>
      Effect.sync(() => {
        for (const [userId, { pcm }] of participants) {
          loudest.set(userId, Math.max(loudest.get(userId) ?? 0, level(pcm)))
        }
      })
    )
  )
  return loudest
})

const transcribe = Effect.fnUntraced(function*(session: VoiceSession.VoiceSession, userId: UserId, seconds: number) {
  const pieces = yield* session.receive.user(userId, { rate: 16_000, channels: 1 }).pipe(
    Stream.filter(({ kind }) => kind !== "silence"),
    Stream.map(({ pcm }) => pcm),
    Stream.take(seconds * 50),
    Stream.runCollect
  )
  return pieces.reduce((samples, pcm) => samples + pcm.length, 0)
})

const program = Effect.gen(function*() {
  const discord = yield* Emulator.Emulator
  const frames = yield* tone.frames(1)
  const where = { guildId: yield* discord.guild("guild"), channelId: yield* discord.channel("lobby") }
  const ada = yield* discord.join({ user: "ada", channel: "lobby" })
  const bob = yield* discord.join({ user: "bob", channel: "lobby" })
  yield* Effect.forkScoped(Effect.forever(ada.speak(frames)))

  const [levels, samples] = yield* Effect.gen(function*() {
    const session = yield* VoiceSession.join(where)
    return yield* Effect.all([meter(session, 75), transcribe(session, ada.userId, 1)], { concurrency: 2 })
  }).pipe(Effect.scoped, Effect.provide(discord.layerVoice("bot")))

  for (const [userId, loudest] of levels) yield* Effect.log(`${userId} ${"#".repeat(Math.round(loudest * 40))}`)
  yield* Effect.log(`${samples} samples at 16 kHz to transcribe`)
  assert.ok((levels.get(ada.userId) ?? 0) > 0.1)
  assert.equal(levels.get(bob.userId), 0)
  assert.equal(samples, 16_000)
}).pipe(Effect.scoped, Effect.provide([Emulator.layer(), OpusEncoder.layer]))

NodeRuntime.runMain(program)
