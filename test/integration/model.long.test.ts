import { describe, it } from "@effect/vitest"
import * as Model from "./model.ts"

/** Each block is a test of its own, so that memory is given back and a failure names its neighbourhood. */
const block = 1_000

describe("whatever happens to a bot, many times", () => {
  for (let from = 10_000; from < 60_000; from += block) {
    it.effect(`seeds from ${from}`, () => Model.playAll(from, block))
  }
})
