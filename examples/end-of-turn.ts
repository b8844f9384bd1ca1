/**
 * Waits for the rest of a sentence when somebody pauses to think. A model says whether the speaker is done; if not, the
 * agent waits, and everything that was said is one utterance. Runs against the emulator; no token needed.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Effect, Queue, Stream } from "effect"
import { OpusEncoder, type Utterances, VoiceSession } from "effect-discord-voice"
import { Emulator } from "effect-discord-voice/emulator"
import assert from "node:assert/strict"
import * as tone from "./tone.ts"

/** A model would go here. This one thinks that a sentence takes more than two seconds. */
const isDone = (soFar: Utterances.Utterance) =>
  Effect.delay(Effect.succeed(soFar.endMs - soFar.startMs > 2_000), "50 millis")

const listen = Effect.fnUntraced(function*(
  where: VoiceSession.JoinOptions,
  said: Queue.Queue<Utterances.Utterance>
) {
  const session = yield* VoiceSession.join(where)
  const utterances = session.receive.utterances({
    silence: "300 millis",
    // wait up to 2 seconds for more if the user is not done; do not wait if the model is late or fails
    turn: (soFar) =>
      isDone(soFar).pipe(
        Effect.map((done) => done ? 0 : "2 seconds"),
        Effect.timeout("1 second"),
        Effect.orElseSucceed(() => 0)
      )
  })
  yield* Stream.runForEach(utterances, (utterance) => Queue.offer(said, utterance))
}, Effect.scoped)

const program = Effect.gen(function*() {
  const discord = yield* Emulator.Emulator
  const where = { guildId: yield* discord.guild("guild"), channelId: yield* discord.channel("lobby") }
  const ada = yield* discord.join({ user: "ada", channel: "lobby" })
  const said = yield* Queue.unbounded<Utterances.Utterance>()
  yield* listen(where, said).pipe(Effect.provide(discord.layerVoice("bot")), Effect.forkScoped)
  // the bot needs a moment to connect, and another to start listening
  yield* ada.awaitHeardBy("bot")
  yield* Effect.sleep("200 millis")
  yield* ada.speak(yield* tone.frames(1))
  yield* Effect.sleep("700 millis")
  yield* ada.speak(yield* tone.frames(1))
  const { endMs, startMs } = yield* Queue.take(said)
  yield* Effect.log(`One utterance of ${Math.round(endMs - startMs)} ms, including the pause`)
  assert.ok(endMs - startMs > 2_500, String(endMs - startMs))
}).pipe(Effect.scoped, Effect.provide([Emulator.layer(), OpusEncoder.layer]))

NodeRuntime.runMain(program)
