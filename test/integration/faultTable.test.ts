import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { readFileSync, writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import * as FaultTable from "./faultTable.ts"

const page = fileURLToPath(new URL("../../docs/faults.md", import.meta.url))

const key = (step: FaultTable.Step, fault: FaultTable.Fault) => JSON.stringify([step.name, fault])

describe("every step, every fault", () => {
  const outcomes = new Map<string, FaultTable.Outcome>()

  for (const step of FaultTable.steps) {
    it.effect(step.name, () =>
      Effect.gen(function*() {
        const wrong: Array<unknown> = []
        for (const fault of FaultTable.faultsAt(step)) {
          const outcome = yield* FaultTable.run(step, fault)
          const expected = FaultTable.expected(step, fault)
          outcomes.set(key(step, fault), outcome)
          if (outcome !== expected) wrong.push({ fault, outcome, expected })
        }
        assert.deepStrictEqual(wrong, [])
      }))
  }

  it("have the outcomes in docs/faults.md (WRITE=1 rewrites the page)", () => {
    const text = FaultTable.document((step, fault) =>
      outcomes.get(key(step, fault)) ?? assert.fail("the page needs the whole table")
    )
    if (process.env["WRITE"] === "1") writeFileSync(page, text)
    assert.strictEqual(readFileSync(page, "utf8"), text)
  })
})
