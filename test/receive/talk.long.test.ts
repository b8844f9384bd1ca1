import { describe, it } from "@effect/vitest"
import * as TalkCheck from "./talkCheck.ts"

/** Each block is a test of its own, so that a failure names its neighbourhood. */
const block = 50

describe("what is said in a call, many times", () => {
  for (let from = 1_000; from < 1_600; from += block) {
    it.live(`seeds from ${from}`, () => TalkCheck.playAll(from, block))
  }
})
