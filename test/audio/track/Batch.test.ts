import { assert, describe, it } from "@effect/vitest"
import * as Batch from "../../../src/audio/track/Batch.ts"
import * as PcmRing from "../../../src/mixer/PcmRing.ts"
import * as FrameRing from "../../../src/ring/FrameRing.ts"

/** The given number of samples, each with its index on both sides. */
const numbered = (count: number) => Float32Array.from({ length: count * 2 }, (_, i) => i >> 1)

describe("a batch of samples", () => {
  it("writes what lies between two positions", () => {
    const ring = PcmRing.make(100)
    const batch = new Batch.PcmBatch(ring, 100, numbered(10))
    assert.strictEqual(batch.skip(3), 0)
    assert.strictEqual(batch.samples(), 7)
    batch.limit(4)
    assert.strictEqual(batch.samples(), 4)
    batch.write()
    assert.isTrue(batch.isOver())
    const read = new Float32Array(20)
    assert.strictEqual(ring.read(read, 0, 10), 4)
    assert.deepStrictEqual(read.slice(0, 8), numbered(7).slice(6))
  })

  it("skips further from its current position", () => {
    const batch = new Batch.PcmBatch(PcmRing.make(100), 100, numbered(10))
    assert.deepStrictEqual([batch.skip(3), batch.skip(4), batch.samples()], [0, 0, 3])
    assert.deepStrictEqual([batch.skip(5), batch.isOver()], [2, true])
  })

  it("has nothing left if it lies before the position, and writes no more than there is room for", () => {
    const ring = PcmRing.make(1)
    const all = new Batch.PcmBatch(ring, 1, numbered(10))
    assert.strictEqual(all.skip(25), 15)
    assert.isTrue(all.isOver())
    const some = new Batch.PcmBatch(ring, 1, numbered(100))
    some.write()
    assert.deepStrictEqual([ring.available(), some.samples(), some.isOver()], [48, 52, false])
    assert.match(new Batch.PcmBatch(ring, 1, new Float32Array(3)).problem() ?? "", /cannot belong to two channels/)
  })

  it("keeps its remaining samples, even if the memory that it was given changes", () => {
    const ring = PcmRing.make(100)
    const samples = numbered(10)
    const batch = new Batch.PcmBatch(ring, 100, samples)
    batch.skip(4)
    const kept = batch.kept()
    samples.fill(0)
    assert.strictEqual(kept.samples(), 6)
    kept.write()
    const read = new Float32Array(12)
    ring.read(read, 0, 6)
    assert.deepStrictEqual(read, numbered(10).slice(8))
  })
})

describe("a batch of frames", () => {
  const make = (...samples: ReadonlyArray<number>) => {
    const ring = FrameRing.make()
    const frames = samples.map((samples, i) => ({ data: Uint8Array.of(0xfc, i), samples }))
    return { ring, batch: new Batch.OpusBatch(ring, 1_000, frames) }
  }

  it("writes whole frames: from the one that holds the start to those that end by the limit", () => {
    const { batch, ring } = make(960, 480, 960, 960)
    assert.strictEqual(batch.skip(1_000), 40)
    assert.strictEqual(batch.samples(), 480 + 2 * 960)
    batch.limit(480 + 960 + 959)
    assert.strictEqual(batch.samples(), 480 + 960)
    batch.write()
    assert.isTrue(batch.isOver())
    assert.strictEqual(ring.bufferedMs(), 30)
  })

  it("skips further from its current position", () => {
    const { batch } = make(960, 480, 480, 960)
    assert.deepStrictEqual([batch.skip(1_000), batch.skip(480), batch.samples()], [40, 0, 480 + 960])
    assert.deepStrictEqual([batch.skip(5_000), batch.isOver()], [5_000 - 480 - 960, true])
  })

  it("does not keep a frame that ends at the start", () => {
    const { batch } = make(960, 480, 960)
    assert.strictEqual(batch.skip(960), 0)
    assert.strictEqual(batch.samples(), 480 + 960)
    const { batch: all } = make(960, 480)
    assert.strictEqual(all.skip(960 + 480 + 30), 30)
    assert.isTrue(all.isOver())
  })

  it("keeps its remaining frames, even if the memory that it was given changes", () => {
    const ring = FrameRing.make()
    const data = Uint8Array.of(0xfc, 1)
    const batch = new Batch.OpusBatch(ring, 1_000, [{ data: Uint8Array.of(0xfc, 0), samples: 480 }, {
      data,
      samples: 960
    }])
    batch.skip(480)
    const kept = batch.kept()
    data.fill(0)
    assert.strictEqual(kept.samples(), 960)
    kept.write()
    const read = new Uint8Array(2)
    assert.strictEqual(ring.read(read, 0), 2)
    assert.deepStrictEqual(read, Uint8Array.of(0xfc, 1))
  })

  it("has nothing left if its first frame exceeds the limit", () => {
    const { batch } = make(960)
    batch.limit(959)
    assert.isTrue(batch.isOver())
    const { batch: exact } = make(960)
    exact.limit(960)
    assert.strictEqual(exact.samples(), 960)
  })

  it("stops at a frame that is not Opus, and reports it", () => {
    for (const wrong of [0, -120, 100, 5_880]) {
      const { batch, ring } = make(960, wrong, 960)
      assert.isUndefined(batch.problem())
      batch.write()
      assert.strictEqual(ring.bufferedMs(), 20)
      assert.match(batch.problem() ?? "", /is not valid Opus/)
    }
    const { batch } = make(5_760)
    assert.isUndefined(batch.problem())
  })
})
