import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Layer, Scope } from "effect"
import { getHeapSpaceStatistics } from "node:v8"
import * as NewSpace from "../src/NewSpace.ts"

const mib = () =>
  (getHeapSpaceStatistics().find(({ space_name }) => space_name === "new_space")?.space_size ?? Number.NaN) / 1_048_576

/** Allocates as hundreds of connections do: millions of new objects, a tenth of which stay for a while. */
const allocate = () => {
  const kept: Array<object> = []
  for (let i = 0; i < 2_000_000; i++) {
    const object = { i, list: [i] }
    if (i % 10 === 0) kept.push(object)
    if (kept.length > 100_000) kept.length = 0
  }
  return kept.length
}

const build = Effect.gen(function*() {
  const scope = yield* Scope.make()
  yield* Layer.buildWithScope(Layer.fresh(NewSpace.layerSmall), scope)
  return scope
})

describe("NewSpace", () => {
  it.effect("keeps the new space small while a layer is in use, and lets it grow before and after", () =>
    Effect.gen(function*() {
      allocate()
      const before = mib()
      assert.isAbove(before, 4)

      const first = yield* build
      const second = yield* build
      allocate()
      assert.isAtMost(mib(), 4)

      yield* Scope.close(first, Exit.void)
      allocate()
      assert.isAtMost(mib(), 4)

      yield* Scope.close(second, Exit.void)
      allocate()
      assert.isAbove(mib(), 4)
    }))

  it.effect("leaves no gc function on globalThis", () =>
    Effect.gen(function*() {
      yield* Scope.close(yield* build, Exit.void)
      assert.strictEqual(Reflect.get(globalThis, "gc"), undefined)
    }))
})
