import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Patience from "../../src/driver/Patience.ts"
import * as Time from "../../src/testing/Time.ts"

const rig = Effect.gen(function*() {
  const asked: Array<string> = []
  const patience = yield* Patience.make(({ name }: { readonly name: string }) =>
    Effect.sync(() => void asked.push(name))
  )
  return { asked, patience }
})

describe("Patience", () => {
  it.effect("asks again after 10 seconds, then after twice the time, up to 5 minutes", () =>
    Effect.gen(function*() {
      const { asked, patience } = yield* rig
      patience.await({ name: "a" })
      for (const [index, seconds] of [10, 20, 40, 80, 160, 300, 300].entries()) {
        yield* Time.advance(seconds * 1_000 - 1)
        assert.lengthOf(asked, index)
        yield* Time.advance(1)
        assert.lengthOf(asked, index + 1)
      }
    }).pipe(Effect.scoped))

  it.effect("starts over with another question, and with the first delay after an answer", () =>
    Effect.gen(function*() {
      const { asked, patience } = yield* rig
      patience.await({ name: "a" })
      yield* Time.advance(9_000)
      patience.await({ name: "b" })
      yield* Time.advance(9_000)
      assert.deepStrictEqual(asked, [])
      yield* Time.advance(2_000)
      assert.deepStrictEqual(asked, ["b"])
      patience.await(undefined)
      yield* Time.advance(1_000_000)
      assert.deepStrictEqual(asked, ["b"])
      patience.await({ name: "c" })
      yield* Time.advance(10_000)
      assert.deepStrictEqual(asked, ["b", "c"])
    }).pipe(Effect.scoped))

  it.effect("asks once, however often the same question is reported as unanswered", () =>
    Effect.gen(function*() {
      const { asked, patience } = yield* rig
      const question = { name: "a" }
      patience.await(question)
      yield* Time.advance(5_000)
      patience.await(question)
      yield* Time.advance(24_999)
      assert.deepStrictEqual(asked, ["a"])
      yield* Time.advance(1)
      assert.deepStrictEqual(asked, ["a", "a"])
    }).pipe(Effect.scoped))
})
