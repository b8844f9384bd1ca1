import { assert, describe, it } from "@effect/vitest"
import { Kept } from "../../src/mixer/Kept.ts"

const size = 1_920

/** Begins a unit in which each input has a single constant sample value. */
const begin = (kept: Kept, inputs: ReadonlyArray<readonly [input: number, sample: number, level?: number]>) => {
  kept.begin()
  for (const [input, sample, level] of inputs) {
    kept.part(input).fill(sample)
    if (level !== undefined) kept.level(level)
  }
}

const sum = (kept: Kept, number: number): Float32Array => {
  const into = new Float32Array(size).fill(9)
  kept.sum(number, into)
  return into
}

const is = (samples: Float32Array, wanted: number) => {
  for (const sample of samples) assert.closeTo(sample, wanted, 1e-6)
}

describe("Kept", () => {
  it.each([1, 2, 3, 4, 5])("adds up %i parts, each at its level", (count) => {
    const kept = new Kept(3, 0)
    begin(kept, Array.from({ length: count }, (_, i) => [i + 1, 0.25 * (i + 1), 0.5 ** (i + 1)]))
    let wanted = 0
    for (let i = 0; i < count; i++) wanted += 0.25 * (i + 1) * 0.5 ** (i + 1)
    is(sum(kept, 0), wanted)
  })

  it("soft-clips a sum that exceeds full scale", () => {
    const kept = new Kept(3, 0)
    begin(kept, [[1, 0.8], [2, 0.8]])
    for (const sample of sum(kept, 0)) assert.isTrue(sample > 0.9 && sample <= 1)
  })

  it("is silent if nothing plays, and for units that are no longer kept or not there yet", () => {
    const kept = new Kept(2, -1)
    for (let i = 0; i < 3; i++) begin(kept, [[1, 0.5]])
    is(sum(kept, -1), 0)
    is(sum(kept, 0), 0.5)
    is(sum(kept, 1), 0.5)
    is(sum(kept, 2), 0)
    begin(kept, [])
    is(sum(kept, 2), 0)
  })

  it("fills the rest of a unit with silence if less than a unit is put in", () => {
    const kept = new Kept(1, 0)
    begin(kept, [[1, 0.5]])
    kept.begin()
    kept.put(new Float32Array(100).fill(0.25))
    const samples = sum(kept, 1)
    is(samples.subarray(0, 100), 0.25)
    is(samples.subarray(100), 0)
  })

  it("fades a cut input out within 5 ms after what a decoder joins, and leaves the others at their levels", () => {
    const kept = new Kept(4, 0)
    for (let i = 0; i < 3; i++) begin(kept, [[1, 0.5, 0.5], [2, 0.25, 0.4], [3, 0.5, 0.1]])
    kept.cut([2], 1)
    is(sum(kept, 0), 0.25 + 0.1 + 0.05)
    const first = sum(kept, 1)
    is(first.subarray(0, 240), 0.25 + 0.1 + 0.05)
    for (let i = 242; i < 720; i += 2) assert.isBelow(first[i] ?? NaN, first[i - 2] ?? NaN)
    is(first.subarray(720), 0.25 + 0.05)
    is(sum(kept, 2), 0.25 + 0.05)
  })

  it("removes a cut input at once if it did not sound before", () => {
    const kept = new Kept(4, 0)
    begin(kept, [[1, 0.5]])
    begin(kept, [[1, 0.5], [2, 0.25, 0.5]])
    kept.cut([2], 1)
    is(sum(kept, 1), 0.5)
  })
})
