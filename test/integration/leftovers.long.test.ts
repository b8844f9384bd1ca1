import { describe, it } from "@effect/vitest"
import { randomSources } from "./leftovers.ts"

describe("files, programs, connections and decoders", () => {
  for (const seed of [1, 2]) {
    it.live(`are all closed after 500 random plays, stops and interruptions, seed ${seed}`, () =>
      randomSources(500, seed))
  }
})
