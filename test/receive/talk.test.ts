import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as TalkCheck from "./talkCheck.ts"

const seed = process.env["SEED"]

describe("a simulated call", () => {
  if (seed !== undefined) {
    it.live(`puts each word everywhere once, on time: seed ${seed} alone`, () => TalkCheck.playAll(Number(seed), 1))
    return
  }
  it.live("puts each word into files, utterances, ticks and the mix, once, whole and on time", () =>
    Effect.map(TalkCheck.playAll(1, 4), (words) => assert.isAbove(words, 30)))
})
