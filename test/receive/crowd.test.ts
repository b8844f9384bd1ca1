import { describe, it } from "@effect/vitest"
import * as Crowd from "./crowd.ts"

describe("fifty people", () => {
  it.live("talk at once for ten seconds", () => Crowd.talks(50, 10))
})
