import { describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Schedules from "./e2eeSchedules.ts"

const block = 100

describe("members that come and go in any order, many times", () => {
  for (let from = 1_000; from < 6_000; from += block) {
    it.effect(`hear each other: seeds from ${from}`, () =>
      Effect.gen(function*() {
        for (let seed = from; seed < from + block; seed++) yield* Schedules.run({ seed, most: 10 })
      }))
  }
})

describe("fifty members", () => {
  for (let seed = 1; seed <= 20; seed++) {
    it.effect(`hear each other: seed ${seed}`, () => Schedules.run({ seed, most: 49, atStart: 48, rounds: 3 }))
  }
})
