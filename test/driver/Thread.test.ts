import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Layer, Logger, References, Scope } from "effect"
import { makeConnection } from "../../src/driver/Connection.ts"
import * as Thread from "../../src/driver/Thread.ts"
import * as Emulator from "../../src/emulator/Emulator.ts"
import * as VoiceDriver from "../../src/VoiceDriver.ts"
import * as Rig from "../integration/rig.ts"
import * as Mock from "./mockServer.ts"

const nowhere = new URL("./nowhere/driverWorker.js", import.meta.url)

/** Replaces all loggers, and keeps what is logged. */
const logged = (log: Array<string>) =>
  Logger.layer([Logger.make(({ logLevel, message }) => void log.push(`${logLevel} ${String(message)}`))])

const connect = (thread: Thread.Thread, info: VoiceDriver.ConnectionInfo = Mock.info) =>
  makeConnection(info, {}, (emit) => thread.open(info, {}, emit))

describe("Thread", () => {
  it.live("runs the driver in this thread if it cannot be started, and warns once", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const layer = Layer.effect(
        VoiceDriver.VoiceDriver,
        Effect.map(
          Thread.make({}, nowhere),
          (thread) => VoiceDriver.VoiceDriver.of({ connect: (info) => connect(thread, info) })
        )
      )
      yield* Effect.gen(function*() {
        yield* Rig.visit
        yield* Rig.settled(Rig.left)
        yield* Effect.scoped(Rig.join("lobby"))
      }).pipe(Effect.scoped, Effect.provide(Layer.provideMerge(layer, logged(log))))
      assert.lengthOf(log, 1)
      assert.match(
        log[0] ?? "",
        /^Warn The driver's thread cannot be started: .*driverWorker\.js.*docs\/deployment\.md.*is busy\.$/
      )
    }).pipe(Effect.provide(Rig.loopback())))

  it.live("reports a driver that has died, starts another with the next attempt, and passes on their logs", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      yield* Effect.gen(function*() {
        const thread = yield* Thread.make({ dave: "disabled" }, new URL("./dyingWorker.ts", import.meta.url))
        for (let attempt = 0; attempt < 2; attempt++) {
          const reason = yield* Rig.reasonOf(Effect.scoped(connect(thread)))
          assert(reason._tag === "SocketOpenFailed")
          assert.strictEqual(reason.detail, "the driver's thread has ended: it is worn out")
        }
        const one = [
          "Warn begun with Debug and disabled",
          "Warn The driver's thread has ended: it is worn out. The next connection starts another one."
        ]
        yield* Rig.settled(Effect.sync(() => assert.deepStrictEqual(log, [...one, ...one])))
      }).pipe(
        Effect.scoped,
        Effect.provide(logged(log)),
        Effect.provideService(References.MinimumLogLevel, "Debug")
      )
    }))

  it.live("ends all connections when its scope closes, and begins none afterwards", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const thread = yield* Scope.provide(Thread.make({}, nowhere), scope)
      const connection = yield* connect(thread, yield* Rig.grant("lobby"))
      yield* Scope.close(scope, Exit.void)
      const reason = yield* Rig.reasonOf(connection.awaitEnd)
      assert(reason._tag === "ConnectionLost")
      assert.strictEqual(reason.detail, "the driver's thread has ended: its layer is closed")
      assert.strictEqual((yield* Rig.reasonOf(connect(thread)))._tag, "SocketOpenFailed")
      const discord = yield* Emulator.Emulator
      yield* Rig.settled(Effect.map(discord.snapshot, ({ voiceSessions }) => assert.deepStrictEqual(voiceSessions, [])))
    }).pipe(Effect.scoped, Effect.provide(Layer.merge(Rig.loopback(), Logger.layer([])))))

  it.effect("rejects options that make no sense, and starts nothing for them", () =>
    Effect.gen(function*() {
      const thread = yield* Thread.make({ datagram: { receiveBufferBytes: 0 } })
      const reason = yield* Rig.reasonOf(connect(thread))
      assert(reason._tag === "Unsupported")
      assert.include(reason.message, "receiveBufferBytes")
    }).pipe(Effect.scoped))
})
