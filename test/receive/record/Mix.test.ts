import { assert, describe, it } from "@effect/vitest"
import * as Mix from "../../../src/receive/record/Mix.ts"

/** `samples` stereo samples of the same value. */
const constant = (samples: number, value: number) => new Int16Array(samples * 2).fill(value)

describe("Mix", () => {
  it("adds up what coincides, and gives silence where there is nothing", () => {
    const mix = Mix.make()
    mix.add(constant(10, 1_000), 5)
    mix.add(constant(10, 2_000), 10)
    const taken = [...mix.take(12), ...mix.take(25)].filter((_, i) => i % 2 === 0)
    assert.deepStrictEqual(
      taken,
      [[5, 0], [5, 1_000], [5, 3_000], [5, 2_000], [5, 0]].flatMap(([count = 0, value]) =>
        Array.from({ length: count }, () => value)
      )
    )
    assert.strictEqual(mix.taken(), 25)
    assert.lengthOf(mix.take(20), 0)
  })

  it("multiplies both channels of each sample by its gain, before limiting", () => {
    const mix = Mix.make()
    mix.add(constant(4, 1_000), 0, Float32Array.of(1, 0.5, 0, 10))
    mix.add(constant(2, 1_000), 2)
    assert.deepStrictEqual([...mix.take(4)], [1_000, 1_000, 500, 500, 1_000, 1_000, 11_000, 11_000])
    mix.add(constant(3, 1_000), 3, Float32Array.of(0, 2, 0))
    assert.deepStrictEqual([...mix.take(6)], [2_000, 2_000, 0, 0])
  })

  it("leaves out what comes too late, and keeps the rest of it", () => {
    const mix = Mix.make()
    mix.take(100)
    mix.add(constant(20, 500), 90)
    mix.add(constant(20, 500), 10)
    assert.deepStrictEqual([...mix.take(112)].filter((_, i) => i % 2 === 0), [
      ...Array.from({ length: 10 }, () => 500),
      0,
      0
    ])
  })

  it("compresses peaks to stay under the limit, and leaves lower samples alone", () => {
    const mix = Mix.make()
    for (const value of [20_000, 20_000, 20_000]) mix.add(constant(1, value), 0)
    mix.add(constant(1, -20_000), 1)
    const [loud = 0, , quiet] = mix.take(2)
    assert.isAbove(loud, 0.9 * 32_767)
    assert.isAtMost(loud, 32_767)
    assert.closeTo(quiet ?? 0, -20_000, 1)
  })

  it("holds seconds of sound", () => {
    const mix = Mix.make()
    mix.add(constant(48_000, 7), 4 * 48_000)
    const taken = mix.take(5 * 48_000)
    assert.deepStrictEqual([taken[0], taken[8 * 48_000 - 1], taken[8 * 48_000], taken.at(-1)], [0, 0, 7, 7])
  })
})
