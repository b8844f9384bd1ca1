import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { UserId } from "../../src/protocol/Identifier.ts"
import * as Levels from "../../src/receive/Levels.ts"

const ada = UserId.make("100000000000000001")

describe("Levels", () => {
  it.effect("keeps omitted fields, and forgets a user whose level is back to the default", () =>
    Effect.gen(function*() {
      const levels = Levels.make()
      assert.strictEqual(levels.gainOf(ada), 1)
      assert.deepStrictEqual(yield* levels.set(ada, { gain: 0.5 }), { gain: 0.5, muted: false })
      yield* levels.set(ada, { muted: true })
      assert.strictEqual(levels.gainOf(ada), 0)
      assert.deepStrictEqual([...levels.all()], [[ada, { gain: 0.5, muted: true }]])
      yield* levels.set(ada, { muted: false })
      assert.strictEqual(levels.gainOf(ada), 0.5)
      yield* levels.set(ada, { gain: 1 })
      assert.strictEqual(levels.all().size, 0)
    }))

  it.effect("accepts gains from 0 to 10, and leaves the level unchanged when it rejects one", () =>
    Effect.gen(function*() {
      const levels = Levels.make()
      yield* levels.set(ada, { gain: 10 })
      for (const gain of [-0.1, 10.1, Infinity, NaN]) {
        const error = yield* Effect.flip(levels.set(ada, { gain, muted: true }))
        assert.strictEqual(error.reason._tag, "Unsupported")
        assert.include(error.message, `A gain of ${gain}`)
      }
      assert.strictEqual(levels.gainOf(ada), 10)
      yield* levels.set(ada, { gain: 0 })
      assert.strictEqual(levels.gainOf(ada), 0)
    }))

  it.effect("holds levels for no more than `maxUsers` users", () =>
    Effect.gen(function*() {
      const levels = Levels.make()
      const user = (i: number) => UserId.make(`${1_000_000 + i}`)
      for (let i = 0; i < Levels.maxUsers; i++) yield* levels.set(user(i), { muted: true })
      assert.strictEqual((yield* Effect.flip(levels.set(ada, { gain: 2 }))).reason._tag, "Unsupported")
      yield* levels.set(user(0), { gain: 2 })
      yield* levels.set(user(1), { gain: 1, muted: false })
      yield* levels.set(ada, { gain: 2 })
      assert.strictEqual(levels.gainOf(ada), 2)
    }))
})
