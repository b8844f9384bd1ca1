import { assert, describe, it } from "@effect/vitest"
import * as WindowedSinc from "../../src/mixer/WindowedSinc.ts"

const shape = { halfTaps: 16, beta: 6.8, phases: 64, share: 1 }

const row = ({ half, weights }: WindowedSinc.Table, phase: number) =>
  Array.from(weights.subarray(phase * 2 * half, (phase + 1) * 2 * half))

describe("WindowedSinc", () => {
  it.each([1, 0.75, 0.5])("passes a constant in every phase, with a share of %f of the range", (share) => {
    const table = WindowedSinc.make({ ...shape, share })
    assert.strictEqual(table.half, Math.ceil(16 / share))
    for (let phase = 0; phase <= 64; phase++) {
      assert.closeTo(row(table, phase).reduce((sum, weight) => sum + weight, 0), 1, 1e-5)
    }
  })

  it("returns the sample itself at phase 0, and the next one a whole step later", () => {
    const table = WindowedSinc.make(shape)
    for (const [phase, at] of [[0, 15], [64, 16]] as const) {
      row(table, phase).forEach((weight, i) => assert.closeTo(weight, i === at ? 1 : 0, 1e-6))
    }
  })

  it("is mirrored for the opposite phase", () => {
    const table = WindowedSinc.make({ ...shape, share: 0.5 })
    row(table, 10).toReversed().forEach((weight, i) => assert.closeTo(weight, row(table, 54)[i] ?? NaN, 1e-6))
  })

  it("caches the most recently used tables", () => {
    const made: Array<number> = []
    const table = WindowedSinc.kept(2, (phases) => {
      made.push(phases)
      return { ...shape, phases }
    })
    for (const phases of [1, 2, 1, 3, 1, 2]) assert.strictEqual(table(phases).phases, phases)
    assert.deepStrictEqual(made, [1, 2, 3, 2])
  })
})
