import { describe, it } from "@effect/vitest"
import * as Visits from "./visits.ts"

describe("a thousand visits", () => {
  it.live("leave nothing behind on loopback", () => Visits.leavesNothing(1_000))
})
