/**
 * The driver in a worker thread: sockets, encryption and the beat leave the thread in which the bot works, so that a busy
 * event loop is not heard. The session does not notice: it is given another layer.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Effect, Layer } from "effect"
import { AudioSource, VoiceDriver, VoiceSession } from "effect-discord-voice"
import { Emulator } from "effect-discord-voice/emulator"
import assert from "node:assert/strict"
import { Worker } from "node:worker_threads"

const WorkerDriver = Layer.unwrap(Effect.map(
  Effect.acquireRelease(
    Effect.sync(() => new Worker(new URL("worker-driver-entry.ts", import.meta.url))),
    (worker) => Effect.promise(() => worker.terminate())
  ),
  (worker) => VoiceDriver.layerMessagePort(worker)
))

const song = AudioSource.fromFile(new URL("song.ogg", import.meta.url))

const play = Effect.fnUntraced(function*(where: VoiceSession.JoinOptions) {
  const session = yield* VoiceSession.join(where)
  const track = yield* session.play(song)
  yield* Effect.sleep("1 second")
  const until = performance.now() + 500
  while (performance.now() < until); // the bot's thread is busy
  yield* track.awaitEnd
  return yield* session.statistics
}, Effect.scoped)

const program = Effect.gen(function*() {
  const discord = yield* Emulator.Emulator
  const where = { guildId: yield* discord.guild("guild"), channelId: yield* discord.channel("lobby") }
  const { latenessMaxMs, packetsSent, reanchored } = yield* play(where).pipe(
    Effect.provide([WorkerDriver, discord.layerGateway("bot")])
  )
  yield* Effect.log(`${packetsSent} packets sent, the latest ${latenessMaxMs.toFixed(1)} ms behind its time`)
  assert.ok(packetsSent >= 150)
  assert.ok(latenessMaxMs < 400 && reanchored === 0, "500 ms of work in the bot's thread were heard")
}).pipe(Effect.provide(Emulator.layer()))

NodeRuntime.runMain(program)
