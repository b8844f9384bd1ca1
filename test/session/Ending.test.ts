import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, Logger, Scope } from "effect"
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

  it.effect("of a session whose driver dies is told to the log and to who waits for it, and its guild is free", () => {
    const said: Array<unknown> = []
    return Effect.gen(function*() {
      let connects = 0
      const it = yield* Rig.make(
        {},
        Effect.void,
        () => ++connects === 2 ? Effect.die("a bug of the driver") : Effect.void
      )
      const session = yield* it.join
      const waiting = yield* Effect.forkChild(Effect.exit(session.awaitClosed), { startImmediately: true })
      yield* it.lose(4006)
      yield* TestClock.adjust("1 minute")
      const exit = yield* Fiber.join(waiting)
      assert.isTrue(Exit.isFailure(exit) && Cause.hasDies(exit.cause))
      assert.strictEqual((yield* session.state)._tag, "Closed")
      assert.include(said.flat().join(), `The voice session in guild ${Rig.guildId} has died`)
      assert.strictEqual((yield* (yield* it.join).state)._tag, "Ready")
    }).pipe(Effect.provide(Logger.layer([Logger.make(({ message }) => said.push(message))])))
  })
})
