import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Stream } from "effect"
import * as Broadcast from "../../src/audio/Broadcast.ts"

const start = <A>(broadcast: Broadcast.Broadcast<A>, count: number) =>
  Effect.forkChild(Stream.runCollect(Stream.take(broadcast.stream(), count)), { startImmediately: true })

describe("Broadcast", () => {
  it.effect("replays the last values to a new subscriber, then delivers each new one", () =>
    Effect.gen(function*() {
      const broadcast = Broadcast.make<number>(2)
      for (const value of [1, 2, 3]) broadcast.publish(value)
      const early = yield* start(broadcast, 4)
      broadcast.publish(4)
      const late = yield* start(broadcast, 3)
      broadcast.publish(5)
      assert.deepStrictEqual(yield* Fiber.join(early), [2, 3, 4, 5])
      assert.deepStrictEqual(yield* Fiber.join(late), [3, 4, 5])
    }))

  it.effect("drops the oldest values of a slow subscriber without affecting the others", () =>
    Effect.gen(function*() {
      const broadcast = Broadcast.make<number>(1, 2)
      broadcast.publish(0)
      const pull = yield* Stream.toPull(broadcast.stream())
      assert.deepStrictEqual(yield* pull, [0])
      const reader = yield* start(broadcast, 4)
      for (const value of [1, 2, 3]) {
        broadcast.publish(value)
        yield* Effect.yieldNow
      }
      assert.deepStrictEqual(yield* Fiber.join(reader), [0, 1, 2, 3])
      assert.deepStrictEqual(yield* pull, [2, 3])
    }).pipe(Effect.scoped))
})
