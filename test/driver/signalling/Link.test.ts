import { assert, describe, it } from "@effect/vitest"
import { Cause, Deferred, Effect, Exit, Fiber, Logger, Queue, Result, Scope } from "effect"
import { TestClock } from "effect/testing"
import * as Link from "../../../src/driver/signalling/Link.ts"
import type * as DaveFrame from "../../../src/protocol/DaveFrame.ts"
import { UserId } from "../../../src/protocol/Identifier.ts"
import * as VoicePayload from "../../../src/protocol/VoicePayload.ts"
import * as MockVoiceSocket from "../../../src/testing/MockVoiceSocket.ts"
import * as Time from "../../../src/testing/Time.ts"
import * as VoiceError from "../../../src/VoiceError.ts"
import * as VoiceSocket from "../../../src/VoiceSocket.ts"

const rig = Effect.fnUntraced(function*(
  options: {
    readonly version?: VoicePayload.VoiceVersion
    readonly lastSequence?: number
    readonly onMessage?: (message: VoicePayload.ServerMessage) => Effect.Effect<unknown>
    readonly send?: VoiceSocket.Connection["send"]
  } = {}
) {
  const version = options.version ?? 8
  const sockets = yield* VoiceSocket.VoiceSocket
  const network = yield* MockVoiceSocket.MockVoiceSocket
  const opened = yield* sockets.open({ endpoint: "voice.example:443", version })
  const taken = { count: 0 }
  const socket = {
    ...opened,
    send: options.send ?? opened.send,
    take: Effect.tap(opened.take, () => Effect.sync(() => taken.count++))
  }
  const peer = yield* network.accept
  const log: Array<string> = []
  let lastSequence = options.lastSequence ?? -1
  const link = yield* Link.make(socket, {
    onMessage: options.onMessage ?? (({ op }) => Effect.sync(() => log.push(`message ${op}`))),
    onDave: ({ op }) => Effect.sync(() => log.push(`dave ${op}`)),
    onSequence: (sequence) => {
      lastSequence = sequence
      log.push(`handled ${sequence}`)
    },
    lastSequence: () => lastSequence,
    onHeartbeat: () => log.push("beat"),
    onRoundTrip: (milliseconds) => log.push(`round trip ${milliseconds}`),
    onMalformed: (detail) => Effect.sync(() => log.push(`malformed ${detail}`)),
    onUnknown: () => log.push("unknown")
  })
  /** The server answers every heartbeat from now on, and counts them. */
  const answered = { count: 0 }
  const answer = Effect.flatMap(peer.take, (message) => {
    if (message.op !== 3) return Effect.void
    answered.count++
    return peer.push({ op: 6, d: { t: message.d.t } })
  }).pipe(Effect.forever, Effect.forkScoped({ startImmediately: true }))
  return { peer, log, link, answer, answered, taken }
})

const hello = (heartbeat_interval: number): VoicePayload.ServerMessage => ({ op: 8, d: { v: 8, heartbeat_interval } })
const connected = (seq: number): VoicePayload.ServerMessage => ({ op: 11, d: { user_ids: [UserId.make("31")] }, seq })
const dave: DaveFrame.ServerFrame = { op: 25, seq: 7, externalSender: Uint8Array.of(1) }

const settle = Time.advance("1 millis")

describe("Link", () => {
  it.effect("waits for Hello, and starts its heartbeat in Hello's interval when it is told to", () =>
    Effect.gen(function*() {
      const { answer, answered, link, log, peer } = yield* rig()
      const waiting = yield* Effect.forkScoped(link.hello, { startImmediately: true })
      yield* settle
      assert.isUndefined(waiting.pollUnsafe())
      yield* peer.push(hello(10_000))
      yield* Fiber.join(waiting)
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(yield* peer.waiting, 0)
      yield* answer
      yield* link.startHeartbeat
      yield* TestClock.adjust("59 seconds")
      assert.strictEqual(answered.count, 6)
      assert.strictEqual(log.filter((line) => line === "beat").length, 6)
      assert.include(log, "round trip 0")
    }).pipe(Effect.provide(MockVoiceSocket.layer)))

  it.effect("is lost, and logs why, if handling a message dies", () =>
    Effect.gen(function*() {
      const logged: Array<string> = []
      const logger = Logger.make(({ cause }) => void logged.push(Cause.pretty(cause)))
      const { link, peer } = yield* rig({ onMessage: () => Effect.die(new Error("no such epoch")) }).pipe(
        Effect.provide(Logger.layer([logger]))
      )
      yield* peer.push(connected(1))
      yield* settle
      assert.isTrue(Deferred.isDoneUnsafe(link.ended))
      const { reason } = yield* Effect.flip(Deferred.await(link.ended))
      assert.deepInclude(reason, { _tag: "ConnectionLost", code: 1006 })
      assert.match(logged.join(), /no such epoch/)
    }).pipe(Effect.provide(MockVoiceSocket.layer)))

  it.effect("has one heartbeat however often Hello comes, at the newest interval", () =>
    Effect.gen(function*() {
      const { answer, answered, link, peer } = yield* rig()
      yield* answer
      yield* peer.push(hello(10_000))
      yield* link.hello
      yield* link.startHeartbeat
      for (const interval of [5_000, 3_000, 2_000]) yield* peer.push(hello(interval))
      yield* settle
      const before = answered.count
      yield* TestClock.adjust("20 seconds")
      assert.strictEqual(answered.count - before, 10)
    }).pipe(Effect.provide(MockVoiceSocket.layer)))

  it.effect("never sends more than one heartbeat a second", () =>
    Effect.gen(function*() {
      const { answer, answered, link, peer } = yield* rig()
      yield* answer
      yield* peer.push(hello(1))
      yield* link.hello
      yield* link.startHeartbeat
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(answered.count, 11)
    }).pipe(Effect.provide(MockVoiceSocket.layer)))

  it.effect("notices a dead connection even if Hello asks for a heartbeat once in some years", () =>
    Effect.gen(function*() {
      const { link, peer } = yield* rig()
      yield* peer.push(hello(1e12))
      yield* link.hello
      yield* link.startHeartbeat
      yield* TestClock.adjust("6 minutes")
      assert.isTrue(Deferred.isDoneUnsafe(link.ended))
    }).pipe(Effect.provide(MockVoiceSocket.layer)))

  it.effect("ends if a heartbeat is not answered before the next", () =>
    Effect.gen(function*() {
      const { link, peer } = yield* rig()
      yield* peer.push(hello(10_000))
      yield* link.hello
      yield* link.startHeartbeat
      yield* TestClock.adjust("9 seconds")
      assert.isFalse(Deferred.isDoneUnsafe(link.ended))
      yield* TestClock.adjust("1 seconds")
      const { reason } = yield* Effect.flip(Deferred.await(link.ended))
      assert.strictEqual(reason._tag, "HeartbeatUnanswered")
    }).pipe(Effect.provide(MockVoiceSocket.layer)))

  it.effect("ends if a heartbeat has not even been sent when the next is due", () =>
    Effect.gen(function*() {
      const { link, peer } = yield* rig({ send: () => Effect.never })
      yield* peer.push(hello(10_000))
      yield* link.hello
      yield* link.startHeartbeat
      yield* TestClock.adjust("9 seconds")
      assert.isFalse(Deferred.isDoneUnsafe(link.ended))
      yield* TestClock.adjust("1 seconds")
      assert.isTrue(Deferred.isDoneUnsafe(link.ended))
      const { reason } = yield* Effect.flip(Deferred.await(link.ended))
      assert.strictEqual(reason._tag, "HeartbeatUnanswered")
    }).pipe(Effect.provide(MockVoiceSocket.layer)))

  it.effect("does not send a heartbeat each time that Hello comes", () =>
    Effect.gen(function*() {
      const { answer, answered, link, peer } = yield* rig()
      yield* answer
      yield* peer.push(hello(10_000))
      yield* link.hello
      yield* link.startHeartbeat
      for (let i = 0; i < 30; i++) {
        yield* peer.push(hello(10_000 + i))
        yield* TestClock.adjust("100 millis")
      }
      assert.isAtMost(answered.count, 4)
      const before = answered.count
      yield* TestClock.adjust("21 seconds")
      assert.isAtLeast(answered.count - before, 2)
    }).pipe(Effect.provide(MockVoiceSocket.layer)))

  it.effect("counts a message as handled once it was, in order, and binary ones too", () =>
    Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      const { log, peer } = yield* rig({
        onMessage: () => Deferred.await(gate)
      })
      yield* peer.push(connected(0))
      yield* peer.pushDave(dave)
      yield* peer.pushMalformed("spoilt")
      yield* settle
      assert.deepStrictEqual(log, [])
      yield* Deferred.succeed(gate, undefined)
      yield* settle
      assert.deepStrictEqual(log, ["handled 0", "dave 25", "handled 7", "malformed spoilt"])
    }).pipe(Effect.provide(MockVoiceSocket.layer)))

  it.effect("ends at once with a close code that rules out a resume, even while it handles a message", () =>
    Effect.gen(function*() {
      const { link, log, peer } = yield* rig({ onMessage: () => Effect.never })
      yield* peer.push(connected(0))
      yield* peer.push(connected(1))
      yield* settle
      yield* peer.close(4014, "Disconnected.")
      yield* settle
      assert.isTrue(Deferred.isDoneUnsafe(link.ended))
      const { reason } = yield* Effect.flip(Deferred.await(link.ended))
      assert.deepInclude(reason, { _tag: "Disconnected", code: 4014 })
      assert.deepStrictEqual(log, [])
    }).pipe(Effect.provide(MockVoiceSocket.layer)))

  it.effect("ends after all messages before a resumable close code, and acknowledges those first", () =>
    Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      const { link, log, peer } = yield* rig({ onMessage: () => Deferred.await(gate) })
      yield* peer.push(connected(0))
      yield* peer.push(connected(1))
      yield* settle
      yield* peer.close(4015, "crashed")
      yield* settle
      assert.isFalse(Deferred.isDoneUnsafe(link.ended))
      yield* Deferred.succeed(gate, undefined)
      yield* settle
      assert.isTrue(Deferred.isDoneUnsafe(link.ended))
      assert.deepStrictEqual(log, ["handled 0", "handled 1"])
    }).pipe(Effect.provide(MockVoiceSocket.layer)))

  it.effect("notices that heartbeats are answered while it handles a message", () =>
    Effect.gen(function*() {
      const { answer, answered, link, log, peer } = yield* rig({ onMessage: () => Effect.never })
      yield* answer
      yield* peer.push(hello(10_000))
      yield* link.hello
      yield* link.startHeartbeat
      yield* peer.push(connected(0))
      yield* settle
      yield* TestClock.adjust("1 minute")
      assert.isFalse(Deferred.isDoneUnsafe(link.ended))
      assert.strictEqual(answered.count, 7)
      assert.strictEqual(log.filter((line) => line === "round trip 0").length, 7)
    }).pipe(Effect.provide(MockVoiceSocket.layer)))

  it.effect("reads only some messages ahead of the one that it handles, and loses none", () =>
    Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      const { log, peer, taken } = yield* rig({ onMessage: () => Deferred.await(gate) })
      for (let seq = 0; seq < 300; seq++) yield* peer.push(connected(seq))
      // the reader yields to others now and then
      yield* Effect.repeat(settle, { times: 10 })
      assert.isAtLeast(taken.count, 100)
      assert.isAtMost(taken.count, 150)
      yield* Deferred.succeed(gate, undefined)
      yield* Effect.repeat(settle, { times: 10 })
      assert.deepStrictEqual(log, Array.from({ length: 300 }, (_, seq) => `handled ${seq}`))
    }).pipe(Effect.provide(MockVoiceSocket.layer)))

  for (const [lastSequence, version] of [[-1, 8], [0, 8], [41, 9], [41, 7]] as const) {
    it.effect(`acknowledges ${lastSequence} at version ${version}`, () =>
      Effect.gen(function*() {
        const { link, peer } = yield* rig({ lastSequence, version })
        yield* peer.push(hello(10_000))
        yield* link.hello
        yield* link.startHeartbeat
        const beat = yield* peer.take
        assert(beat.op === 3)
        assert.strictEqual(beat.d.seq_ack, version < 8 ? undefined : lastSequence)
      }).pipe(Effect.provide(MockVoiceSocket.layer)))
  }

  it.effect("ends with a malformed first Hello, and continues at the former interval with a later one", () =>
    Effect.gen(function*() {
      const { link, log, peer } = yield* rig()
      yield* peer.push(hello(10_000))
      yield* link.hello
      yield* peer.pushMalformed("no interval", 8)
      yield* settle
      assert.match(log.join(), /malformed/)
      assert.isFalse(Deferred.isDoneUnsafe(link.ended))
      const another = yield* rig()
      yield* another.peer.pushMalformed("no interval", 8)
      const { reason } = yield* Effect.flip(Deferred.await(another.link.ended))
      assert.strictEqual(reason._tag, "ProtocolViolated")
    }).pipe(Effect.provide(MockVoiceSocket.layer)))

  it.effect("acknowledges unknown messages too, since they would come again with each resume", () =>
    Effect.gen(function*() {
      const sockets = yield* VoiceSocket.VoiceSocket
      const socket = yield* sockets.open({ endpoint: "voice.example:443", version: 8 })
      const incoming = yield* Queue.unbounded<VoiceSocket.Incoming, VoiceError.VoiceError>()
      const log: Array<string> = []
      yield* Link.make({ ...socket, take: Queue.take(incoming) }, {
        onMessage: () => Effect.void,
        onDave: () => Effect.void,
        onSequence: (sequence) => log.push(`handled ${sequence}`),
        lastSequence: () => -1,
        onHeartbeat: () => {},
        onRoundTrip: () => {},
        onMalformed: () => Effect.void,
        onUnknown: () => log.push("unknown")
      })
      const unknown = Result.getOrThrow(VoicePayload.decodeServer(8, "{\"op\":200,\"d\":{},\"seq\":42}"))
      assert.strictEqual(unknown.op, "unknown")
      yield* Queue.offer(incoming, { _tag: "Message", message: unknown })
      yield* settle
      assert.deepStrictEqual(log, ["unknown", "handled 42"])
    }).pipe(Effect.provide(MockVoiceSocket.layer)))

  it.effect("measures no round trip by an answer that it does not wait for", () =>
    Effect.gen(function*() {
      const { link, log, peer } = yield* rig()
      yield* peer.push(hello(10_000))
      yield* peer.push({ op: 6, d: { t: 1 } })
      yield* link.hello
      yield* link.startHeartbeat
      const beat = yield* peer.take
      assert(beat.op === 3)
      for (const t of [beat.d.t + 1, beat.d.t, beat.d.t]) yield* peer.push({ op: 6, d: { t } })
      yield* settle
      assert.deepStrictEqual(log, ["beat", "round trip 0"])
    }).pipe(Effect.provide(MockVoiceSocket.layer)))

  it.effect("reports that the session was resumed after what was replayed", () =>
    Effect.gen(function*() {
      const { link, log, peer } = yield* rig()
      const resumed = yield* Effect.forkScoped(Effect.andThen(link.resumed, Effect.sync(() => [...log])))
      yield* peer.push(connected(3))
      yield* peer.push({ op: 9, d: null })
      yield* settle
      assert.deepStrictEqual(yield* Fiber.join(resumed), ["message 11", "handled 3"])
    }).pipe(Effect.provide(MockVoiceSocket.layer)))

  it.effect("answers the gateway's heartbeat", () =>
    Effect.gen(function*() {
      const { peer } = yield* rig({ lastSequence: 5 })
      yield* peer.push({ op: 3, d: { t: 77 } })
      assert.deepStrictEqual(yield* peer.take, { op: 3, d: { t: 77, seq_ack: 5 } })
    }).pipe(Effect.provide(MockVoiceSocket.layer)))

  it.effect("continues if the answer to the gateway's heartbeat cannot be sent", () =>
    Effect.gen(function*() {
      const { link, log, peer } = yield* rig({
        send: () => VoiceError.fail(new VoiceError.Unsupported({ feature: "Such a nonce", detail: "it is none" }))
      })
      yield* peer.push({ op: 3, d: { t: 77 } })
      yield* peer.push(connected(3))
      yield* settle
      assert.deepStrictEqual(log, ["message 11", "handled 3"])
      assert.isFalse(Deferred.isDoneUnsafe(link.ended))
    }).pipe(Effect.provide(MockVoiceSocket.layer)))

  it.effect("ends with the close code, and sends nothing afterwards", () =>
    Effect.gen(function*() {
      const { link, peer } = yield* rig()
      yield* peer.push(hello(10_000))
      yield* link.hello
      yield* link.startHeartbeat
      yield* peer.close(4015, "crashed")
      const { reason } = yield* Effect.flip(Deferred.await(link.ended))
      assert.strictEqual(reason._tag, "ServerCrashed")
      const error = yield* Effect.flip(link.send({ op: 3, d: { t: 1 } }))
      assert.strictEqual(error.reason._tag, "ServerCrashed")
    }).pipe(Effect.provide(MockVoiceSocket.layer)))

  it("does not mistake a close code of the main gateway for a resumable one", () => {
    for (const code of [1006, 4013, 4015]) {
      const reason = new VoiceError.GatewayClosed({ code, name: "UnknownError", remedy: "", detail: "" })
      assert.isFalse(Link.isResumable(VoiceError.make(reason)))
    }
  })

  it.effect("sends no heartbeat after its scope has closed", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const { answer, answered, link, peer } = yield* Scope.provide(rig(), scope)
      yield* answer
      yield* peer.push(hello(1_000))
      yield* link.hello
      yield* link.startHeartbeat
      yield* TestClock.adjust("5 seconds")
      yield* Scope.close(scope, Exit.void)
      const { count } = answered
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual(answered.count, count)
    }).pipe(Effect.provide(MockVoiceSocket.layer)))
})
