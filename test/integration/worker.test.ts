import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Stream } from "effect"
import { BroadcastChannel, Worker } from "node:worker_threads"
import * as Emulator from "../../src/emulator/Emulator.ts"
import * as FrameRing from "../../src/ring/FrameRing.ts"
import * as VoiceDriver from "../../src/VoiceDriver.ts"
import * as VoiceSession from "../../src/VoiceSession.ts"
import * as Rig from "./rig.ts"

const worker = Effect.acquireRelease(
  Effect.sync(() => new Worker(new URL("./driver-worker.ts", import.meta.url))),
  (worker) => Effect.promise(() => worker.terminate())
)

describe("a driver in a worker thread", () => {
  it.live("handles a whole visit", () =>
    Effect.gen(function*() {
      const line = VoiceDriver.layerMessagePort(yield* worker)
      yield* Effect.provide(Rig.visit, line)
      yield* Rig.settled(Rig.left)
    }).pipe(Effect.scoped, Effect.provide(Rig.loopback())))

  it.live("handles two connections at once, and another one after them", () =>
    Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      yield* discord.createGuild({ name: "second" })
      yield* discord.createChannel({ name: "attic", guild: "second" })
      const line = VoiceDriver.layerMessagePort(yield* worker)
      const play = Effect.fnUntraced(function*(guild: string, channel: string, seed: number) {
        const guest = yield* Rig.guest(channel, `guest of ${channel}`)
        const guildId = yield* discord.guild(guild)
        const session = yield* Rig.join(channel, { guildId })
        yield* Rig.encrypted(session, guest.userId)
        const track = yield* session.play(Rig.source(25, seed))
        assert.deepStrictEqual(yield* track.awaitEnd, { _tag: "Finished" })
        const heard = yield* guest.awaitFrames(25)
        assert.deepStrictEqual(heard.map(({ payload }) => payload), Rig.payloads(Rig.frames(25, seed)))
      }, Effect.scoped)
      yield* Effect.gen(function*() {
        yield* Effect.all([play("guild", "lobby", 1), play("second", "attic", 2)], { concurrency: 2, discard: true })
        yield* play("guild", "lobby", 3)
      }).pipe(Effect.provide(line))
      yield* Rig.blamelessAtAnyTime
    }).pipe(Effect.scoped, Effect.provide(Rig.loopback())))

  it.live("ends the session when the thread dies", () =>
    Effect.gen(function*() {
      const thread = yield* worker
      yield* Effect.gen(function*() {
        const session = yield* Rig.join("lobby", { policy: VoiceSession.policyNever })
        const track = yield* session.play(Rig.source(500))
        yield* Effect.forkChild(Effect.promise(() => thread.terminate()))
        const reason = yield* Rig.reasonOf(session.awaitClosed)
        assert.strictEqual(reason._tag, "ConnectionLost")
        assert.strictEqual((yield* track.awaitEnd)._tag, "Failed")
        assert.strictEqual(
          (yield* Rig.reasonOf(Rig.join("lobby", { policy: VoiceSession.policyNever })))._tag,
          "SocketOpenFailed"
        )
      }).pipe(Effect.scoped, Effect.provide(VoiceDriver.layerMessagePort(thread)))
    }).pipe(Effect.scoped, Effect.provide(Rig.loopback())))

  it.live("holds no ring after it has died, so that it is known how much of it was sent", () =>
    Effect.gen(function*() {
      const thread = yield* worker
      const info = yield* Rig.grant("lobby")
      yield* Effect.gen(function*() {
        const driver = yield* VoiceDriver.VoiceDriver
        const connection = yield* driver.connect(info)
        const events = yield* connection.events
        // 20 seconds long, so that it plays for as long as this takes
        const playing = FrameRing.make({ capacityBytes: 1_000_000 })
        for (const { data, samples } of Rig.frames(1_000)) assert.isTrue(playing.write(data, samples))
        const waiting = Rig.ringOf(Rig.frames(50))
        const started = yield* Effect.forkChild(
          Stream.runHead(Stream.filter(events, ({ _tag }) => _tag === "TrackStarted"))
        )
        yield* connection.attach(playing)
        yield* Fiber.join(started)
        yield* connection.attach(waiting, { after: "drained" })
        yield* Rig.settled(Effect.sync(() => assert.isTrue(playing.isTaken() && waiting.isTaken())))
        yield* Effect.promise(() => thread.terminate())
        yield* Rig.reasonOf(connection.awaitEnd)
        assert.deepStrictEqual([playing.isTaken(), waiting.isTaken()], [false, false])
      }).pipe(Effect.scoped, Effect.provide(VoiceDriver.layerMessagePort(thread)))
    }).pipe(Effect.scoped, Effect.provide(Rig.loopback())))

  it.live("ends the session, but not the program, when an exception ends the thread", () =>
    Effect.gen(function*() {
      const thread = yield* worker
      yield* Effect.gen(function*() {
        const session = yield* Rig.join("lobby", { policy: VoiceSession.policyNever })
        yield* Effect.acquireUseRelease(
          Effect.sync(() => new BroadcastChannel("orders")),
          (orders) => Effect.sync(() => orders.postMessage("throw")),
          (orders) => Effect.sync(() => orders.close())
        )
        const reason = yield* Rig.reasonOf(session.awaitClosed)
        assert.strictEqual(reason._tag, "ConnectionLost")
        assert.include(reason.message, "thrown by the test")
      }).pipe(Effect.scoped, Effect.provide(VoiceDriver.layerMessagePort(thread)))
    }).pipe(Effect.scoped, Effect.provide(Rig.loopback())))

  it.live("reports the frames that it sends", () =>
    Effect.gen(function*() {
      const line = VoiceDriver.layerMessagePort(yield* worker)
      yield* Effect.gen(function*() {
        const session = yield* Rig.join("lobby")
        const sent: Array<Uint8Array> = []
        yield* Effect.forkScoped(
          Stream.runForEach(session.sent, ({ data }) => Effect.sync(() => sent.push(data))),
          { startImmediately: true }
        )
        const track = yield* session.play(Rig.source(50))
        assert.deepStrictEqual(yield* track.awaitEnd, { _tag: "Finished" })
        yield* Rig.settled(Effect.sync(() => assert.deepStrictEqual(sent, Rig.payloads(Rig.frames(50)))))
      }).pipe(Effect.scoped, Effect.provide(line))
    }).pipe(Effect.scoped, Effect.provide(Rig.loopback())))
})
