import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, Logger, Redacted, Scope, Stream } from "effect"
import { TestClock } from "effect/testing"
import { inspect } from "node:util"
import type * as Line from "../src/driver/Line.ts"
import { Ssrc, UserId } from "../src/protocol/Identifier.ts"
import * as FrameRing from "../src/ring/FrameRing.ts"
import * as MockVoiceDriver from "../src/testing/MockVoiceDriver.ts"
import * as VoiceDriver from "../src/VoiceDriver.ts"
import * as VoiceError from "../src/VoiceError.ts"
import * as Mock from "./driver/mockServer.ts"

const crash = VoiceError.make(new VoiceError.ServerCrashed({ code: 4015, detail: "" }))

const statistics: Line.Statistics = { ...MockVoiceDriver.zeroStatistics, heartbeatsSent: 1, packetsSent: 2 }

const packet = (sequence: number): Line.Event => ({
  _tag: "Packet",
  packet: { ssrc: Ssrc.make(9), sequence, timestamp: sequence * 960, payload: Uint8Array.of(0xfc), arrivalMs: 0 }
})

/** A connection whose other end is the test. */
const make = Effect.fnUntraced(function*(options: VoiceDriver.ConnectOptions = {}) {
  const commands: Array<Line.Command> = []
  let emit: (event: Line.Event) => void = () => {}
  let closed = false
  const connection = yield* VoiceDriver.makeConnection(Mock.info, options, (emitter) =>
    Effect.gen(function*() {
      emit = emitter
      yield* Effect.addFinalizer(() => Effect.sync(() => closed = true))
      return {
        established: { version: 8, ssrc: Mock.ssrc, mode: Mock.mode, address: "198.51.100.1", port: 1 },
        command: (command) => void commands.push(command)
      } as const
    }))
  return { connection, commands, emit: (event: Line.Event) => emit(event), isClosed: () => closed }
})

const tags = (commands: ReadonlyArray<Line.Command>) => commands.map(({ _tag }) => _tag)
const reasonOf = <A, R>(effect: Effect.Effect<A, VoiceError.VoiceError, R>) =>
  Effect.map(Effect.flip(effect), ({ reason }) => reason._tag)

describe("VoiceConnection", () => {
  it.effect("numbers tracks, and passes commands on in order", () =>
    Effect.gen(function*() {
      const { commands, connection } = yield* make()
      const ring = FrameRing.make()
      const first = yield* connection.attach(ring)
      const second = yield* connection.attach(ring, { paused: true })
      assert.notStrictEqual(first, second)
      yield* connection.setPaused(second, false)
      yield* connection.setMuted(true)
      yield* connection.setSpeaking(5)
      yield* connection.detach(second)
      assert.deepStrictEqual(commands, [
        { _tag: "Attach", track: first, ring: ring.buffer as SharedArrayBuffer, paused: false },
        { _tag: "Attach", track: second, ring: ring.buffer as SharedArrayBuffer, paused: true },
        { _tag: "SetPaused", track: second, paused: false },
        { _tag: "SetMuted", muted: true },
        { _tag: "SetSpeaking", flags: 5 },
        { _tag: "Detach", track: second }
      ])
    }))

  it.effect("prints where it leads, without secrets", () =>
    Effect.gen(function*() {
      const { connection, emit } = yield* make()
      const { channelId, endpoint, serverId, userId } = Mock.info
      const shown = {
        _id: "VoiceConnection",
        endpoint,
        serverId,
        channelId,
        userId,
        ssrc: Mock.ssrc,
        mode: Mock.mode,
        version: 8,
        e2eeVersion: 0
      }
      assert.deepStrictEqual(JSON.parse(JSON.stringify(connection)), shown)
      assert.strictEqual(inspect(connection), inspect(shown))
      const everything = inspect(connection, { depth: Infinity, showHidden: true })
      assert.notInclude(everything, Redacted.value(Mock.info.token))
      emit({ _tag: "Ended", error: crash })
      assert.include(inspect(connection), "ServerCrashed")
    }))

  it.effect("logs exceptions of plain listeners once each, and continues", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const logger = Logger.make<unknown, void>(({ cause, logLevel }) =>
        void log.push(`${logLevel} ${Cause.pretty(cause)}`)
      )
      yield* Effect.gen(function*() {
        const { commands, connection, emit } = yield* make()
        const thrower = (what: string) => () => {
          throw new Error(what)
        }
        const heard: Array<string> = []
        yield* connection.observe({ onEvent: thrower("an event"), onOver: thrower("an end") })
        yield* connection.observe({
          onEvent: ({ _tag }) => heard.push(_tag),
          onOver: ({ reason }) => heard.push(reason._tag)
        })
        yield* connection.listen(thrower("a packet"), thrower("a choice"))
        yield* connection.listen(({ sequence }) => heard.push(`packet ${sequence}`))
        // a listener whose choice fails is given everything
        assert.deepStrictEqual(commands, [{ _tag: "Listen", on: true }])
        for (const sequence of [1, 2]) {
          emit(packet(sequence))
          emit({ _tag: "TrackDrained", track: sequence })
        }
        emit({ _tag: "Ended", error: crash })
        assert.deepStrictEqual(heard, [
          "packet 1",
          "TrackDrained",
          "packet 2",
          "TrackDrained",
          "Ended",
          "ServerCrashed"
        ])
        yield* connection.observe({ onEvent: () => {}, onOver: thrower("an end that had come") })
        assert.strictEqual(yield* reasonOf(connection.awaitEnd), "ServerCrashed")
      }).pipe(Effect.provide(Logger.layer([logger])))
      yield* Effect.yieldNow
      assert.deepStrictEqual(log.map((line) => line.split("\n")[0]), [
        "Error Error: a choice",
        "Error Error: an event",
        "Error Error: an end that had come"
      ])
    }))

  it.effect("accepts only rings that can be shared", () =>
    Effect.gen(function*() {
      const { commands, connection } = yield* make()
      assert.strictEqual(yield* reasonOf(connection.attach(FrameRing.make({ shared: false }))), "Unsupported")
      assert.deepStrictEqual(commands, [])
    }))

  it.effect("gives each caller its own statistics, in whatever order answers come", () =>
    Effect.gen(function*() {
      const { commands, connection, emit } = yield* make()
      const one = yield* Effect.forkChild(connection.statistics, { startImmediately: true })
      const other = yield* Effect.forkChild(connection.statistics, { startImmediately: true })
      const requests = commands.map((command) => command._tag === "AskStatistics" ? command.request : -1)
      assert.strictEqual(new Set(requests).size, 2)
      emit({ _tag: "Statistics", request: requests[1] ?? -1, value: { ...statistics, packetsSent: 11 } })
      emit({ _tag: "Statistics", request: requests[0] ?? -1, value: { ...statistics, packetsSent: 10 } })
      emit({ _tag: "Statistics", request: 99, value: statistics })
      assert.deepStrictEqual([(yield* Fiber.join(one)).packetsSent, (yield* Fiber.join(other)).packetsSent], [10, 11])
    }))

  it.effect("listens only while somebody listens", () =>
    Effect.gen(function*() {
      const { commands, connection, emit } = yield* make()
      const listener = (count: number) =>
        Effect.forkChild(connection.packets.pipe(Stream.take(count), Stream.runCollect), { startImmediately: true })
      const one = yield* listener(1)
      const two = yield* listener(2)
      yield* Effect.yieldNow
      assert.deepStrictEqual(commands, [{ _tag: "Listen", on: true }])
      emit(packet(1))
      assert.strictEqual((yield* Fiber.join(one)).length, 1)
      assert.strictEqual(commands.length, 1)
      emit(packet(2))
      assert.deepStrictEqual((yield* Fiber.join(two)).map(({ sequence }) => sequence), [1, 2])
      assert.deepStrictEqual(commands.slice(1), [{ _tag: "Listen", on: false }])
      const interrupted = yield* listener(1)
      yield* Effect.yieldNow
      yield* Fiber.interrupt(interrupted)
      assert.deepStrictEqual(tags(commands), ["Listen", "Listen", "Listen", "Listen"])
      assert.deepStrictEqual(commands.at(-1), { _tag: "Listen", on: false })
    }))

  it.effect("listens to the wanted users, and sends an update when they change", () =>
    Effect.gen(function*() {
      const { commands, connection } = yield* make()
      const [first, second, third] = [UserId.make("31"), UserId.make("32"), UserId.make("33")]
      const wanted = new Set([first])
      const one = yield* Scope.make()
      yield* Scope.provide(connection.listen(() => {}, () => wanted), one)
      yield* connection.relisten
      wanted.add(second)
      yield* connection.relisten
      const two = yield* Scope.make()
      yield* Scope.provide(connection.listen(() => {}, () => new Set([third])), two)
      const all = yield* Scope.make()
      yield* Scope.provide(connection.listen(() => {}), all)
      wanted.delete(second)
      yield* connection.relisten
      yield* Scope.close(all, Exit.void)
      yield* Scope.close(one, Exit.void)
      yield* Scope.close(two, Exit.void)
      assert.deepStrictEqual(commands, [
        { _tag: "Listen", on: true, users: [first] },
        { _tag: "Listen", on: true, users: [first, second] },
        { _tag: "Listen", on: true, users: [first, second, third] },
        { _tag: "Listen", on: true },
        { _tag: "Listen", on: true, users: [first, third] },
        { _tag: "Listen", on: true, users: [third] },
        { _tag: "Listen", on: false }
      ])
    }))

  it.effect("keeps the newest packets for a slow reader, and counts the others", () =>
    Effect.gen(function*() {
      const { connection, emit } = yield* make({ receiveCapacity: 4 })
      const gate = yield* Effect.forkChild(
        connection.packets.pipe(
          Stream.tap(({ sequence }) => sequence === 0 ? Effect.sleep("1 minute") : Effect.void),
          Stream.map(({ sequence }) => sequence),
          Stream.takeUntil((sequence) => sequence === 19),
          Stream.runCollect
        ),
        { startImmediately: true }
      )
      yield* Effect.yieldNow
      emit(packet(0))
      yield* Effect.yieldNow
      for (let i = 1; i < 20; i++) emit(packet(i))
      yield* Effect.yieldNow
      assert.strictEqual(connection.packetsDropped(), 15)
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(yield* Fiber.join(gate), [0, 16, 17, 18, 19])
    }))

  it.effect("holds 256 packets for a reader by default", () =>
    Effect.gen(function*() {
      const { connection, emit } = yield* make()
      yield* Effect.forkScoped(Stream.runForEach(connection.packets, () => Effect.never), { startImmediately: true })
      emit(packet(0))
      yield* Effect.yieldNow
      for (let i = 1; i <= 256; i++) emit(packet(i))
      assert.strictEqual(connection.packetsDropped(), 0)
      emit(packet(257))
      assert.strictEqual(connection.packetsDropped(), 1)
    }))

  it.effect("holds the newest 4096 events for a subscriber that does not read", () =>
    Effect.gen(function*() {
      const { connection, emit } = yield* make()
      const events = yield* connection.events
      for (let roundTripMs = 0; roundTripMs < 5_000; roundTripMs++) emit({ _tag: "Heartbeat", roundTripMs })
      emit({ _tag: "Ended", error: crash })
      const held = yield* Stream.runCollect(events)
      assert.lengthOf(held, 4_096)
      assert.deepStrictEqual([held[0], held.at(-1)?._tag], [{ _tag: "Heartbeat", roundTripMs: 905 }, "Ended"])
    }))

  it.effect("ends everything once, with the reason of the first end", () =>
    Effect.gen(function*() {
      const { connection, emit, isClosed } = yield* make()
      const events = yield* connection.events
      const asking = yield* Effect.forkChild(reasonOf(connection.statistics), { startImmediately: true })
      const listening = yield* Effect.forkChild(reasonOf(Stream.runDrain(connection.packets)), {
        startImmediately: true
      })
      yield* Effect.yieldNow
      emit({ _tag: "Speaking", userId: UserId.make("31"), ssrc: Ssrc.make(9), flags: 1 })
      emit({ _tag: "Ended", error: crash })
      emit({ _tag: "Ended", error: VoiceError.make(new VoiceError.NotConnected({ operation: "x" })) })
      assert.strictEqual(yield* Fiber.join(asking), "ServerCrashed")
      assert.strictEqual(yield* Fiber.join(listening), "ServerCrashed")
      assert.strictEqual(yield* reasonOf(connection.awaitEnd), "ServerCrashed")
      assert.strictEqual(yield* reasonOf(connection.statistics), "ServerCrashed")
      assert.strictEqual(yield* reasonOf(Stream.runDrain(connection.packets)), "ServerCrashed")
      assert.strictEqual(yield* reasonOf(connection.attach(FrameRing.make())), "NotConnected")
      assert.deepStrictEqual((yield* Stream.runCollect(events)).map(({ _tag }) => _tag), ["Speaking", "Ended"])
      // late subscribers get an end, too
      assert.deepStrictEqual(yield* Stream.runCollect(yield* connection.events), [])
      // its scope releases what it holds
      assert.isFalse(isClosed())
    }))

  it.effect("notifies observers as things happen, the end last and also to late observers", () =>
    Effect.gen(function*() {
      const { connection, emit } = yield* make()
      const heard: Array<string> = []
      const observer = (name: string): VoiceDriver.Observer => ({
        onEvent: ({ _tag }) => heard.push(`${name} ${_tag}`),
        onOver: ({ reason }) => heard.push(`${name} over ${reason._tag}`)
      })
      yield* connection.observe(observer("first"))
      yield* Effect.scoped(connection.observe(observer("gone")))
      emit(packet(0))
      emit({ _tag: "Heartbeat", roundTripMs: 1 })
      emit({ _tag: "Ended", error: crash })
      yield* connection.observe(observer("late"))
      assert.deepStrictEqual(heard, [
        "first Heartbeat",
        "first Ended",
        "first over ServerCrashed",
        "late over ServerCrashed"
      ])
    }))

  it.effect("ends with its scope", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const { connection, isClosed } = yield* Scope.provide(make(), scope)
      const waiting = yield* Effect.forkChild(reasonOf(connection.awaitEnd), { startImmediately: true })
      const asking = yield* Effect.forkChild(reasonOf(connection.statistics), { startImmediately: true })
      const listening = yield* Effect.forkChild(reasonOf(Stream.runDrain(connection.packets)), {
        startImmediately: true
      })
      yield* Effect.yieldNow
      yield* Scope.close(scope, Exit.void)
      assert.isTrue(isClosed())
      assert.strictEqual(yield* Fiber.join(waiting), "NotConnected")
      assert.strictEqual(yield* Fiber.join(asking), "NotConnected")
      assert.strictEqual(yield* Fiber.join(listening), "NotConnected")
      // commands to a connection that has ended have no effect, and do no harm
      yield* connection.detach(1)
      yield* connection.setMuted(true)
    }))

  it.effect("does not let a subscriber that has gone disturb another", () =>
    Effect.gen(function*() {
      const { connection, emit } = yield* make()
      const scope = yield* Scope.make()
      yield* Effect.asVoid(Scope.provide(connection.events, scope))
      const events = yield* connection.events
      yield* Scope.close(scope, Exit.void)
      emit({ _tag: "Heartbeat", roundTripMs: 3 })
      emit({ _tag: "Ended", error: crash })
      assert.deepStrictEqual((yield* Stream.runCollect(events)).map(({ _tag }) => _tag), ["Heartbeat", "Ended"])
    }))
})
