import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Fiber } from "effect"
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
})
