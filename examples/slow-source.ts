/**
 * Plays a speech synthesis that takes two seconds for each second of speech. When it has run dry, the track waits until
 * there is enough to go on. Runs against the emulator; no token needed.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Effect, Schedule, Stream } from "effect"
import { AudioSource, VoiceSession } from "effect-discord-voice"
import { Emulator } from "effect-discord-voice/emulator"
import assert from "node:assert/strict"
import * as tone from "./tone.ts"

/** Pieces of 20 ms, one every 40 ms. */
const synthesis = Stream.fromIterable(tone.pcm(2)).pipe(
  Stream.grouped(2 * 960),
  Stream.map((samples) => Int16Array.from(samples)),
  Stream.schedule(Schedule.spaced("40 millis"))
)

const say = Effect.fnUntraced(function*(where: VoiceSession.JoinOptions) {
  const session = yield* VoiceSession.join(where)
  const speech = AudioSource.fromPcm(synthesis, { rate: 48_000, channels: 2, name: "speech" })
  const track = yield* session.play(speech, { lead: "500 millis", refill: "1 second" })
  const events = yield* Stream.runCollect(track.events)
  return events.filter(({ _tag }) => _tag === "Stalled").length
}, Effect.scoped)

const program = Effect.gen(function*() {
  const discord = yield* Emulator.Emulator
  const where = { guildId: yield* discord.guild("guild"), channelId: yield* discord.channel("lobby") }
  const gaps = yield* say(where).pipe(Effect.provide(discord.layerVoice("bot")))
  yield* Effect.log(`Two seconds of speech were heard. Gaps: ${gaps}.`)
  assert.ok(gaps > 0 && gaps <= 2)
}).pipe(Effect.scoped, Effect.provide(Emulator.layer()))

NodeRuntime.runMain(program)
