/**
 * The driver in a worker thread: sockets, encryption and the beat leave the thread in which the bot works, so that a busy
 * event loop is not heard. The session does not notice: it is given another layer.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Effect, Layer } from "effect"
import { AudioSource, Mixer, VoiceDriver, VoiceSession } from "effect-discord-voice"
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

/** How many packets leave while the bot's own thread is busy for half a second. */
const playWhileBusy = Effect.fnUntraced(function*(where: VoiceSession.JoinOptions) {
  const session = yield* VoiceSession.join(where)
  const track = yield* session.play(song)
  yield* Effect.sleep("1 second")
  const before = yield* session.statistics
  const until = performance.now() + 500
  while (performance.now() < until);
  const after = yield* session.statistics
  yield* track.awaitEnd
  return after.packetsSent - before.packetsSent
}, Effect.scoped)

const program = Effect.gen(function*() {
  const discord = yield* Emulator.Emulator
  const where = { guildId: yield* discord.guild("guild"), channelId: yield* discord.channel("lobby") }
  // to an empty channel nothing is sent
  yield* discord.join({ user: "guest", channel: "lobby" })
  const packets = yield* playWhileBusy(where).pipe(
    Effect.provide([WorkerDriver, Mixer.layer, discord.layerGateway("bot")])
  )
  yield* Effect.log(`${packets} packets left while the bot's thread was busy for 500 ms`)
  assert.ok(packets >= 5, "the beat stood still with the bot's thread")
}).pipe(Effect.scoped, Effect.provide(Emulator.layer()))

NodeRuntime.runMain(program)
