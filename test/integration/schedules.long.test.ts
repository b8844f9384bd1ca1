import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Schedules from "./schedules.ts"

describe("whatever faults do to a bot, many times", () => {
  it.effect("nothing of it is held against it", () =>
    Effect.gen(function*() {
      const happened = yield* Schedules.runAll(1_000, 300)
      assert.isAbove(happened.size, 15)
    }), 900_000)
})
