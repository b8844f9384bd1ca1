import { assert, describe, it } from "@effect/vitest"
import * as Samples from "../../../src/audio/format/Samples.ts"

describe("Samples", () => {
  it("decode to silence where they are not finite numbers", () => {
    const bytes = new Uint8Array(Float32Array.of(NaN, 0.5, Infinity, -0.25, -Infinity, 2).buffer)
    const [left, right] = Samples.decode(bytes, "f32le", 2)
    assert.deepStrictEqual(left, Float32Array.of(0, 0, 0))
    assert.deepStrictEqual(right, Float32Array.of(0.5, -0.25, 2))
  })
})
