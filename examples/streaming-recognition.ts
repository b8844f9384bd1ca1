/**
 * Sends speech to a streaming recognition service while it is spoken, so that the text is nearly ready when the speaker
 * falls silent. A recognition that loses its connection starts over and receives everything again. One that fails
 * permanently, or never answers, costs one line. Runs against the emulator; no token needed.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Clock, Effect, Fiber, Queue, Stream } from "effect"
import { OpusEncoder, Utterances, VoiceSession } from "effect-discord-voice"
import { Emulator } from "effect-discord-voice/emulator"
import assert from "node:assert/strict"
import * as tone from "./tone.ts"

const nowMs = Effect.map(Clock.monotonicTimeNanos, (nanos) => Number(nanos) / 1_000_000)

/** How often the service was called. */
let tries = 0

/** The WebSocket of a service would go here. This one loses its first connection in the middle. */
const recognize = Effect.fnUntraced(function*(pcm: Stream.Stream<Int16Array>, rate: number) {
  const isLost = ++tries === 1
  let samples = 0
  yield* Effect.sleep("50 millis")
  yield* pcm.pipe(
    Stream.runForEach((piece) => {
      samples += piece.length
      return isLost && samples > rate / 2 ? Effect.fail("the connection was lost") : Effect.void
    })
  )
  yield* Effect.sleep("100 millis")
  return `${(samples / rate).toFixed(1)} s`
})

/** What was said, and how long after the end of the utterance that was known. */
interface Line {
  readonly text: string
  readonly afterMs: number
}

const listen = Effect.fnUntraced(function*(where: VoiceSession.JoinOptions, lines: Queue.Queue<Line>) {
  const session = yield* VoiceSession.join(where)
  const recognitions = new Map<string, Fiber.Fiber<string, string>>()
  /** Removes and returns the recognition of what a user was saying. */
  const take = (userId: string) => {
    const recognition = recognitions.get(userId)
    recognitions.delete(userId)
    return recognition
  }
  yield* Utterances.events(session, { silence: "300 millis" }).pipe(
    Stream.runForEach(Effect.fnUntraced(function*(event) {
      switch (event._tag) {
        case "Started": {
          // each attempt reads the utterance from its beginning
          const recognition = recognize(event.pcm, event.rate).pipe(Effect.retry({ times: 3 }))
          recognitions.set(event.userId, yield* Effect.forkScoped(recognition))
          return
        }
        // too short to be speech, such as a knock
        case "Discarded": {
          const recognition = take(event.userId)
          if (recognition !== undefined) yield* Fiber.interrupt(recognition)
          return
        }
        case "Ended": {
          const recognition = take(event.userId)
          if (recognition === undefined) return
          const line = Effect.gen(function*() {
            const text = yield* Effect.timeout(Fiber.join(recognition), "5 seconds")
            yield* Queue.offer(lines, { text, afterMs: (yield* nowMs) - event.utterance.endMs })
          })
          yield* Effect.forkScoped(line.pipe(
            // nobody awaits this fiber, so log the error here
            Effect.catchCause((cause) => Effect.logError("An utterance was not recognized", cause)),
            Effect.ensuring(Fiber.interrupt(recognition))
          ))
        }
      }
    }))
  )
}, Effect.scoped)

const program = Effect.gen(function*() {
  const discord = yield* Emulator.Emulator
  const where = { guildId: yield* discord.guild("guild"), channelId: yield* discord.channel("lobby") }
  const ada = yield* discord.join({ user: "ada", channel: "lobby" })
  const lines = yield* Queue.unbounded<Line>()
  yield* listen(where, lines).pipe(Effect.provide(discord.layerVoice("bot")), Effect.forkScoped)
  // the bot needs a moment to connect, and another to start listening
  yield* ada.awaitHeardBy("bot")
  yield* Effect.sleep("200 millis")
  for (const seconds of [2, 1]) {
    yield* ada.speak(yield* tone.frames(seconds))
    const { afterMs, text } = yield* Queue.take(lines)
    yield* Effect.log(`${text} of speech, recognized ${Math.round(afterMs)} ms after its end`)
    // including up to 300 ms of silence
    assert.ok(Number.parseFloat(text) >= seconds && Number.parseFloat(text) < seconds + 0.5, text)
  }
  assert.equal(tries, 3)
}).pipe(Effect.scoped, Effect.provide([Emulator.layer(), OpusEncoder.layer]))

NodeRuntime.runMain(program)
