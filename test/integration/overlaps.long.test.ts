import { describe, it } from "@effect/vitest"
import * as Overlaps from "./overlaps.ts"

/** Each block is a test of its own, so that memory is given back and a failure names its neighbourhood. */
const block = 1_000

describe("whatever happens at the same time, many times", () => {
  for (let from = 10_000; from < 30_000; from += block) {
    it.effect(`seeds from ${from}`, () => Overlaps.playAll(from, block))
  }
})
