import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import * as Pump from "../../src/ring/Pump.ts"

describe("Pump", () => {
  it.effect("refills each ring at the requested times until its source has no more", () =>
    Effect.gen(function*() {
      const clock = yield* Clock.Clock
      const startedMs = clock.currentTimeMillisUnsafe()
      const calls: Array<string> = []
      const refill = (name: string, firstMs: number, everyMs: number, times: number) => {
        let left = times
        const fill = () => {
          calls.push(`${name} ${clock.currentTimeMillisUnsafe() - startedMs}`)
          return --left > 0 ? everyMs : 0
        }
        return Effect.forkChild(Pump.refill(clock, firstMs, fill), { startImmediately: true })
      }
      const slow = yield* refill("slow", 500, 500, 2)
      const quick = yield* refill("quick", 95, 300, 3)
      yield* TestClock.adjust("2 seconds")
      yield* Fiber.join(slow)
      yield* Fiber.join(quick)
      assert.deepStrictEqual(calls, ["quick 100", "quick 400", "slow 500", "quick 700", "slow 1000"])
    }))

  it.effect("refills on the next turn if told to hurry", () =>
    Effect.gen(function*() {
      const clock = yield* Clock.Clock
      const startedMs = clock.currentTimeMillisUnsafe()
      const calls: Array<number> = []
      const waiting: Array<Pump.Waiting> = []
      const fill = () => {
        calls.push(clock.currentTimeMillisUnsafe() - startedMs)
        return 1_000
      }
      yield* Effect.forkScoped(Pump.refill(clock, 1_000, fill, (one) => waiting.push(one)), { startImmediately: true })
      yield* TestClock.adjust("105 millis")
      waiting[0]?.hurry()
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual(calls, [120, 1_120])
    }).pipe(Effect.scoped))

  it.effect("forgets a refill that is interrupted", () =>
    Effect.gen(function*() {
      const clock = yield* Clock.Clock
      let calls = 0
      const waiting = yield* Effect.forkChild(Pump.refill(clock, 100, () => ++calls), { startImmediately: true })
      yield* TestClock.adjust("100 millis")
      assert.strictEqual(calls, 1)
      yield* TestClock.adjust("20 millis")
      assert.strictEqual(calls, 2)
      yield* Fiber.interrupt(waiting)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(calls, 2)
    }))
})
