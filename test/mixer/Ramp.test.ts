import { assert, describe, it } from "@effect/vitest"
import { Ramp } from "../../src/mixer/Ramp.ts"

const gainsOf = (ramp: Ramp, count: number): ReadonlyArray<number> => {
  const gains = new Float32Array(count).fill(1)
  ramp.apply(gains, 0, count)
  return Array.from(gains)
}

describe("Ramp", () => {
  it("changes evenly from one gain to another, over any number of chunks", () => {
    const ramp = new Ramp(1)
    assert.deepStrictEqual(gainsOf(ramp, 3), [1, 1, 1])
    ramp.to(0, 100, "linear")
    const gains = [...gainsOf(ramp, 30), ...gainsOf(ramp, 60), ...gainsOf(ramp, 30)]
    gains.forEach((gain, i) => assert.closeTo(gain, Math.max(0, 1 - (i + 1) / 100), 1e-6))
    assert.isTrue(ramp.isSettled)
  })

  it("reverses from its current gain", () => {
    const ramp = new Ramp(0)
    ramp.to(1, 100, "power")
    const [before = 0] = gainsOf(ramp, 50).slice(-1)
    ramp.to(0, 100, "linear")
    const [after = 0] = gainsOf(ramp, 1)
    assert.closeTo(after, before, 0.01)
  })

  it("keeps the total power of two crossing ramps constant", () => {
    const [up, down] = [new Ramp(0), new Ramp(1)]
    up.to(1, 100, "power")
    down.to(0, 100, "power")
    const [one, other] = [gainsOf(up, 100), gainsOf(down, 100)]
    one.forEach((gain, i) => assert.closeTo(gain ** 2 + (other[i] ?? 0) ** 2, 1, 1e-6))
  })

  it("is halfway in power in the middle between two gains", () => {
    const ramp = new Ramp(1)
    ramp.to(0.5, 100, "power")
    assert.closeTo((gainsOf(ramp, 50).at(-1) ?? 0) ** 2, (1 + 0.25) / 2, 1e-6)
    assert.closeTo(gainsOf(ramp, 50).at(-1) ?? 0, 0.5, 1e-6)
  })

  it("changes only the given number of samples, from the given index on", () => {
    const ramp = new Ramp(0.5)
    const gains = new Float32Array(6).fill(1)
    ramp.apply(gains, 2, 2)
    assert.deepStrictEqual(Array.from(gains), [1, 1, 0.5, 0.5, 1, 1])
  })

  it("changes at once without a duration", () => {
    const ramp = new Ramp(1)
    ramp.to(0.25, 0, "linear")
    assert.isTrue(ramp.isSettled)
    assert.deepStrictEqual(gainsOf(ramp, 2), [0.25, 0.25])
  })
})
