import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Fiber, Stream } from "effect"
import { TestClock } from "effect/testing"
import type { OpusDecoder } from "../../src/OpusDecoder.ts"
import { Ssrc, UserId } from "../../src/protocol/Identifier.ts"
import * as Receive from "../../src/receive/Receive.ts"
import { MockOpusDecoder } from "../../src/testing/index.ts"
import * as VoiceError from "../../src/VoiceError.ts"
import * as Intake from "./intake.ts"
import * as Schedule from "./schedule.ts"

const ada = UserId.make("100000000000000001")
const bob = UserId.make("100000000000000002")

const nowMs = Effect.map(Clock.monotonicTimeNanos, (nanos) => Number(nanos) / 1e6)

const packet = (
  n: number,
  { arrivalMs, ssrc = 1, userId = ada }: {
    readonly arrivalMs: number
    readonly ssrc?: number
    /** `null`: nobody has said whose packet it is. */
    readonly userId?: UserId | null
  }
) => ({
  ssrc: Ssrc.make(ssrc),
  ...(userId === null ? {} : { userId }),
  sequence: n,
  timestamp: n * 960,
  payload: Schedule.opus(960, n),
  arrivalMs
})

const keep = Effect.fnUntraced(function*<A, E, R>(stream: Stream.Stream<A, E, R>) {
  const values: Array<A> = []
  const fiber = yield* stream.pipe(
    Stream.runForEach((value) => Effect.sync(() => values.push(value))),
    Effect.forkScoped({ startImmediately: true })
  )
  return { values, fiber }
})

const numbers = (frames: ReadonlyArray<Receive.ReceivedFrame>) => frames.map(({ data }) => Schedule.numberOf(data))

describe("Receive", () => {
  it.effect("reads while somebody listens, and only then", () =>
    Effect.gen(function*() {
      const hand = Intake.make()
      const receive = yield* Receive.make(hand.intake)
      assert.strictEqual(hand.readers.size, 0)
      const one = yield* keep(receive.user(ada))
      const two = yield* keep(receive.ticks)
      assert.strictEqual(hand.readers.size, 1)
      yield* Fiber.interrupt(one.fiber)
      assert.strictEqual(hand.readers.size, 1)
      yield* Fiber.interrupt(two.fiber)
      assert.strictEqual(hand.readers.size, 0)
      yield* keep(receive.speaking)
      assert.strictEqual(hand.readers.size, 1)
    }))

  it.effect("keeps no buffer for users nobody listens to", () =>
    Effect.gen(function*() {
      const hand = Intake.make()
      const receive = yield* Receive.make(hand.intake)
      const { values } = yield* keep(receive.user(ada))
      for (let n = 0; n < 10; n++) {
        const arrivalMs = yield* nowMs
        hand.push(packet(n, { arrivalMs }))
        hand.push(packet(n, { arrivalMs, ssrc: 2, userId: bob }))
        yield* TestClock.adjust(20)
      }
      yield* TestClock.adjust(200)
      assert.deepStrictEqual(numbers(values), Array.from({ length: 10 }, (_, n) => n))
      assert.isUndefined(receive.statistics(bob))
      assert.strictEqual(receive.statistics().received, 10)
      assert.sameMembers([...yield* receive.participants], [ada, bob])
    }))

  it.effect("converts times from the clock of a driver in another thread", () =>
    Effect.gen(function*() {
      const hand = Intake.make()
      const receive = yield* Receive.make(hand.intake)
      const { values } = yield* keep(receive.user(ada))
      const start = yield* nowMs
      for (let n = 0; n < 20; n++) {
        // our thread sees every other packet 15 ms late
        if (n % 2 === 1) yield* TestClock.adjust(15)
        hand.push(packet(n, { arrivalMs: 1e9 + n * 20 }))
        yield* TestClock.adjust(n % 2 === 1 ? 5 : 20)
      }
      yield* TestClock.adjust(200)
      assert.lengthOf(values, 20)
      values.forEach(({ atMs }, n) => assert.closeTo(atMs, start + n * 20, 1e-3))
      assert.strictEqual(receive.statistics().jitterMs, 0)
      hand.connect()
      hand.push(packet(20, { arrivalMs: 5 }))
      yield* TestClock.adjust(200)
      assert.closeTo(values.at(-1)?.atMs ?? 0, start + 400, 1e-3)
    }))

  it.effect("keeps packets until their sender is named, for a second and within one connection", () =>
    Effect.gen(function*() {
      const hand = Intake.make()
      const receive = yield* Receive.make(hand.intake)
      const { values } = yield* keep(receive.frames)
      const unnamed = (n: number) => Effect.map(nowMs, (arrivalMs) => hand.push(packet(n, { arrivalMs, userId: null })))
      for (let n = 0; n < 5; n++) {
        yield* unnamed(n)
        yield* TestClock.adjust(20)
      }
      assert.lengthOf(values, 0)
      hand.tell({ _tag: "Speaking", userId: ada, ssrc: Ssrc.make(1), flags: 1 })
      yield* TestClock.adjust(100)
      assert.deepStrictEqual(numbers(values), [0, 1, 2, 3, 4])
      // an announcement of video names the sender too
      hand.push(packet(0, { arrivalMs: yield* nowMs, userId: null, ssrc: 3 }))
      hand.tell({ _tag: "Announced", userId: bob, ssrc: Ssrc.make(3) })
      yield* TestClock.adjust(100)
      assert.deepStrictEqual(values.splice(5).map(({ userId }) => userId), [bob])
      // and so does a later packet that names its user
      yield* unnamed(5)
      hand.push(packet(6, { arrivalMs: yield* nowMs }))
      yield* TestClock.adjust(200)
      assert.deepStrictEqual(numbers(values).slice(5), [5, 6])
      yield* unnamed(7)
      yield* TestClock.adjust(1_200)
      hand.tell({ _tag: "Speaking", userId: ada, ssrc: Ssrc.make(1), flags: 1 })
      yield* unnamed(8)
      hand.connect()
      hand.tell({ _tag: "Speaking", userId: ada, ssrc: Ssrc.make(1), flags: 1 })
      for (let n = 0; n < 150; n++) yield* unnamed(n)
      yield* TestClock.adjust(200)
      assert.lengthOf(values, 7)
      assert.strictEqual(receive.statistics().unknownSenders, 52)
    }))

  it.effect("emits the ticks it missed when it wakes up late", () =>
    Effect.gen(function*() {
      const hand = Intake.make()
      const receive = yield* Receive.make(hand.intake)
      const { values } = yield* keep(receive.ticks)
      yield* TestClock.adjust(10)
      yield* TestClock.adjust(3_000)
      assert.lengthOf(values, 150)
      assert.isTrue(values.every(({ index }, i) => index === i))
    }))

  it.effect("ends every stream with the reason of the session's end, after everything that has arrived", () =>
    Effect.gen(function*() {
      const hand = Intake.make()
      const receive = yield* Receive.make(hand.intake)
      const error = VoiceError.make(new VoiceError.NotConnected({ operation: "Listening" }))
      const streams: ReadonlyArray<Stream.Stream<unknown, VoiceError.VoiceError, unknown>> = [
        receive.user(ada),
        receive.user(ada, {}),
        receive.frames,
        receive.ticks,
        receive.ticksPcm(),
        receive.speaking,
        receive.mixed()
      ]
      const ends = yield* Effect.forEach(streams, (stream) =>
        // they need nothing but the decoder
        Effect.forkChild(Effect.flip(Stream.runDrain(stream)) as Effect.Effect<VoiceError.VoiceError>, {
          startImmediately: true
        }))
      yield* TestClock.adjust(100)
      hand.end(error)
      for (const end of ends) assert.strictEqual(yield* Fiber.join(end), error)
      assert.strictEqual(hand.readers.size, 0)
    }).pipe(Effect.provide(MockOpusDecoder.layer)))

  it.effect("frees decoders together with the streams that need them", () =>
    Effect.gen(function*() {
      const mock = yield* MockOpusDecoder.MockOpusDecoder
      const hand = Intake.make()
      const receive = yield* Receive.make(hand.intake)
      const user = yield* keep(receive.user(ada, { rate: 16_000 }))
      const mixed = yield* keep(receive.mixed())
      for (let n = 0; n < 20; n++) {
        hand.push(packet(n, { arrivalMs: yield* nowMs }))
        yield* TestClock.adjust(20)
      }
      yield* TestClock.adjust(300)
      assert.strictEqual(yield* mock.live, 2)
      assert.isAbove(user.values.length, 15)
      assert.isTrue(mixed.values.some(({ speakers }) => speakers.includes(ada)))
      yield* Fiber.interrupt(user.fiber)
      yield* Fiber.interrupt(mixed.fiber)
      assert.strictEqual(yield* mock.live, 0)
    }).pipe(Effect.provide(MockOpusDecoder.layer)))

  it.effect("mixes only those who are selected, also those who come later, and follows changes", () =>
    Effect.gen(function*() {
      const hand = Intake.make()
      const receive = yield* Receive.make(hand.intake)
      const talking = new Set<UserId>()
      const { values } = yield* keep(receive.mixed({ channels: 1, users: (userId) => talking.has(userId) }))
      const talk = Effect.fnUntraced(function*(from: number) {
        // whoever was heard before has faded out by then
        yield* TestClock.adjust(40)
        const { length } = values
        for (let n = from; n < from + 20; n++) {
          hand.push(packet(n, { arrivalMs: yield* nowMs }))
          hand.push(packet(n, { arrivalMs: yield* nowMs, ssrc: 2, userId: bob }))
          yield* TestClock.adjust(20)
        }
        yield* TestClock.adjust(300)
        return new Set(values.slice(length).flatMap(({ speakers }) => speakers))
      })
      assert.deepStrictEqual(yield* talk(0), new Set())
      talking.add(bob)
      assert.deepStrictEqual(yield* talk(20), new Set([bob]))
      // the level is another matter
      yield* receive.setLevel(bob, { muted: true })
      assert.deepStrictEqual(yield* talk(40), new Set())
      yield* receive.setLevel(bob, { muted: false })
      talking.clear()
      assert.deepStrictEqual(yield* talk(60), new Set())
    }).pipe(Effect.provide(MockOpusDecoder.layer)))

  it.effect("does not count users as present who left while there was no connection", () =>
    Effect.gen(function*() {
      const hand = Intake.make()
      const receive = yield* Receive.make(hand.intake)
      const { values } = yield* keep(receive.ticks)
      hand.push(packet(0, { arrivalMs: yield* nowMs }))
      hand.push(packet(0, { arrivalMs: yield* nowMs, ssrc: 2, userId: bob }))
      yield* TestClock.adjust(1_000)
      assert.sameMembers([...yield* receive.participants], [ada, bob])
      hand.connect()
      hand.push(packet(1, { arrivalMs: yield* nowMs }))
      yield* TestClock.adjust(1_000)
      assert.deepStrictEqual(yield* receive.participants, [ada])
      assert.deepStrictEqual([...values.at(-1)?.participants.keys() ?? []], [ada])
    }))

  it.effect("leaves nothing behind after 200 listeners of different kinds are interrupted in the middle", () =>
    Effect.gen(function*() {
      const mock = yield* MockOpusDecoder.MockOpusDecoder
      const hand = Intake.make()
      const receive = yield* Receive.make(hand.intake)
      const observers = hand.observers.size
      const next = Schedule.dice(3)
      const ways: ReadonlyArray<() => Stream.Stream<unknown, VoiceError.VoiceError, OpusDecoder>> = [
        () => receive.user(ada),
        () => receive.user(ada, { rate: 16_000, channels: 1 }),
        () => receive.user(bob, { rate: 48_000 }),
        () => receive.frames,
        () => receive.ticks,
        () => receive.ticksPcm({ rate: 8_000 }),
        () => receive.mixed(),
        () => receive.speaking,
        () => receive.utterances({ minimum: 0 })
      ]
      const running: Array<Fiber.Fiber<void, VoiceError.VoiceError>> = []
      let most = 0
      for (let n = 0; n < 200; n++) {
        const way = ways[n % ways.length] ?? ways[0]
        if (way !== undefined) running.push((yield* keep(way())).fiber)
        if (running.length > 20) {
          yield* Fiber.interrupt(running.splice(Math.floor(next() * running.length), 1)[0] ?? assert.fail())
        }
        hand.push(packet(n, { arrivalMs: yield* nowMs }))
        if (next() < 0.7) hand.push(packet(n, { arrivalMs: yield* nowMs, ssrc: 2, userId: bob }))
        yield* TestClock.adjust(20)
        most = Math.max(most, yield* mock.live)
      }
      assert.isAbove(most, 8)
      yield* Fiber.interruptAll(running)
      assert.strictEqual(yield* mock.live, 0)
      assert.deepStrictEqual([hand.readers.size, hand.observers.size], [0, observers])
      assert.isUndefined(receive.statistics(ada))
      const { delivered, duplicates, late, malformed, overflowed, received, strays, waiting } = receive.statistics()
      assert.strictEqual(waiting, 0)
      assert.strictEqual(delivered + duplicates + late + malformed + overflowed + strays, received)
    }).pipe(Effect.provide(MockOpusDecoder.layer)))

  it.effect("gives out what waits in the jitter buffer before a stream ends with the session", () =>
    Effect.gen(function*() {
      const hand = Intake.make()
      const receive = yield* Receive.make(hand.intake)
      const { fiber, values } = yield* keep(receive.user(ada))
      for (let n = 0; n < 20; n++) {
        hand.push(packet(n, { arrivalMs: yield* nowMs }))
        if (n < 19) yield* TestClock.adjust(20)
      }
      assert.isBelow(values.length, 19)
      const error = VoiceError.make(new VoiceError.NotConnected({ operation: "Listening" }))
      hand.end(error)
      assert.strictEqual(yield* Effect.flip(Fiber.join(fiber)), error)
      assert.deepStrictEqual(numbers(values), Array.from({ length: 20 }, (_, n) => n))
    }))

  it.effect("forgets most of the users who have left", () =>
    Effect.gen(function*() {
      const hand = Intake.make()
      const receive = yield* Receive.make(hand.intake)
      yield* keep(receive.frames)
      for (let n = 0; n < 300; n++) {
        const userId = UserId.make(String(200_000_000_000_000_000n + BigInt(n)))
        hand.push(packet(0, { arrivalMs: yield* nowMs, ssrc: n + 10, userId }))
        yield* TestClock.adjust(100)
        hand.tell({ _tag: "UserDisconnected", userId })
      }
      assert.isUndefined(receive.statistics(UserId.make("200000000000000000")))
      assert.isDefined(receive.statistics(UserId.make("200000000000000299")))
      assert.deepInclude(receive.statistics(), { received: 300, delivered: 300 })
      assert.deepStrictEqual(yield* receive.participants, [])
    }))

  it.effect("makes the PCM of a long pause as it is read, not all at once", () =>
    Effect.gen(function*() {
      const hand = Intake.make()
      const receive = yield* Receive.make(hand.intake)
      const before = process.memoryUsage().arrayBuffers
      let atFirst: number | undefined
      let samples = 0
      yield* receive.user(ada, { rate: 48_000, channels: 2 }).pipe(
        Stream.runForEach((frame) =>
          Effect.sync(() => {
            samples += frame.samples
            if (frame.kind === "silence") atFirst ??= process.memoryUsage().arrayBuffers - before
          })
        ),
        Effect.forkScoped({ startImmediately: true })
      )
      const talk = Effect.fnUntraced(function*(from: number) {
        for (let n = from; n < from + 5; n++) {
          hand.push({ ...packet(n, { arrivalMs: yield* nowMs }), sequence: n < 10 ? n : n - 30_000 + 5 })
          yield* TestClock.adjust(20)
        }
      })
      yield* talk(0)
      yield* TestClock.adjust("600 seconds")
      yield* talk(30_000)
      yield* TestClock.adjust("1 second")
      assert.isAbove(samples / 48_000, 599)
      // ten minutes take 115 MB
      assert.isBelow((atFirst ?? NaN) / 1e6, 20)
    }).pipe(Effect.scoped, Effect.provide(MockOpusDecoder.layer)))
})
