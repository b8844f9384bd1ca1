import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Fiber } from "effect"
import * as Time from "../../src/testing/Time.ts"

describe("Time", () => {
  it.effect("passes for a fiber that has been started just before, however many steps it has to take first", () =>
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
})
