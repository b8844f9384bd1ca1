/**
 * Writes down what is said, to the last word: when it is told to stop, or interrupted (as by SIGTERM), the session leaves first, and
 * what was being said at that moment still comes as an utterance. Whoever reads the utterances lives outside of the session. A recognition
 * that fails, or hangs, costs its own utterance and no other.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Deferred, Effect, Fiber, Scope, Stream } from "effect"
import { OpusEncoder, type Utterances, VoiceSession } from "effect-discord-voice"
import { Emulator } from "effect-discord-voice/emulator"
import assert from "node:assert/strict"
import * as tone from "./tone.ts"

/** How often the service was asked. */
let calls = 0

/** Speech recognition would go here. It takes its time. This one fails the first time, and never answers the second time. */
const recognize = Effect.fnUntraced(function*({ endMs, reason, startMs, userId }: Utterances.Utterance) {
  calls++
  if (calls === 1) return yield* Effect.fail("there is no connection")
  if (calls === 2) return yield* Effect.never
  yield* Effect.sleep("300 millis")
  return `${userId}: ${((endMs - startMs) / 1_000).toFixed(1)} s, ${reason}`
})

/** What cannot be written down is told, and nobody waits for it any longer. */
const lineOf = (utterance: Utterances.Utterance) =>
  recognize(utterance).pipe(
    Effect.timeout("2 seconds"),
    Effect.catchCause((cause) => Effect.as(Effect.logError("An utterance is not written down", cause), undefined))
  )

const transcriber = Effect.fnUntraced(function*(
  where: VoiceSession.JoinOptions,
  lines: Array<string>,
  stop: Effect.Effect<void>
) {
  const outside = yield* Effect.scope
  const reading = yield* Effect.scoped(Effect.gen(function*() {
    const session = yield* VoiceSession.join(where)
    // so much is held while the recognition is behind: 20 of 10 seconds are some 8 MB
    const reader = yield* session.receive.utterances({ capacity: 20, maximum: "10 seconds" }).pipe(
      // so many at a time, in order: one that takes long does not hold up others at once
      Stream.mapEffect(lineOf, { concurrency: 4 }),
      Stream.runForEach((line) => Effect.sync(() => line !== undefined && lines.push(line))),
      // we have left
      Effect.catchReason("VoiceError", "NotConnected", () => Effect.void),
      Effect.forkIn(outside, { startImmediately: true })
    )
    // who interrupts us waits for what is recognized by then, but not for ever
    yield* Scope.addFinalizer(outside, Fiber.await(reader).pipe(Effect.timeoutOption("5 seconds")))
    yield* stop
    return reader
  }))
  yield* Fiber.join(reading)
}, Effect.scoped)

const program = Effect.gen(function*() {
  const discord = yield* Emulator.Emulator
  const where = { guildId: yield* discord.guild("guild"), channelId: yield* discord.channel("lobby") }
  const ada = yield* discord.join({ user: "ada", channel: "lobby" })
  for (const how of ["with a service that fails", "stopped", "interrupted"]) {
    const lines: Array<string> = []
    const stop = yield* Deferred.make<void>()
    const bot = yield* transcriber(where, lines, Deferred.await(stop)).pipe(
      Effect.provide(discord.layerVoice("bot")),
      Effect.forkScoped
    )
    // however long a busy machine takes for it; and then it listens
    yield* ada.awaitHeardBy("bot")
    yield* Effect.sleep("200 millis")
    yield* ada.speak(yield* tone.frames(1))
    yield* Effect.sleep("1 second")
    // it has to end while she speaks
    const speaking = yield* Effect.forkScoped(Effect.ignore(ada.speak(yield* tone.frames(3))))
    yield* Effect.sleep("1 second")
    if (how === "interrupted") yield* Fiber.interrupt(bot)
    else {
      yield* Deferred.succeed(stop, undefined)
      yield* Fiber.join(bot)
    }
    yield* Effect.forEach(lines, (line) => Effect.log(`${how}: ${line}`))
    const reasons = how === "with a service that fails" ? [] : ["silence", "left"]
    assert.deepEqual(lines.map((line) => line.split(", ").at(-1)), reasons)
    yield* Fiber.join(speaking)
  }
}).pipe(Effect.scoped, Effect.provide([Emulator.layer(), OpusEncoder.layer]))

NodeRuntime.runMain(program)
