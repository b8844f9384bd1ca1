import { describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Schedules from "./e2eeSchedules.ts"

const block = 50
const blocks = 6
const seed = process.env["SEED"]
const most = 10

describe("members that come and go in any order", () => {
  if (seed !== undefined) {
    it.effect(
      `seed ${seed} alone`,
      () => Effect.map(Schedules.run({ seed: Number(seed), most }), (losses) => console.log(losses)),
      120_000
    )
    return
  }
  const losses: Array<Schedules.Loss> = []
  for (let from = 1; from <= blocks * block; from += block) {
    it.effect(`hear each other: seeds ${from} to ${from + block - 1}`, () =>
      Effect.gen(function*() {
        for (let seed = from; seed < from + block; seed++) losses.push(...(yield* Schedules.run({ seed, most })))
      }), 240_000)
  }
  it("table", () => {
    console.table(Object.fromEntries(Schedules.table(losses)))
  })
})
