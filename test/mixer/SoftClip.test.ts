import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import * as SoftClip from "../../src/mixer/SoftClip.ts"

describe("SoftClip", () => {
  it.prop("leaves samples up to 0.9 unchanged, and keeps the order and sign of larger ones", [
    Schema.Array(Schema.Finite.pipe(Schema.check(Schema.isBetween({ minimum: -8, maximum: 8 }))))
  ], ([values]) => {
    const samples = Float32Array.from(values)
    const clipped = Float32Array.from(values)
    SoftClip.apply(clipped)
    samples.forEach((value, i) => {
      const made = clipped[i] ?? 0
      if (Math.abs(value) <= 0.9) assert.strictEqual(made, value)
      else {
        assert.isAtMost(Math.abs(made), 1)
        assert.isAtLeast(Math.abs(made), 0.899)
        assert.strictEqual(Math.sign(made), Math.sign(value))
      }
    })
    const sorted = samples.toSorted()
    SoftClip.apply(sorted)
    sorted.forEach((value, i) => assert.isAtLeast(value, (sorted[i - 1] ?? -1) - 1e-6))
  })

  it("approaches full scale without exceeding it", () => {
    const samples = Float32Array.of(0.9, 1, -1, 4)
    SoftClip.apply(samples)
    const [knee = 0, full = 0, negative = 0, loud = 0] = samples
    assert.closeTo(knee, 0.9, 1e-6)
    assert.closeTo(full, 0.9 + 0.1 * Math.tanh(1), 1e-6)
    assert.closeTo(negative, -full, 1e-6)
    assert.closeTo(loud, 1, 1e-6)
  })
})
