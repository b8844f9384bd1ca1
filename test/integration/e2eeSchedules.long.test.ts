import { describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Schedules from "./e2eeSchedules.ts"
import { seedBlocks } from "./seeds.ts"

describe("members that come and go in any order, many times", () => {
  it.effect.each(seedBlocks({ from: 1_000, count: 2_000 }, 100))(
    "hear each other: $count seeds from $from",
    ({ count, from }) =>
      Effect.gen(function*() {
        for (let seed = from; seed < from + count; seed++) yield* Schedules.run({ seed, most: 10 })
      })
  )
})

describe("fifty members", () => {
  for (let seed = 1; seed <= 20; seed++) {
    it.effect(`hear each other: seed ${seed}`, () => Schedules.run({ seed, most: 49, atStart: 48, rounds: 3 }))
  }
})
