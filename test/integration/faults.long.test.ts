import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Faults from "./faults.ts"

/** Each block is a test of its own, so that memory is given back and a failure names its neighbourhood. */
const block = 1_000

describe("whatever a network and a server do, for long", () => {
  for (let from = 1_000; from < 31_000; from += block) {
    it.effect(`seeds from ${from}`, () =>
      Effect.gen(function*() {
        const outcomes = yield* Faults.runAll(from, block)
        assert.isTrue(outcomes.has("track Finished"))
      }))
  }
})
