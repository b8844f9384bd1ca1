import { describe, it } from "@effect/vitest"
import { randomSources } from "./leftovers.ts"

describe("files, programs, connections and decoders", () => {
  it.live("are all closed after 40 random plays, stops and interruptions", () => randomSources(40, 1))
})
