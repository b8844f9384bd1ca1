/**
 * The skeleton of an agent that one can talk with: it listens for utterances, answers each, and falls silent as soon as it is
 * spoken over. Where a real one asks a speech recognition and a language model, this one answers with a tone.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Effect, FiberHandle, Queue, Stream } from "effect"
import { AudioSource, OpusEncoder, Utterances, VoiceSession } from "effect-discord-voice"
import { Emulator } from "effect-discord-voice/emulator"
import assert from "node:assert/strict"
import * as tone from "./tone.ts"

/** What the agent does, for the example to look at. */
type Step = "answers" | "falls silent" | "has answered"

/** Speech recognition, a language model and speech synthesis would go here. */
const reply = ({ pcm, rate, userId }: Utterances.Utterance) =>
  Effect.gen(function*() {
    yield* Effect.log(`${userId} said something of ${(pcm.length / rate).toFixed(1)} s`)
    return AudioSource.fromFrames(yield* tone.frames(2))
  })

const agent = Effect.fnUntraced(function*(where: VoiceSession.JoinOptions, steps: Queue.Queue<Step>) {
  const session = yield* VoiceSession.join(where)
  /** Thinks and speaks; whoever interrupts it makes it silent. */
  const answer = Effect.fnUntraced(function*(utterance: Utterances.Utterance) {
    const track = yield* session.play(yield* reply(utterance))
    yield* Queue.offer(steps, "answers")
    yield* track.awaitEnd.pipe(
      // what was heard of the answer is what a language model should know of it
      Effect.onInterrupt(() =>
        session.interrupt.pipe(
          Effect.andThen((heard) =>
            Effect.log(`They heard ${heard.map(({ positionMs }) => Math.round(positionMs))} ms of it`)
          ),
          Effect.andThen(Queue.offer(steps, "falls silent"))
        )
      )
    )
    yield* Queue.offer(steps, "has answered")
  })
  const answering = yield* FiberHandle.make()
  yield* Utterances.events(session, { silence: "500 millis" }).pipe(
    Stream.runForEach((event) => {
      switch (event._tag) {
        case "Started":
          return FiberHandle.clear(answering)
        case "Ended":
          return Effect.asVoid(FiberHandle.run(answering, answer(event.utterance)))
        // a cough
        case "Discarded":
          return Effect.void
      }
    })
  )
}, Effect.scoped)

const program = Effect.gen(function*() {
  const discord = yield* Emulator.Emulator
  const where = { guildId: yield* discord.guild("guild"), channelId: yield* discord.channel("lobby") }
  const ada = yield* discord.join({ user: "ada", channel: "lobby" })
  const speech = yield* tone.frames(0.6)
  const steps = yield* Queue.unbounded<Step>()
  yield* agent(where, steps).pipe(Effect.provide(discord.layerVoice("bot")), Effect.forkScoped)
  const next = (expected: Step) =>
    Queue.take(steps).pipe(
      Effect.tap((step) => Effect.log(`The agent ${step}`)),
      Effect.map((step) => assert.equal(step, expected))
    )

  yield* Effect.sleep("1 second")
  yield* ada.speak(speech)
  yield* next("answers")
  yield* ada.awaitFrames(10)
  // it is spoken over, falls silent, and answers what was said then
  yield* Effect.forkScoped(ada.speak(speech))
  yield* next("falls silent")
  yield* next("answers")
  yield* next("has answered")
}).pipe(Effect.scoped, Effect.provide([Emulator.layer(), OpusEncoder.layer]))

NodeRuntime.runMain(program)
