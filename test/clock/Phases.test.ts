import { assert, describe, it } from "@effect/vitest"
import * as Phases from "../../src/clock/Phases.ts"

const counts = (taken: ReadonlyArray<number>) =>
  Array.from({ length: Phases.frameMs }, (_, phase) => taken.filter((one) => one === phase).length)

describe("Phases", () => {
  it("fills one phase before it starts the next, which is as far away as possible", () => {
    const phases = Phases.make()
    const taken = Array.from({ length: 70 }, phases.take)
    assert.deepStrictEqual(new Set(taken.slice(0, 32)), new Set([0]))
    assert.deepStrictEqual(new Set(taken.slice(32, 64)), new Set([10]))
    assert.deepStrictEqual(new Set(taken.slice(64)), new Set([5]))
  })

  it("distributes evenly over all phases once all are full", () => {
    const phases = Phases.make()
    assert.deepStrictEqual(counts(Array.from({ length: 660 }, phases.take)), Array.from({ length: 20 }, () => 33))
  })

  it("reuses phases that were given back", () => {
    const phases = Phases.make()
    for (const phase of Array.from({ length: 64 }, phases.take).slice(0, 2)) phases.give(phase)
    assert.deepStrictEqual([phases.take(), phases.take(), phases.take()], [0, 0, 5])
  })

  it("aligns a time to the next one on a phase", () => {
    assert.strictEqual(Phases.align(0, 0), 0)
    assert.strictEqual(Phases.align(5, 0), 5)
    assert.strictEqual(Phases.align(5, 5), 5)
    assert.strictEqual(Phases.align(5, 5.1), 25)
    assert.strictEqual(Phases.align(19, 1_000), 1_019)
  })
})
