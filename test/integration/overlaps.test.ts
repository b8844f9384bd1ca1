import { describe, it } from "@effect/vitest"
import * as Overlaps from "./overlaps.ts"

const block = 75
const blocks = 2
const seed = process.env["SEED"]

describe("whatever happens at the same time", () => {
  if (seed !== undefined) {
    it.effect(`seed ${seed} alone: ${JSON.stringify(Overlaps.draw(Number(seed)))}`, () =>
      Overlaps.play(Overlaps.draw(Number(seed))))
    return
  }
  for (let from = 1; from <= blocks * block; from += block) {
    it.effect(
      `a session is where Discord has it, shown as it wants, and heard: seeds ${from} to ${from + block - 1}`,
      () => Overlaps.playAll(from, block),
      300_000
    )
  }
})
