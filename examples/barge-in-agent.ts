/**
 * A voice agent that you can talk to and interrupt. It answers each utterance, lowers its voice as soon as somebody
 * makes a sound, falls silent when somebody speaks over it, and carries on after a cough. A tone stands in for the
 * answer that a real agent gets from speech recognition and a language model. Runs against the emulator; no token
 * needed.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Effect, FiberHandle, Queue, Stream } from "effect"
import { AudioSource, OpusDecoder, OpusEncoder, Utterances, VoiceSession } from "effect-discord-voice"
import { Emulator } from "effect-discord-voice/emulator"
import assert from "node:assert/strict"
import * as tone from "./tone.ts"

/** What the agent reports, so that the example can check it. */
type Step = "answers" | "falls silent" | "has answered" | "has no answer"

/** Whether the speech and language services can be reached. */
let isReachable = true

/** Speech recognition, a language model and speech synthesis would go here. */
const reply = ({ pcm, rate, userId }: Utterances.Utterance) =>
  Effect.gen(function*() {
    yield* Effect.log(`${userId} spoke for ${(pcm.length / rate).toFixed(1)} s`)
    if (!isReachable) return yield* Effect.fail("no connection to the service")
    return AudioSource.fromPcm(tone.pcm(5), { channels: 2, rate: 48_000, name: "answer" })
  })

const agent = Effect.fnUntraced(function*(where: VoiceSession.JoinOptions, steps: Queue.Queue<Step>) {
  const session = yield* VoiceSession.join(where)
  /** The users who are making a sound. */
  const heard = new Set<string>()
  const gain = () => heard.size === 0 ? 1 : 0.2
  const level = Effect.gen(function*() {
    for (const track of yield* session.tracks) yield* track.fade(gain(), "60 millis")
  })
  /** Thinks, then speaks. Interrupting it silences the bot. */
  const answer = Effect.fnUntraced(function*(utterance: Utterances.Utterance) {
    const source = yield* Effect.timeout(reply(utterance), "20 seconds")
    const speech = Effect.gen(function*() {
      const track = yield* session.play(source, { gain: gain() })
      yield* Queue.offer(steps, "answers")
      yield* track.awaitEnd
    })
    yield* Effect.onInterrupt(speech, () =>
      Effect.gen(function*() {
        // tell a language model only the part of the answer that was heard
        const [spoken] = yield* session.interrupt
        if (spoken === undefined) return
        yield* Effect.log(`They heard ${Math.round(spoken.positionMs)} ms of the answer`)
        yield* Queue.offer(steps, "falls silent")
      }))
    yield* Queue.offer(steps, "has answered")
  }, (answering) =>
    // nobody awaits this fiber, so log the error here
    Effect.catchCause(answering, (cause) =>
      Effect.andThen(Effect.logError("An answer failed", cause), Queue.offer(steps, "has no answer"))))
  const answering = yield* FiberHandle.make()
  yield* Utterances.events(session, { silence: "500 millis" }).pipe(
    Stream.runForEach(Effect.fnUntraced(function*(event) {
      switch (event._tag) {
        case "Started":
          heard.add(event.userId)
          return yield* level
        case "Confirmed":
          return yield* FiberHandle.clear(answering)
        case "Ended": {
          heard.delete(event.userId)
          yield* level
          // during an answer, a short utterance is a cough or a word of agreement
          const onlyIfMissing = !event.utterance.confirmed
          yield* FiberHandle.run(answering, answer(event.utterance), { onlyIfMissing })
          return
        }
        // too short to be speech, such as a knock
        case "Discarded":
          heard.delete(event.userId)
          yield* level
      }
    }))
  )
}, Effect.scoped)

/** The peak level of each frame, where 1 is the loudest frame. */
const levels = Effect.fnUntraced(function*(payloads: ReadonlyArray<Uint8Array>) {
  const decoder = yield* (yield* OpusDecoder.OpusDecoder).make({ channels: 1 })
  const peaks = yield* Effect.forEach(
    payloads,
    (payload) => Effect.map(decoder.decode(payload), (pcm) => pcm.reduce((peak, at) => Math.max(peak, Math.abs(at)), 0))
  )
  return peaks.map((peak) => peak / Math.max(...peaks))
}, Effect.scoped)

const program = Effect.gen(function*() {
  const discord = yield* Emulator.Emulator
  const where = { guildId: yield* discord.guild("guild"), channelId: yield* discord.channel("lobby") }
  const ada = yield* discord.join({ user: "ada", channel: "lobby" })
  const steps = yield* Queue.unbounded<Step>()
  yield* agent(where, steps).pipe(Effect.provide(discord.layerVoice("bot")), Effect.forkScoped)
  const next = (expected: Step) =>
    Queue.take(steps).pipe(
      Effect.tap((step) => Effect.log(`The agent ${step}`)),
      Effect.map((step) => assert.equal(step, expected))
    )

  // the bot needs a moment to connect, and another to start listening
  yield* ada.awaitHeardBy("bot")
  yield* Effect.sleep("200 millis")
  yield* ada.speak(yield* tone.frames(0.6))
  yield* next("answers")
  yield* ada.awaitFrames(10)
  // a knock and a cough: the agent goes on speaking, as loud as before
  for (const seconds of [0.06, 0.2]) {
    yield* ada.speak(yield* tone.frames(seconds))
    yield* Effect.sleep("800 millis")
  }
  yield* next("has answered")
  const heard = yield* levels((yield* ada.awaitFrames(250)).map(({ payload }) => payload))
  const low = heard.map((level, at) => ({ level, at })).filter(({ level }) => level < 0.3)
  yield* Effect.log(`${low.length} of ${heard.length} frames were quiet`)
  assert.ok(low.length > 0, "it lowered its voice")
  assert.ok(heard.slice(-20, -5).every((level) => level > 0.8), "it ended as loud as it began")

  // a service that fails costs only one answer
  isReachable = false
  yield* ada.speak(yield* tone.frames(0.6))
  yield* next("has no answer")
  isReachable = true

  // somebody speaks over the agent, which falls silent and then answers that
  yield* ada.speak(yield* tone.frames(0.6))
  yield* next("answers")
  yield* Effect.sleep("500 millis")
  yield* Effect.forkScoped(ada.speak(yield* tone.frames(1)))
  yield* next("falls silent")
  yield* next("answers")
  yield* next("has answered")
}).pipe(Effect.scoped, Effect.provide([Emulator.layer(), OpusEncoder.layer, OpusDecoder.layer]))

NodeRuntime.runMain(program)
