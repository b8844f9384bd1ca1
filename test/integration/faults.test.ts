import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Faults from "./faults.ts"

describe("whatever a network and a server do", () => {
  it.effect("a run ends, in success or a typed reason, and releases its sockets", () =>
    Effect.gen(function*() {
      const outcomes = yield* Faults.runAll(1, 200)
      const tags = [...outcomes.keys()]
      // the dice are such that there is some of everything
      assert.isTrue(outcomes.has("track Finished"))
      assert.isAbove(tags.filter((tag) => tag.startsWith("failed: ")).length, 3)
      assert.isAbove(tags.filter((tag) => tag.startsWith("track failed: ")).length, 3)
    }), 120_000)
})
