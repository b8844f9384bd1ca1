/**
 * Transcribes a call to the last word. When it is told to stop, or is interrupted (as by SIGTERM), the session leaves
 * first, and what was being said at that moment still arrives as an utterance. For that, the utterances are read
 * outside of the session's scope. A recognition that fails or hangs costs only its own utterance. Runs against the
 * emulator; no token needed.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Deferred, Effect, Fiber, Scope, Stream } from "effect"
import { OpusEncoder, type Utterances, VoiceSession } from "effect-discord-voice"
import { Emulator } from "effect-discord-voice/emulator"
import assert from "node:assert/strict"
import * as tone from "./tone.ts"

/** How often the service was called. */
let calls = 0

/** Speech recognition would go here. This one is slow, fails the first time, and never answers the second time. */
const recognize = Effect.fnUntraced(function*({ endMs, member, reason, startMs, userId }: Utterances.Utterance) {
  calls++
  if (calls === 1) return yield* Effect.fail("no connection to the service")
  if (calls === 2) return yield* Effect.never
  yield* Effect.sleep("300 millis")
  // the name is also known of those who have left
  return `${member?.name ?? userId}: ${((endMs - startMs) / 1_000).toFixed(1)} s, ${reason}`
})

/** Logs an utterance that cannot be transcribed in time, and goes on without it. */
const lineOf = (utterance: Utterances.Utterance) =>
  recognize(utterance).pipe(
    Effect.timeout("2 seconds"),
    Effect.catchCause((cause) => Effect.as(Effect.logError("An utterance could not be transcribed", cause), undefined))
  )

const transcriber = Effect.fnUntraced(function*(
  where: VoiceSession.JoinOptions,
  lines: Array<string>,
  stop: Effect.Effect<void>
) {
  const outside = yield* Effect.scope
  const reading = yield* Effect.scoped(Effect.gen(function*() {
    const session = yield* VoiceSession.join(where)
    // what may wait while the recognition is behind: 20 utterances of 10 seconds take about 8 MB
    const reader = yield* session.receive.utterances({ capacity: 20, maximum: "10 seconds" }).pipe(
      // four at a time, in order: a slow one does not hold up the others immediately
      Stream.mapEffect(lineOf, { concurrency: 4 }),
      Stream.runForEach((line) => Effect.sync(() => line !== undefined && lines.push(line))),
      // the bot has left
      Effect.catchReason("VoiceError", "NotConnected", () => Effect.void),
      Effect.forkIn(outside, { startImmediately: true })
    )
    // an interruption waits for the recognitions to finish, but for no more than 5 seconds
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
    // the bot needs a moment to connect, and another to start listening
    yield* ada.awaitHeardBy("bot")
    yield* Effect.sleep("200 millis")
    yield* ada.speak(yield* tone.frames(1))
    yield* Effect.sleep("1 second")
    // the bot has to end while ada is speaking
    const speaking = yield* Effect.forkScoped(Effect.ignore(ada.speak(yield* tone.frames(3))))
    yield* Effect.sleep("1 second")
    if (how === "interrupted") yield* Fiber.interrupt(bot)
    else {
      yield* Deferred.succeed(stop, undefined)
      yield* Fiber.join(bot)
    }
    yield* Effect.forEach(lines, (line) => Effect.log(`${how}: ${line}`))
    assert.ok(lines.every((line) => line.startsWith("ada: ")))
    const reasons = how === "with a service that fails" ? [] : ["silence", "left"]
    assert.deepEqual(lines.map((line) => line.split(", ").at(-1)), reasons)
    yield* Fiber.join(speaking)
  }
}).pipe(Effect.scoped, Effect.provide([Emulator.layer(), OpusEncoder.layer]))

NodeRuntime.runMain(program)
