import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Scope } from "effect"
import { TestClock } from "effect/testing"
import * as AudioClock from "../../src/AudioClock.ts"
import * as Chores from "../../src/driver/Chores.ts"

describe("Chores", () => {
  it.effect("run again after the delay they return, until the scope closes", () =>
    Effect.gen(function*() {
      const clock = yield* AudioClock.AudioClock
      const scope = yield* Scope.make()
      const startMs = clock.now()
      const atMs: Array<number> = []
      const waits = [5_000, 2_500, 70_000, 100]
      yield* Scope.provide(
        Chores.run(clock, 300, () => {
          atMs.push(clock.now() - startMs)
          return waits[atMs.length - 1] ?? 1_000
        }),
        scope
      )
      yield* TestClock.adjust("79 seconds")
      assert.deepStrictEqual(atMs, [300, 5_300, 7_800, 77_800, 77_900, 78_900])
      yield* Scope.close(scope, Exit.void)
      yield* TestClock.adjust("1 hour")
      assert.lengthOf(atMs, 6)
    }).pipe(Effect.provide(AudioClock.layerEffectClock)))

  it.effect("end when they return infinity", () =>
    Effect.gen(function*() {
      const clock = yield* AudioClock.AudioClock
      let calls = 0
      yield* Chores.run(clock, 0, () => ++calls < 3 ? 10 : Infinity)
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(calls, 3)
    }).pipe(Effect.scoped, Effect.provide(AudioClock.layerEffectClock)))
})
