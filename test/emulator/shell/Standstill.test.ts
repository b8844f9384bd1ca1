import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Standstill from "../../../src/emulator/shell/Standstill.ts"

const standStill = (ms: number) =>
  Effect.sync(() => {
    const until = performance.now() + ms
    while (performance.now() < until);
  })

describe("Standstill", () => {
  it.live("counts the time in which nothing could run, immediately and afterwards", () =>
    Effect.gen(function*() {
      const standstillMs = yield* Standstill.make
      yield* standStill(120)
      const atOnce = standstillMs()
      assert.isAtLeast(atOnce, 100)
      yield* Effect.sleep("30 millis")
      assert.isAtLeast(standstillMs(), atOnce)
      const before = standstillMs()
      yield* standStill(60)
      assert.isAtLeast(standstillMs() - before, 30)
    }).pipe(Effect.scoped))
})
