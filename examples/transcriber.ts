/**
 * Writes down what is said, to the last word: when it is told to stop, the session leaves first, and what was being said at that
 * moment still comes as an utterance. Whoever reads the utterances lives outside of the session.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Deferred, Effect, Fiber, Stream } from "effect"
import { OpusEncoder, type Utterances, VoiceSession } from "effect-discord-voice"
import { Emulator } from "effect-discord-voice/emulator"
import assert from "node:assert/strict"
import * as tone from "./tone.ts"

/** Speech recognition would go here. It takes its time. */
const recognize = ({ endMs, reason, startMs, userId }: Utterances.Utterance) =>
  Effect.as(Effect.sleep("300 millis"), `${userId}: ${((endMs - startMs) / 1_000).toFixed(1)} s, ${reason}`)

const transcriber = Effect.fnUntraced(function*(where: VoiceSession.JoinOptions, stop: Effect.Effect<void>) {
  const lines: Array<string> = []
  const outside = yield* Effect.scope
  const reading = yield* Effect.scoped(Effect.gen(function*() {
    const session = yield* VoiceSession.join(where)
    // so much is held while the recognition is behind: 20 of 10 seconds are some 8 MB
    const reader = yield* session.receive.utterances({ capacity: 20, maximum: "10 seconds" }).pipe(
      Stream.runForEach((utterance) => Effect.map(recognize(utterance), (line) => lines.push(line))),
      // we have left
      Effect.catchReason("VoiceError", "NotConnected", () => Effect.void),
      Effect.forkIn(outside, { startImmediately: true })
    )
    yield* stop
    return reader
  }))
  yield* Fiber.join(reading)
  return lines
})

const program = Effect.gen(function*() {
  const discord = yield* Emulator.Emulator
  const where = { guildId: yield* discord.guild("guild"), channelId: yield* discord.channel("lobby") }
  const ada = yield* discord.join({ user: "ada", channel: "lobby" })
  const stop = yield* Deferred.make<void>()
  const bot = yield* transcriber(where, Deferred.await(stop)).pipe(
    Effect.provide(discord.layerVoice("bot")),
    Effect.forkScoped
  )
  // however long a busy machine takes for it; and then it listens
  yield* ada.awaitHeardBy("bot")
  yield* Effect.sleep("200 millis")
  yield* ada.speak(yield* tone.frames(1))
  yield* Effect.sleep("1 second")
  // it is stopped while she speaks
  yield* Effect.forkScoped(Effect.ignore(ada.speak(yield* tone.frames(3))))
  yield* Effect.sleep("1 second")
  yield* Deferred.succeed(stop, undefined)
  const lines = yield* Fiber.join(bot)
  yield* Effect.forEach(lines, (line) => Effect.log(line))
  assert.equal(lines.length, 2)
  assert.match(lines[0] ?? "", /silence$/)
  assert.match(lines[1] ?? "", /left$/)
}).pipe(Effect.scoped, Effect.provide([Emulator.layer(), OpusEncoder.layer]))

NodeRuntime.runMain(program)
