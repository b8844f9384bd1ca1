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
  it("is due when as much of the former one was read, and not before", () => {
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

  it("lets the former one go on where it has nothing yet, unless that has nothing either or is paused", () => {
    const former = ringOf(10)
    const frames = ringOf(0)
    const next = new Successor(2, frames, false, 3)
    read(former, 5)
    assert.isFalse(next.isDue(former, false))
    assert.isTrue(next.isDue(former, true))
    read(former, 5)
    assert.isTrue(next.isDue(former, false))
  })

  it("is never due behind all of a ring that has not ended", () => {
    const former = ringOf(2)
    const next = new Successor(2, ringOf(5), false, "drained")
    read(former, 2)
    assert.isFalse(next.isDue(former, false))
    assert.strictEqual(next.owed(former, 960), 0)
  })

  it("leaves out what was read too much of the former one, and what that itself has not left out", () => {
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
