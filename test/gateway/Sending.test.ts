import { assert, describe, it } from "@effect/vitest"
import { Clock, Deferred, Effect, Fiber, Logger } from "effect"
import { TestClock } from "effect/testing"
import * as Sending from "../../src/gateway/Sending.ts"
import * as SendLimit from "../../src/gateway/SendLimit.ts"
import { GuildId } from "../../src/protocol/Identifier.ts"

/** On shard 1 of 2, and on shard 0. */
const odd = GuildId.make(String(5n << 22n))
const even = GuildId.make(String(6n << 22n))

const start = <A, E>(effect: Effect.Effect<A, E>) => Effect.forkChild(effect, { startImmediately: true })

describe("Sending", () => {
  it.effect("asks again after 100 ms, then after twice the time, up to a second, for ten seconds", () =>
    Effect.gen(function*() {
      const sending = yield* Sending.make({})
      const at: Array<number> = []
      const attempt = Effect.map(Clock.currentTimeMillis, (ms) => {
        at.push(ms)
        return false
      })
      const asking = yield* start(Effect.flip(sending.send(odd, attempt)))
      yield* TestClock.adjust("1 minute")
      assert.strictEqual((yield* Fiber.join(asking)).reason._tag, "GatewayFailed")
      // the last wait has begun within the ten seconds
      assert.deepStrictEqual(at, [0, 100, 300, 700, ...Array.from({ length: 10 }, (_, i) => 1_500 + i * 1_000)])
    }).pipe(Effect.provide(Logger.layer([]))))

  it.effect("lets no request of a guild overtake waiting ones, even after the first one has gone", () =>
    Effect.gen(function*() {
      const sending = yield* Sending.make({})
      const order: Array<string> = []
      const ask = Effect.fnUntraced(function*(name: string) {
        const taken = yield* Deferred.make<boolean>()
        const attempt = Effect.andThen(Effect.sync(() => order.push(name)), Deferred.await(taken))
        return { taken, fiber: yield* start(sending.send(odd, attempt)) }
      })
      const first = yield* ask("first")
      const second = yield* ask("second")
      yield* Deferred.succeed(first.taken, true)
      yield* Fiber.join(first.fiber)
      const third = yield* ask("third")
      yield* Effect.yieldNow
      assert.deepStrictEqual(order, ["first", "second"])
      yield* Deferred.succeed(second.taken, true)
      yield* Deferred.succeed(third.taken, true)
      yield* Fiber.join(third.fiber)
      assert.deepStrictEqual(order, ["first", "second", "third"])
    }))

  it.effect("has a limit for each connection of the library, and at least one", () =>
    Effect.gen(function*() {
      for (
        const [shards, isShared] of [
          [undefined, true],
          [0, true],
          [-1, true],
          [NaN, true],
          [1, true],
          [1.9, true],
          [2, false],
          [2.5, false]
        ] as const
      ) {
        const sending = yield* Sending.make({ shards })
        const ask = (guildId: GuildId) => sending.send(guildId, Effect.succeed(true))
        for (let i = 0; i < SendLimit.shared; i++) yield* ask(odd)
        const other = yield* start(ask(even))
        assert.strictEqual(other.pollUnsafe() === undefined, isShared, `${shards} shards`)
        assert.strictEqual(sending.isHeldBack(), isShared)
      }
    }).pipe(Effect.provide(Logger.layer([]))))

  it("describes an error briefly, and shows nothing of other values that are thrown", () => {
    assert.strictEqual(Sending.describe(new Error("boom")), "boom")
    assert.strictEqual(Sending.describe(new TypeError()), "TypeError")
    assert.strictEqual(Sending.describe(new Error("\u001b[2J")), "\\u{1b}[2J")
    assert.strictEqual(Sending.describe({ message: "secret", name: "secret" }), "something other than an Error")
  })
})
