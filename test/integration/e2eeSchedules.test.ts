import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Schedules from "./e2eeSchedules.ts"

const block = 30
const blocks = 2
const seed = process.env["SEED"]
const most = 10

/** The most frames of 20 ms that one member missed of another, by what happened. */
const print = (table: ReturnType<typeof Schedules.table>) => {
  for (const [kind, { fromJoiner, joiner, old, times }] of table) {
    process.stdout.write(`${kind}, ${times} times: old ${old}, joiner ${joiner}, from joiner ${fromJoiner}\n`)
  }
}

describe("members that come and go in any order", () => {
  if (seed !== undefined) {
    it.effect(
      `hear each other: seed ${seed} alone`,
      () => Effect.map(Schedules.run({ seed: Number(seed), most }), (losses) => print(Schedules.table(losses)))
    )
    return
  }

  const losses: Array<Schedules.Loss> = []
  for (let from = 1; from <= blocks * block; from += block) {
    it.effect(
      `hear each other: seeds ${from} to ${from + block - 1}`,
      () =>
        Effect.gen(function*() {
          for (let seed = from; seed < from + block; seed++) losses.push(...(yield* Schedules.run({ seed, most })))
        }),
      300_000
    )
  }

  it("lose no more than allowed; each kind of change occurred", () => {
    const table = Schedules.table(losses)
    print(table)
    assert.sameMembers(Array.from(table.keys()), [...Schedules.kinds])
  })
})
