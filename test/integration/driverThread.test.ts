import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import type { Worker } from "node:worker_threads"
import * as AudioSource from "../../src/audio/AudioSource.ts"
import * as Emulator from "../../src/emulator/Emulator.ts"
import type * as FrameRing from "../../src/ring/FrameRing.ts"
import * as Voice from "../../src/Voice.ts"
import * as VoiceDriver from "../../src/VoiceDriver.ts"
import * as VoiceSession from "../../src/VoiceSession.ts"
import * as Hearing from "../mixer/hearing.ts"
import * as Rig from "./rig.ts"

/** The bot as a busy program runs it, on the machine's sockets. */
const bot = Emulator.Emulator.useSync((discord) => Layer.merge(Voice.layerThread, discord.layerGateway("bot")))
const live = Layer.unwrap(bot).pipe(Layer.provideMerge(Emulator.layer()))

/** The driver threads that this process has started so far. */
const drivers = Effect.map(
  Effect.acquireRelease(
    Effect.sync(() => {
      const started: Array<Worker> = []
      const onWorker = (worker: Worker) => {
        if (worker.threadName === "effect-discord-voice driver") started.push(worker)
      }
      process.on("worker", onWorker)
      return { started, onWorker }
    }),
    ({ onWorker }) => Effect.sync(() => process.off("worker", onWorker))
  ),
  ({ started }): ReadonlyArray<Worker> => started
)

describe("a driver in its own thread", () => {
  it.live("starts with the first connection, handles a whole visit, and ends with its layer", () =>
    Effect.gen(function*() {
      const threads = yield* drivers
      yield* Effect.gen(function*() {
        assert.lengthOf(threads, 0, "it is started by the first connection")
        yield* Rig.visit
        assert.lengthOf(threads, 1)
        yield* Rig.left
      }).pipe(Effect.provide(Layer.unwrap(bot)))
      assert.strictEqual(threads[0]?.threadId, -1, "it ends with its layer")
    }).pipe(Effect.scoped, Effect.provide(Emulator.layer())))

  it.live("applies its options", () =>
    Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const guest = yield* Rig.guest("secure")
      const layer = VoiceDriver.layerThreadWith({
        webSocket: { ca: discord.urls.cert },
        datagram: { receiveBufferBytes: 65_536 },
        crypto: { preference: ["aead_aes256_gcm_rtpsize"] },
        dave: "driver"
      })
      yield* Effect.gen(function*() {
        const driver = yield* VoiceDriver.VoiceDriver
        const connection = yield* driver.connect(yield* Rig.grant("secure"))
        assert.strictEqual(connection.established.mode, "aead_aes256_gcm_rtpsize")
        assert.isDefined(yield* Rig.encrypted(connection, guest.userId))
      }).pipe(Effect.scoped, Effect.provide(layer))
      yield* Rig.blamelessAtAnyTime
    }).pipe(Effect.scoped, Effect.provide(Rig.loopback({ tls: true }))))

  describe("keeps playing while the program is busy", () => {
    /** More than a mix made in the program's thread is ahead of the beat. */
    const framesAtOnce = 15
    /**
     * Three times as many frames, those in between, and some seconds by which this thread may be late to hear of them.
     */
    const played = 250
    const frames = Rig.frames(played)

    const cases: ReadonlyArray<readonly [string, string, AudioSource.AudioSource]> = [
      ["Opus", "lobby", AudioSource.fromFrames(frames)],
      ["PCM", "secure", Hearing.pcm(Hearing.music, played * 20)]
    ]
    const cell = new Int32Array(new SharedArrayBuffer(4))

    /**
     * Blocks this thread until the beat has taken `framesAtOnce` frames, or takes no more. Returns how many it took.
     */
    const busy = (ring: FrameRing.FrameRing): number => {
      const from = ring.framesRead()
      const taken = () => ring.framesRead() - from
      const deadlineMs = performance.now() + 5_000
      while (taken() < framesAtOnce && performance.now() < deadlineMs) Atomics.wait(cell, 0, 0, 1)
      return taken()
    }

    for (const [format, channel, source] of cases) {
      it.live(`with ${format} in the channel ${channel}`, () =>
        Effect.gen(function*() {
          const rings: Array<FrameRing.FrameRing> = []
          const watched = Layer.effect(
            VoiceDriver.VoiceDriver,
            VoiceDriver.VoiceDriver.useSync((driver) =>
              VoiceDriver.VoiceDriver.of({
                connect: (info, options) =>
                  Effect.map(driver.connect(info, options), (connection) => {
                    const attach = connection.attach.bind(connection)
                    const watching: typeof attach = (ring, attachOptions) => {
                      rings.push(ring)
                      return attach(ring, attachOptions)
                    }
                    return Object.assign(connection, { attach: watching })
                  })
              })
            )
          )
          yield* Effect.gen(function*() {
            const guest = yield* Rig.guest(channel)
            const session = yield* Rig.join(channel)
            yield* Rig.encrypted(session)
            // all of it is read before it begins: otherwise chance decides how much is
            const track = yield* session.play(source, { lead: played * 20 })
            for (let i = 1; i <= 3; i++) {
              yield* guest.awaitFrames(i * (framesAtOnce + 15))
              assert.isAtLeast(busy(rings.at(-1) ?? assert.fail("nothing plays")), framesAtOnce)
            }
            assert.deepStrictEqual(yield* track.awaitEnd, { _tag: "Finished" })
            const heard = (yield* guest.awaitFrames(played)).filter(({ silence }) => !silence)
            assert.isAtLeast(heard.length, played)
            if (format === "Opus") assert.deepStrictEqual(heard.map(({ payload }) => payload), Rig.payloads(frames))
          }).pipe(Effect.scoped, Effect.provide(watched))
        }).pipe(Effect.provide(live)))
    }
  })

  it.live(
    "is replaced by a new one when it ends: the sessions rejoin, and playback continues",
    () =>
      Effect.gen(function*() {
        const threads = yield* drivers
        const guest = yield* Rig.guest()
        const session = yield* Rig.join("lobby")
        yield* session.play(Rig.source(2_000))
        const before = (yield* guest.awaitFrames(20)).length
        const [first] = threads
        yield* Effect.promise(async () => first?.terminate())
        yield* guest.awaitFrames(before + 50)
        assert.lengthOf(threads, 2)
      }).pipe(Effect.scoped, Effect.provide(live))
  )

  it.live("closes its connections with a reason that says why the thread ended", () =>
    Effect.gen(function*() {
      const threads = yield* drivers
      const session = yield* Rig.join("lobby", { policy: VoiceSession.policyNever })
      const track = yield* session.play(Rig.source(500))
      yield* Effect.forkChild(Effect.promise(async () => threads[0]?.terminate()))
      const reason = yield* Rig.reasonOf(session.awaitClosed)
      assert(reason._tag === "ConnectionLost")
      assert.include(reason.message, "the driver's thread has ended: it exited with code 1")
      assert.strictEqual((yield* track.awaitEnd)._tag, "Failed")
    }).pipe(Effect.scoped, Effect.provide(live)))
})
