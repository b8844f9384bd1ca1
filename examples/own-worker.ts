/**
 * Runs the driver in a worker of your own, for services that `VoiceDriver.layerThreadWith` has no option for. The
 * session only gets a different layer, and works as before. Runs against the emulator; no token needed.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Effect, Layer } from "effect"
import { AudioSource, Mixer, VoiceDriver, VoiceSession } from "effect-discord-voice"
import { Emulator } from "effect-discord-voice/emulator"
import assert from "node:assert/strict"
import { Worker } from "node:worker_threads"

const WorkerDriver = Layer.unwrap(Effect.map(
  Effect.acquireRelease(
    Effect.sync(() => new Worker(new URL("own-worker-entry.ts", import.meta.url))),
    (worker) => Effect.promise(() => worker.terminate())
  ),
  (worker) => VoiceDriver.layerMessagePort(worker)
))

const song = AudioSource.fromFile(new URL("song.ogg", import.meta.url))

const play = Effect.fnUntraced(function*(where: VoiceSession.JoinOptions) {
  const session = yield* VoiceSession.join(where)
  const track = yield* session.play(song)
  return yield* track.awaitEnd
}, Effect.scoped)

const program = Effect.gen(function*() {
  const discord = yield* Emulator.Emulator
  const where = { guildId: yield* discord.guild("guild"), channelId: yield* discord.channel("lobby") }
  const guest = yield* discord.join({ user: "guest", channel: "lobby" })
  const end = yield* play(where).pipe(
    Effect.provide([WorkerDriver, Mixer.layerThreadWith({ use: "always" }), discord.layerGateway("bot")])
  )
  const heard = yield* guest.heard
  yield* Effect.log(`The track ended as ${end._tag}. The guest heard ${heard.length} frames.`)
  assert.equal(end._tag, "Finished")
}).pipe(Effect.scoped, Effect.provide(Emulator.layer()))

NodeRuntime.runMain(program)
