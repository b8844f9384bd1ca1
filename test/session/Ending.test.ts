import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Logger, Scope } from "effect"
import { TestClock } from "effect/testing"
import * as Rig from "./rig.ts"

describe("Ending", () => {
  it.effect("of a session that is left is no death, and nothing is said of it", () => {
    const said: Array<unknown> = []
    return Effect.gen(function*() {
      const it = yield* Rig.make()
      const scope = yield* Scope.make()
      const session = yield* Scope.provide(it.join, scope)
      yield* TestClock.adjust("1 second")
      yield* Scope.close(scope, Exit.void)
      yield* TestClock.adjust("10 seconds")
      yield* session.awaitClosed
      assert.deepStrictEqual(yield* session.state, { _tag: "Closed" })
      assert.deepStrictEqual(said, [])
    }).pipe(Effect.provide(Logger.layer([Logger.make(({ message }) => said.push(message))])))
  })
})
