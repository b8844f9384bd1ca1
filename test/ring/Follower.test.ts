import { assert, describe, it } from "@effect/vitest"
import * as Follower from "../../src/ring/Follower.ts"
import * as FrameRing from "../../src/ring/FrameRing.ts"
import { headerInts, recordBytes } from "../../src/ring/RingLayout.ts"
import { frame, usedRing } from "./rings.ts"

describe("Follower", () => {
  it("reads frames after the consumer as long as they are not overwritten, even from a full ring", () => {
    const ring = FrameRing.make({ capacityBytes: 16_384 })
    for (let i = 0; i < 4; i++) assert.isTrue(ring.write(frame(4_092, i), 960))
    const behind = Follower.follow(ring.buffer, true)
    for (let i = 0; i < 4; i++) ring.discard()
    const into = new Uint8Array(FrameRing.maxFrameBytes)
    for (let i = 0; i < 4; i++) {
      assert.strictEqual(behind.take(into), 4_092)
      assert.deepStrictEqual(into.slice(0, 4_092), frame(4_092, i))
    }
    assert.strictEqual(behind.take(into), -1)
  })

  it("provides a number, a duration and a position for every frame", () => {
    const ring = FrameRing.make()
    const follower = Follower.follow(ring.buffer)
    const into = new Uint8Array(FrameRing.maxFrameBytes)
    let ms = 0
    for (let i = 0; i < 3_000; i++) {
      const samples = 120 * (1 + (i % 48))
      assert.isTrue(ring.write(frame(i % 50, i), samples))
      assert.strictEqual(follower.take(into), i % 50)
      assert.strictEqual(follower.number(), i & 0x3ff)
      assert.strictEqual(follower.samples(), samples)
      ms += samples / 48
      assert.closeTo(follower.positionMs(), ms, 1e-6)
      ring.discard()
      assert.strictEqual(ring.samples(), samples)
      assert.strictEqual(ring.framesWritten(), ring.framesRead())
    }
  })

  it("returns nothing that is overwritten while it reads", () => {
    const ring = FrameRing.make({ capacityBytes: 16_384 })
    for (let i = 0; i < 4; i++) ring.write(frame(4_000, i), 960)
    const into = new Uint8Array(FrameRing.maxFrameBytes)
    // a last frame that is now longer than what follows it, and a second frame longer than the maximum
    for (const [at, length] of [[3, 4_500], [1, FrameRing.maxFrameBytes + 1]] as const) {
      const follower = Follower.follow(ring.buffer)
      for (let i = 0; i < at; i++) follower.take(into)
      new Int32Array(ring.buffer)[headerInts + at * recordBytes(4_000) / 4] = length << 16
      assert.strictEqual(follower.take(into.subarray(0, FrameRing.maxFrameBytes)), -1)
      assert.strictEqual(follower.number(), at - 1)
    }
  })

  for (const [name, limit] of [["2^31", 0x8000_0000], ["2^32", 0x1_0000_0000]] as const) {
    it(`follows its ring when the indices pass ${name}`, () => {
      const buffer = usedRing((limit - 0x1000) | 0)
      const ring = FrameRing.fromBuffer(buffer)
      const follower = Follower.follow(buffer)
      const into = new Uint8Array(FrameRing.maxFrameBytes)
      const write = (from: number, to: number) => {
        for (let i = from; i < to; i++) assert.isTrue(ring.write(frame(500, i), 960))
      }
      // ahead of the consumer, past the limit
      write(0, 12)
      for (let i = 0; i < 12; i++) {
        assert.strictEqual(follower.take(into), 500)
        assert.deepStrictEqual(into.slice(0, 500), frame(500, i))
      }
      assert.strictEqual(follower.take(into), -1)
      // behind the consumer: it continues where that is
      for (let i = 0; i < 12; i++) ring.discard()
      write(12, 24)
      for (let i = 12; i < 20; i++) ring.discard()
      assert.strictEqual(follower.take(into), 500)
      assert.deepStrictEqual(into.slice(0, 500), frame(500, 20))
      assert.strictEqual(follower.index(), ring.index())
    })
  }

  it("continues after a consumer whose index passes the limit before its own", () => {
    const buffer = usedRing(0x7fff_f800)
    const ring = FrameRing.fromBuffer(buffer)
    const follower = Follower.follow(buffer)
    const into = new Uint8Array(FrameRing.maxFrameBytes)
    for (let i = 0; i < 12; i++) assert.isTrue(ring.write(frame(500, i), 960))
    assert.strictEqual(follower.take(into), 500)
    for (let i = 0; i < 8; i++) ring.discard()
    assert.isBelow(ring.index(), 0)
    assert.strictEqual(follower.take(into), 500)
    assert.deepStrictEqual(into.slice(0, 500), frame(500, 8))
  })
})
