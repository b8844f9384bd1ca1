import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { vi } from "vitest"
import * as PcmRing from "../../src/mixer/PcmRing.ts"

const Step = Schema.Struct({
  write: Schema.Boolean,
  count: Schema.Int.pipe(Schema.check(Schema.isBetween({ minimum: 0, maximum: 700 })))
})

describe("PcmRing", () => {
  it("returns what was written, from either end, and says when it is over", () => {
    const ring = PcmRing.make(100)
    const other = PcmRing.fromBuffer(ring.buffer)
    const samples = Float32Array.from({ length: 960 }, (_, i) => i)
    assert.strictEqual(ring.write(samples, 0), 960)
    assert.strictEqual(ring.bufferedMs(), 10)
    const into = new Float32Array(1_000)
    assert.strictEqual(other.read(into, 4, 240), 240)
    assert.deepStrictEqual(into.slice(4, 484), samples.slice(0, 480))
    assert.strictEqual(ring.positionMs(), 5)
    ring.end()
    assert.isFalse(other.isDrained())
    assert.strictEqual(other.read(into, 0, 500), 240)
    assert.isTrue(other.isDrained())
    assert.isTrue(other.isEnded())
  })

  it("is not drained while more may come", () => {
    const ring = PcmRing.make(100)
    assert.isFalse(ring.isDrained())
    ring.end()
    assert.isTrue(ring.isDrained())
  })

  it("reopens if its end was not reached, and does not if it was", () => {
    const ring = PcmRing.make(100)
    const consumer = PcmRing.fromBuffer(ring.buffer)
    assert.isFalse(ring.reopen())
    ring.write(new Float32Array(960), 0)
    ring.end()
    assert.isFalse(consumer.isDrained())
    assert.isTrue(ring.reopen())
    assert.isFalse(consumer.isEnded())
    consumer.read(new Float32Array(960), 0, 480)
    assert.isFalse(consumer.isDrained())
    ring.end()
    assert.isTrue(consumer.isDrained())
    assert.isFalse(ring.reopen())
  })

  it("is not drained if its producer, in another thread, writes the last samples between two checks", () => {
    const ring = PcmRing.make(100)
    const compareExchange = vi.spyOn(Atomics, "compareExchange").mockImplementationOnce((...args) => {
      ring.write(new Float32Array(960), 0)
      ring.end()
      return Atomics.compareExchange(...args)
    })
    assert.isFalse(ring.isDrained())
    compareExchange.mockRestore()
    ring.read(new Float32Array(960), 0, 480)
    assert.isTrue(ring.isDrained())
  })

  it("tells its producer that samples were missed until that has recovered", () => {
    const ring = PcmRing.make(100)
    const consumer = PcmRing.fromBuffer(ring.buffer)
    assert.isFalse(ring.isStarving())
    consumer.starve()
    assert.isTrue(ring.isStarving())
    ring.recover()
    assert.isFalse(ring.isStarving())
    consumer.starve()
    assert.isTrue(ring.isStarving())
  })

  it("continues to count after half a day and after a day", () => {
    const counts = [0x8000_0000, 0x1_0000_0000]
    for (const count of counts) {
      const ring = PcmRing.make(100)
      // the first two words of the header: samples written and samples read
      new Int32Array(ring.buffer, 0, 2).fill((count - 48) | 0)
      const into = new Float32Array(960)
      assert.strictEqual(ring.positionMs(), (count - 48) / 48)
      ring.write(new Float32Array(960), 0)
      let read = 0
      for (const samples of [47, 1, 48, 144]) {
        assert.strictEqual(ring.read(into, 0, samples), samples)
        read += samples
        assert.strictEqual(ring.positionMs(), (count - 48 + read) / 48)
      }
      assert.strictEqual(ring.bufferedMs(), 5)
    }
  })

  it("accepts no more than it has room for", () => {
    const ring = PcmRing.make(10)
    const samples = new Float32Array(4_000)
    const written = ring.write(samples, 0)
    assert.isAtLeast(written, 960)
    assert.isBelow(written, 4_000)
    assert.strictEqual(ring.write(samples, written), written)
    const roomy = PcmRing.make(100)
    assert.strictEqual(roomy.write(samples, 3_000), 4_000)
    assert.strictEqual(roomy.available(), 500)
  })

  it.prop("behaves as a bounded queue for any order of writes and reads", [Schema.Array(Step)], ([steps]) => {
    const ring = PcmRing.make(1)
    const model: Array<number> = []
    let next = 0
    const into = new Float32Array(2_800)
    for (let round = 0; round < 10; round++) {
      for (const { count, write } of steps) {
        if (write) {
          const samples = Float32Array.from({ length: count * 2 }, (_, i) => next + i)
          const written = ring.write(samples, 0)
          model.push(...samples.subarray(0, written))
          next = (next + written) % 1_000_000
          assert.isTrue(written === samples.length || ring.available() === 64)
        } else {
          into.fill(-1)
          const read = ring.read(into, 4, count)
          assert.deepStrictEqual(Array.from(into.subarray(4, 4 + read * 2)), model.splice(0, count * 2))
          assert.isTrue(into.every((value, i) => value === -1 || (i >= 4 && i < 4 + read * 2)))
        }
        assert.strictEqual(ring.available(), model.length / 2)
      }
    }
  })
})
