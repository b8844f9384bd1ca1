import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as FaultSchedule from "../../src/emulator/core/faults/FaultSchedule.ts"
import * as Model from "./model.ts"

const block = 150
const blocks = 2
const seed = process.env["SEED"]

describe("whatever happens to a bot", () => {
  if (seed !== undefined) {
    it.effect(`seed ${seed} alone: ${JSON.stringify(Model.draw(Number(seed)))}`, () =>
      Model.play(Model.draw(Number(seed))))
    return
  }

  const happened = new Set<string>()
  const ends = new Set<string>()
  for (let from = 1; from <= blocks * block; from += block) {
    it.effect(
      `it recovers or ends for a reason: seeds ${from} to ${from + block - 1}`,
      () =>
        Effect.gen(function*() {
          const result = yield* Model.playAll(from, block)
          for (const kind of result.happened.keys()) happened.add(kind)
          for (const end of result.ends.keys()) ends.add(end)
        }),
      300_000
    )
  }

  it("the seeds include every kind of incident and the usual ends", () => {
    assert.includeMembers([...happened], [...FaultSchedule.kinds])
    assert.includeMembers([...ends], ["left", "Kicked", "Disconnected"])
  })
})
