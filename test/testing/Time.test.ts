import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Fiber, Logger } from "effect"
import * as TestClock from "effect/testing/TestClock"
import * as Time from "../../src/testing/Time.ts"

describe("Time", () => {
  it.effect("advances for a fiber that was just started, however many steps it takes before it sleeps", () =>
    Effect.gen(function*() {
      const waiting = yield* Effect.forkChild(Effect.gen(function*() {
        yield* Effect.repeat(Effect.yieldNow, { times: 30 })
        yield* Effect.sleep("1 second")
        return yield* Clock.currentTimeMillis
      }))
      yield* Time.advance("1 second")
      assert.isDefined(waiting.pollUnsafe())
      assert.strictEqual(yield* Fiber.join(waiting), 1_000)
    }))

  it.effect("advances while an effect runs, and returns its result or failure", () =>
    Effect.gen(function*() {
      const soon = Effect.andThen(Effect.sleep("900 millis"), Clock.currentTimeMillis)
      assert.strictEqual(yield* Time.during(soon, "1 second"), 900)
      assert.strictEqual(yield* Clock.currentTimeMillis, 1_000)
      const failing = Effect.andThen(Effect.sleep("900 millis"), Effect.fail("late"))
      assert.strictEqual(yield* Effect.flip(Time.during(failing, "1 second")), "late")
    }))

  it.effect("interrupts the effect when the waiting fiber is interrupted", () =>
    Effect.gen(function*() {
      let isOver = false
      const endless = Effect.onInterrupt(Effect.never, () =>
        Effect.sync(() => {
          isOver = true
        }))
      const waiting = yield* Effect.forkChild(Time.during(endless, "1 second"))
      yield* Time.advance("2 seconds")
      yield* Fiber.interrupt(waiting)
      assert.isTrue(isOver)
    }))

  it.effect("says what is wrong when what is done needs more of it", () =>
    Effect.gen(function*() {
      const said: Array<unknown> = []
      const logger = Logger.make<unknown, void>(({ message }) => void said.push(message))
      const late = yield* Time.during(Effect.sleep("2100 millis"), "2 seconds").pipe(
        Effect.provide(Logger.layer([logger])),
        Effect.forkChild
      )
      while (said.length === 0) yield* TestClock.withLive(Effect.sleep("50 millis"))
      assert.match(String(said), /has not ended within 2s, and the clock.*give it more time.*bot\.pollUnsafe\(\)/)
      // it is still waited for
      yield* Time.advance("100 millis")
      yield* Fiber.join(late)
    }))
})
