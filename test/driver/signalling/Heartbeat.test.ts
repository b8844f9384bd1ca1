import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import * as Heartbeat from "../../../src/driver/signalling/Heartbeat.ts"

describe("Heartbeat", () => {
  it.effect("is sent at once and then once an interval, with growing integer nonces", () =>
    Effect.gen(function*() {
      const nonces: Array<number> = []
      const heartbeat: Heartbeat.Heartbeat = yield* Heartbeat.make((nonce) =>
        Effect.sync(() => {
          nonces.push(nonce)
          heartbeat.acknowledge(nonce)
        })
      )
      yield* Effect.forkScoped(heartbeat.run(13_750.5))
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(nonces.length, 5)
      assert.strictEqual(heartbeat.sent(), 5)
      for (const nonce of nonces) assert.isTrue(Number.isInteger(nonce))
      assert.deepStrictEqual(nonces, [...new Set(nonces)].toSorted((a, b) => a - b))
    }))

  it.effect("measures the round trip, and ignores an answer that it does not wait for", () =>
    Effect.gen(function*() {
      let last = -1
      const heartbeat = yield* Heartbeat.make((nonce) =>
        Effect.sync(() => {
          last = nonce
        })
      )
      assert.strictEqual(heartbeat.acknowledge(0), -1)
      yield* Effect.forkScoped(heartbeat.run(10_000))
      yield* TestClock.adjust("30 millis")
      assert.strictEqual(heartbeat.acknowledge(last + 1), -1)
      assert.isUndefined(heartbeat.roundTripMs())
      assert.strictEqual(heartbeat.acknowledge(last), 30)
      assert.strictEqual(heartbeat.roundTripMs(), 30)
      assert.strictEqual(heartbeat.acknowledge(last), -1)
    }))

  it.effect("fails if one was not answered by the time the next is due", () =>
    Effect.gen(function*() {
      let answers = true
      const heartbeat: Heartbeat.Heartbeat = yield* Heartbeat.make((nonce) =>
        Effect.sync(() => {
          if (answers) heartbeat.acknowledge(nonce)
        })
      )
      const fiber = yield* heartbeat.run(10_000).pipe(Effect.flip, Effect.forkScoped)
      yield* TestClock.adjust("19 seconds")
      answers = false
      yield* TestClock.adjust("11 seconds")
      const { reason } = yield* Fiber.join(fiber)
      assert.strictEqual(reason._tag, "HeartbeatUnanswered")
      if (reason._tag === "HeartbeatUnanswered") {
        assert.strictEqual(reason.missed, 1)
        assert.strictEqual(reason.silentMs, 20_000)
      }
      // what was missed before an answer does not count
      answers = true
      const again = yield* heartbeat.run(10_000).pipe(Effect.flip, Effect.forkScoped)
      yield* TestClock.adjust("5 seconds")
      answers = false
      yield* TestClock.adjust("15 seconds")
      const error = yield* Fiber.join(again)
      assert(error.reason._tag === "HeartbeatUnanswered")
      assert.strictEqual(error.reason.missed, 1)
    }))

  it.effect("has growing nonces even if the wall clock is set back, and measures by the monotonic clock", () =>
    Effect.gen(function*() {
      const clock = yield* Clock.Clock
      const wall = { ms: 1_700_000_000_000.5 }
      const nonces: Array<number> = []
      const heartbeat = yield* Heartbeat.make((nonce) => Effect.sync(() => void nonces.push(nonce))).pipe(
        Effect.provideService(Clock.Clock, {
          currentTimeMillisUnsafe: () => wall.ms,
          currentTimeMillis: Effect.sync(() => wall.ms),
          currentTimeNanosUnsafe: () => BigInt(Math.trunc(wall.ms)) * 1_000_000n,
          currentTimeNanos: Effect.sync(() => BigInt(Math.trunc(wall.ms)) * 1_000_000n),
          monotonicTimeNanosUnsafe: () => clock.monotonicTimeNanosUnsafe(),
          monotonicTimeNanos: clock.monotonicTimeNanos,
          sleep: (duration) => clock.sleep(duration)
        })
      )
      yield* Effect.forkScoped(heartbeat.run(10_000))
      for (const ms of [5, 1_700_000_000_000, 1_700_000_009_000]) {
        yield* TestClock.adjust("40 millis")
        assert.strictEqual(heartbeat.acknowledge(nonces.at(-1) ?? 0), 40)
        wall.ms = ms
        yield* TestClock.adjust("9960 millis")
      }
      assert.deepStrictEqual(nonces, [1_700_000_000_000, 1_700_000_000_001, 1_700_000_000_002, 1_700_000_009_000])
    }))

  it.effect("counts silence from the first one, not from before it", () =>
    Effect.gen(function*() {
      const heartbeat = yield* Heartbeat.make(() => Effect.void)
      yield* TestClock.adjust("1 hour")
      const fiber = yield* heartbeat.run(10_000).pipe(Effect.flip, Effect.forkScoped)
      yield* TestClock.adjust("10 seconds")
      const { reason } = yield* Fiber.join(fiber)
      assert(reason._tag === "HeartbeatUnanswered")
      assert.strictEqual(reason.silentMs, 10_000)
    }))
})
