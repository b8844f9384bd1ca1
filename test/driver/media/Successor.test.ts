import { assert, describe, it } from "@effect/vitest"
import { Successor } from "../../../src/driver/media/Successor.ts"
import * as FrameRing from "../../../src/ring/FrameRing.ts"

const ringOf = (frames: number, samples = 960) => {
  const ring = FrameRing.make({ shared: false })
  for (let i = 0; i < frames; i++) ring.write(Uint8Array.of(0xfc, i), samples)
  return ring
}

const read = (ring: FrameRing.FrameRing, frames: number) => {
  for (let i = 0; i < frames; i++) ring.discard()
}

describe("Successor", () => {
  it("is due when enough of its predecessor was read, and not before", () => {
    const former = ringOf(10)
    const next = new Successor(2, ringOf(5), false, 3)
    read(former, 2)
    assert.isFalse(next.isDue(former, false))
    assert.isFalse(next.isDue(former, true))
    read(former, 1)
    assert.isTrue(next.isDue(former, false))
    read(former, 4)
    assert.isTrue(next.isDue(former, false))
  })

  it("lets its predecessor continue while it has no frames, unless that has none or is paused", () => {
    const former = ringOf(10)
    const frames = ringOf(0)
    const next = new Successor(2, frames, false, 3)
    read(former, 5)
    assert.isFalse(next.isDue(former, false))
    assert.isTrue(next.isDue(former, true))
    read(former, 5)
    assert.isTrue(next.isDue(former, false))
  })

  it("is never due at the end of a ring that has not ended", () => {
    const former = ringOf(2)
    const next = new Successor(2, ringOf(5), false, "drained")
    read(former, 2)
    assert.isFalse(next.isDue(former, false))
    assert.strictEqual(next.owed(former, 960), 0)
  })

  it("skips what was read too much of its predecessor, and what that has not skipped itself", () => {
    const former = ringOf(10, 480)
    const next = new Successor(2, ringOf(5), false, 3)
    read(former, 2)
    assert.strictEqual(next.owed(former, 960), 0)
    read(former, 1)
    assert.strictEqual(next.owed(former, 0), 0)
    assert.strictEqual(next.owed(former, 960), 960)
    read(former, 4)
    assert.strictEqual(next.owed(former, -480), 1_920, "one that left out too much owes nothing")
    assert.strictEqual(next.owed(former, 960), 2_880)
  })
})
