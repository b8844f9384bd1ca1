import { assert, describe, it } from "@effect/vitest"
import * as Splice from "../../../src/audio/player/Splice.ts"
import * as FrameRing from "../../../src/ring/FrameRing.ts"

/** A ring of ten frames, counted from `from` on, and the driver's end of it. */
const ringOf = (from: number) => {
  const ring = FrameRing.make({ first: from })
  for (let i = 0; i < 10; i++) ring.write(Uint8Array.of(i), 960)
  const driver = FrameRing.fromBuffer(ring.buffer)
  driver.open()
  return { ring, driver, take: (frames: number) => Array.from({ length: frames }, () => driver.discard()) }
}

describe("the rings of a mix", () => {
  it("count what was taken until the driver changes from one to the next, however late that is", () => {
    const first = ringOf(0)
    const one = Splice.make(first.ring, 0)
    first.take(3)
    // it was to change over one frame later
    const second = ringOf(4)
    const other = Splice.make(second.ring, 4, one)
    assert.strictEqual(Splice.taken(other), 3, "the frame before is not taken yet")
    assert.isFalse(Splice.isOver(one))
    first.take(3)
    assert.deepStrictEqual([Splice.taken(one), Splice.taken(other)], [6, 6])
    first.driver.close()
    assert.isTrue(Splice.isOver(one))
    assert.deepStrictEqual([Splice.taken(one), Splice.taken(other)], [6, 6])
    // it skips two frames, and takes one
    second.take(1)
    assert.strictEqual(Splice.taken(other), 6)
    second.take(2)
    assert.deepStrictEqual([Splice.taken(one), Splice.taken(other)], [6, 7])
  })

  it("count so too if the second of three was never begun", () => {
    const [first, second, third] = [ringOf(0), ringOf(1), ringOf(1)]
    const one = Splice.make(first.ring, 0)
    const two = Splice.make(second.ring, 1, one)
    const three = Splice.make(third.ring, 1, two)
    second.driver.close()
    assert.isFalse(Splice.isOver(two), "nothing of it is taken, but it waits for the first")
    first.take(2)
    first.driver.close()
    assert.isTrue(Splice.isOver(two))
    assert.isUndefined(two.before, "each would keep the one before it, and that its own")
    third.take(2)
    assert.deepStrictEqual([one, two, three].map((part) => Splice.taken(part)), [2, 2, 3])
  })

  it("are left when no more can come, or when a driver is further on in a later ring", () => {
    const [first, second, third] = [ringOf(0), ringOf(2), ringOf(2)]
    const one = Splice.make(first.ring, 0)
    first.take(2)
    const two = Splice.make(second.ring, 2, one)
    const three = Splice.make(third.ring, 2, two)
    assert.isFalse(Splice.isOver(two))
    third.take(1)
    assert.isTrue(Splice.isOver(two), "one that has died has closed nothing")
    assert.strictEqual(Splice.taken(three), 3)
    assert.isFalse(Splice.isLeft(third.ring))
    third.ring.end()
    assert.isFalse(Splice.isLeft(third.ring))
    third.take(9)
    assert.isTrue(Splice.isLeft(third.ring))
    first.take(8)
    assert.isFalse(Splice.isLeft(first.ring), "more may come")
  })
})
