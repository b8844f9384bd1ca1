import { assert, describe, it } from "@effect/vitest"
import { Output } from "../../src/mixer/Output.ts"
import { UnitEncoder } from "../../src/mixer/UnitEncoder.ts"
import * as FrameRing from "../../src/ring/FrameRing.ts"
import * as FakeCodec from "./fakeCodec.ts"

/** The number of samples in a unit, on both channels. */
const size = 1_920

const make = async (options: { readonly lookahead?: number } = {}) => {
  const encoder = await FakeCodec.make(options.lookahead).encoder({})
  const predicted: Array<boolean> = []
  const ring = FrameRing.make()
  const units = new UnitEncoder({ ...encoder, setPrediction: (on) => void predicted.push(on) })
  const output = new Output(units, ring, 60)
  const into = new Uint8Array(FrameRing.maxFrameBytes)
  /** The first, the middle and the last sample of each available frame, in hundredths. */
  const taken = (from = ring): ReadonlyArray<ReadonlyArray<number>> => {
    const frames: Array<ReadonlyArray<number>> = []
    while (from.read(into, 0) >= 0) frames.push([...into.subarray(0, 3)])
    return frames
  }
  /** Makes a unit to which each input contributes a constant value. */
  const give = (...inputs: ReadonlyArray<readonly [input: number, value: number]>): void => {
    output.kept.begin()
    for (const [input, value] of inputs) output.kept.part(input).fill(value)
    output.advance()
  }
  return { output, ring, predicted, taken, give }
}

describe("Output", () => {
  it("makes the frame of a unit once the next unit is complete, and the last one at the end", async () => {
    const { give, output, ring, taken } = await make()
    output.begin([])
    assert.isTrue(output.hasBegun)
    give([1, 0.1], [2, 0.2])
    assert.strictEqual(output.units, 1)
    assert.deepStrictEqual(taken(), [])
    give([1, 0.4])
    assert.deepStrictEqual(taken(), [[30, 30, 30]])
    assert.isFalse(output.isEnded)
    output.end(new Float32Array())
    assert.deepStrictEqual(taken(), [[40, 40, 40]])
    assert.isTrue(output.isEnded)
    assert.isTrue(ring.isDrained())
  })

  it("puts the beginning of what follows into the last frame", async () => {
    const { give, output, taken } = await make({ lookahead: 480 })
    output.begin([])
    give([1, 0.1])
    output.end(new Float32Array(960).fill(0.5))
    assert.deepStrictEqual(taken(), [[10, 50, 50]])
  })

  it("primes the encoder with the last sound before, without sending that again", async () => {
    const { give, output, taken } = await make({ lookahead: 480 })
    // 110 ms, of which the encoder takes 100
    output.begin([new Float32Array(5 * size).fill(0.2), new Float32Array(size / 2).fill(0.3)])
    give([1, 0.1])
    assert.deepStrictEqual(taken(), [])
    give([1, 0.1])
    assert.deepStrictEqual(taken(), [[10, 10, 10]])
  })

  it("makes frames again without the cut inputs, into a new ring", async () => {
    const { give, output, predicted, ring, taken } = await make()
    output.begin([])
    for (let i = 0; i < 4; i++) give([1, 0.1], [2, 0.2])
    assert.lengthOf(taken(), 3)
    const next = FrameRing.make({ first: 1 })
    predicted.length = 0
    output.cut([2], 1, next)
    assert.isTrue(ring.isDrained(), "nobody waits for more of the former one")
    // the cut input fades out after it was heard
    assert.deepStrictEqual(taken(next), [[30, 10, 10], [10, 10, 10]])
    assert.deepStrictEqual(predicted, [false], "the first one, and both at the cut")
    assert.isFalse(next.isEnded())
    output.end(new Float32Array())
    assert.deepStrictEqual(predicted, [false, true])
    assert.deepStrictEqual(taken(next), [[10, 10, 10]])
    assert.isTrue(next.isDrained())
  })

  it("makes the end again, too", async () => {
    const { give, output, taken } = await make()
    output.begin([])
    give([1, 0.1], [2, 0.2])
    give([1, 0.1], [2, 0.2])
    output.end(new Float32Array())
    taken()
    const next = FrameRing.make({ first: 1 })
    output.cut([1], 1, next)
    assert.deepStrictEqual(taken(next), [[30, 20, 20]])
    assert.isTrue(next.isDrained())
  })

  it("ends a ring in favor of another one before it has begun", async () => {
    const { give, output, ring, taken } = await make()
    const next = FrameRing.make()
    output.cut([], 0, next)
    assert.isTrue(ring.isDrained())
    output.begin([])
    give([1, 0.1])
    give([1, 0.1])
    assert.deepStrictEqual(taken(next), [[10, 10, 10]])
  })

  it("leaves the ring as it is when it is abandoned", async () => {
    const { give, output, ring, taken } = await make()
    output.begin([])
    give([1, 0.1])
    give([1, 0.1])
    output.abandon()
    assert.isTrue(output.isEnded)
    assert.isFalse(ring.isEnded())
    assert.lengthOf(taken(), 1)
  })
})
