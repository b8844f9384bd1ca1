/**
 * Somebody thinks in the middle of a sentence. A model that is asked whether they are done has the agent wait for the rest of it, and
 * what was said is one utterance.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Effect, Queue, Stream } from "effect"
import { OpusEncoder, type Utterances, VoiceSession } from "effect-discord-voice"
import { Emulator } from "effect-discord-voice/emulator"
import assert from "node:assert/strict"
import * as tone from "./tone.ts"

/** A model would be here. For this one, a sentence is as long as two seconds. */
const isDone = (soFar: Utterances.Utterance) =>
  Effect.delay(Effect.succeed(soFar.endMs - soFar.startMs > 2_000), "50 millis")

const listen = Effect.fnUntraced(function*(
  where: VoiceSession.JoinOptions,
  said: Queue.Queue<Utterances.Utterance>
) {
  const session = yield* VoiceSession.join(where)
  const utterances = session.receive.utterances({
    silence: "300 millis",
    // so much longer, if there is more to come; a model that is late or broken is not waited for
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
  // however long a busy machine takes for it; and then it listens
  yield* ada.awaitHeardBy("bot")
  yield* Effect.sleep("200 millis")
  yield* ada.speak(yield* tone.frames(1))
  yield* Effect.sleep("700 millis")
  yield* ada.speak(yield* tone.frames(1))
  const { endMs, startMs } = yield* Queue.take(said)
  yield* Effect.log(`${Math.round(endMs - startMs)} ms, with the pause in it`)
  assert.ok(endMs - startMs > 2_500, String(endMs - startMs))
}).pipe(Effect.scoped, Effect.provide([Emulator.layer(), OpusEncoder.layer]))

NodeRuntime.runMain(program)
