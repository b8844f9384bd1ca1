import { assert, describe, it } from "@effect/vitest"
import { Clock, Duration, Effect } from "effect"
import { TestClock } from "effect/testing"
import { Deadline } from "../../src/session/Deadline.ts"

describe("Deadline", () => {
  it.effect("gives Discord its full time if it was asked late, even if it is asked again meanwhile", () =>
    Effect.gen(function*() {
      let isHeldBack = true
      const deadline = new Deadline(yield* Clock.Clock, Duration.seconds(15), () => isHeldBack)
      const waiting = yield* Effect.forkChild(deadline.expiry, { startImmediately: true })
      deadline.asking()
      yield* TestClock.adjust("10 seconds")
      deadline.asked()
      // 25 seconds in total; another request waits for the limit when the first 15 are over
      yield* TestClock.adjust("2 seconds")
      deadline.asking()
      yield* TestClock.adjust("4 seconds")
      isHeldBack = false
      yield* TestClock.adjust("8 seconds")
      assert.isUndefined(waiting.pollUnsafe())
      yield* TestClock.adjust("1 second")
      assert.isDefined(waiting.pollUnsafe())
    }))

  it.effect("gives Discord its full time if the limit was met and was over before it was asked", () =>
    Effect.gen(function*() {
      let isHeldBack = false
      const deadline = new Deadline(yield* Clock.Clock, Duration.seconds(15), () => isHeldBack)
      const waiting = yield* Effect.forkChild(deadline.expiry, { startImmediately: true })
      deadline.asking()
      yield* TestClock.adjust("10 seconds")
      isHeldBack = true
      yield* TestClock.adjust("5500 millis")
      isHeldBack = false
      deadline.asked()
      yield* TestClock.adjust("14999 millis")
      assert.isUndefined(waiting.pollUnsafe())
      yield* TestClock.adjust("1 millis")
      assert.isDefined(waiting.pollUnsafe())
    }))

  it.effect("gives Discord its full time if the limit was met before it was asked and still holds", () =>
    Effect.gen(function*() {
      let isHeldBack = false
      const deadline = new Deadline(yield* Clock.Clock, Duration.seconds(15), () => isHeldBack)
      const waiting = yield* Effect.forkChild(deadline.expiry, { startImmediately: true })
      deadline.asking()
      yield* TestClock.adjust("10 seconds")
      isHeldBack = true
      deadline.asked()
      yield* TestClock.adjust("14999 millis")
      assert.isUndefined(waiting.pollUnsafe())
      yield* TestClock.adjust("1 millis")
      assert.isDefined(waiting.pollUnsafe())
    }))

  it.effect("waits for a request that is held back, and for at most a second after that", () =>
    Effect.gen(function*() {
      let isHeldBack = true
      const deadline = new Deadline(yield* Clock.Clock, Duration.seconds(15), () => isHeldBack)
      const waiting = yield* Effect.forkChild(deadline.expiry, { startImmediately: true })
      deadline.asking()
      yield* TestClock.adjust("1 minute")
      assert.isUndefined(waiting.pollUnsafe())
      isHeldBack = false
      yield* TestClock.adjust("1 second")
      assert.isDefined(waiting.pollUnsafe())
      assert.strictEqual(deadline.elapsedMs(), 61_000)
    }))

  it.effect("is over when less than a nanosecond is left", () =>
    Effect.gen(function*() {
      // 35.00198 + 15000 is slightly more than 15035.00198 in the numbers of JavaScript
      const asked = Duration.nanos(35_001_980n)
      const deadline = new Deadline(yield* Clock.Clock, Duration.seconds(15), () => true)
      const waiting = yield* Effect.forkChild(deadline.expiry, { startImmediately: true })
      deadline.asking()
      yield* TestClock.adjust(asked)
      deadline.asked()
      yield* TestClock.adjust("15 seconds")
      assert.strictEqual(deadline.elapsedMs(), 15_035.00198)
      assert.isDefined(waiting.pollUnsafe())
    }))
})
