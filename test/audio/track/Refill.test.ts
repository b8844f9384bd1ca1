import { assert, describe, it } from "@effect/vitest"
import * as Batch from "../../../src/audio/track/Batch.ts"
import * as Refill from "../../../src/audio/track/Refill.ts"
import * as PcmRing from "../../../src/mixer/PcmRing.ts"
import * as FrameRing from "../../../src/ring/FrameRing.ts"

describe("Refill", () => {
  const ring = FrameRing.make()
  const batchOf = (...numbers: ReadonlyArray<number>) =>
    new Batch.OpusBatch(ring, 1_000, numbers.map((number) => ({ data: Uint8Array.of(0xfc, number), samples: 960 })))

  it("holds nothing back if the ring has not run dry", () => {
    const refill = Refill.make(ring, () => 1_000)
    const batch = batchOf(1)
    assert.deepStrictEqual(refill.put(batch), [batch])
    assert.strictEqual(refill.heldMs(), 0)
    assert.isUndefined(refill.next())
  })

  it("holds batches back until there are enough, and returns them in order", () => {
    const refill = Refill.make(ring, () => 100)
    ring.starve()
    assert.deepStrictEqual(refill.put(batchOf(1, 2)), [])
    assert.deepStrictEqual(refill.put(batchOf(3, 4)), [])
    assert.strictEqual(refill.heldMs(), 80)
    const ready = refill.put(batchOf(5))
    assert.deepStrictEqual(ready.map((batch) => batch.samples() / 960), [2, 2, 1])
    assert.strictEqual(refill.heldMs(), 0)
    assert.isFalse(ring.isStarving())
    assert.lengthOf(refill.put(batchOf(6)), 1)
  })

  it("returns what it has if nothing more comes", () => {
    const refill = Refill.make(ring, () => 1_000)
    ring.starve()
    refill.put(batchOf(1))
    refill.put(batchOf(2, 3))
    assert.strictEqual(refill.next()?.samples(), 960)
    assert.strictEqual(refill.heldMs(), 40)
    assert.strictEqual(refill.next()?.samples(), 1_920)
    assert.strictEqual(refill.heldMs(), 0)
    assert.isUndefined(refill.next())
    assert.isFalse(ring.isStarving())
  })

  it("copies data that the source may reuse", () => {
    const refill = Refill.make(ring, () => 1_000)
    const data = Uint8Array.of(0xfc, 7)
    ring.starve()
    refill.put(new Batch.OpusBatch(ring, 1_000, [{ data, samples: 960 }]))
    data.fill(0)
    refill.next()?.write()
    const into = new Uint8Array(2)
    ring.read(into, 0)
    assert.deepStrictEqual(into, Uint8Array.of(0xfc, 7))
  })

  it("copies samples from a filter that reuses its array", () => {
    const samples = PcmRing.make(100)
    const refill = Refill.make(samples, () => 1_000)
    const given = new Float32Array(1_920).fill(0.5)
    samples.starve()
    const batch = new Batch.PcmBatch(samples, 100, given)
    batch.skip(480)
    refill.put(batch)
    given.fill(0)
    const kept = refill.next()
    assert.isDefined(kept)
    assert.strictEqual(kept.samples(), 480)
    kept.write()
    const into = new Float32Array(960)
    assert.strictEqual(samples.read(into, 0, 480), 480)
    assert.isTrue(into.every((sample) => sample === 0.5))
  })

  it("does not wait with a batch that can never be written", () => {
    const refill = Refill.make(ring, () => 1_000)
    for (const samples of [0, -960, NaN, 7]) {
      ring.starve()
      assert.lengthOf(refill.put(batchOf(1)), 0)
      assert.lengthOf(refill.put(new Batch.OpusBatch(ring, 1_000, [{ data: Uint8Array.of(0xfc), samples }])), 2)
    }
    const samples = PcmRing.make(100)
    samples.starve()
    const odd = Refill.make(samples, () => 1_000)
    assert.lengthOf(odd.put(new Batch.PcmBatch(samples, 100, new Float32Array(1_921))), 1)
  })

  it("notices starvation and recovery from the other end of the ring", () => {
    for (const ring of [FrameRing.make(), PcmRing.make(100)]) {
      const { buffer } = ring
      const other = buffer instanceof SharedArrayBuffer && "available" in ring
        ? PcmRing.fromBuffer(buffer)
        : FrameRing.fromBuffer(buffer)
      assert.isFalse(ring.isStarving())
      other.starve()
      assert.isTrue(ring.isStarving())
      ring.recover()
      assert.isFalse(other.isStarving())
    }
  })
})
