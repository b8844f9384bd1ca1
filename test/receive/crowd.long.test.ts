import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Crowd from "./crowd.ts"

describe("fifty people", () => {
  it.live("talk at once for ten minutes without growing the heap", () =>
    Effect.gen(function*() {
      const samples = yield* Crowd.talks(50, 600)
      assert.lengthOf(samples, 10)
      // 2 MB are noise: code that is still being compiled, and whatever waits in the buffers at the moment
      assert.isBelow(Math.max(...samples.slice(5)), Math.max(...samples.slice(1, 5)) + 2_000_000)
    }))
})
