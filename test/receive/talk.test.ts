import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as TalkCheck from "./talkCheck.ts"

const seed = process.env["SEED"]

describe("what is said in a call", () => {
  if (seed !== undefined) {
    it.live(`seed ${seed} alone`, () => TalkCheck.playAll(Number(seed), 1))
    return
  }
  it.live("is in files, utterances, ticks and the mix, once, whole, and when it was said", () =>
    Effect.map(TalkCheck.playAll(1, 4), (words) => assert.isAbove(words, 30)))
})
