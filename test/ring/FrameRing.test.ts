import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { vi } from "vitest"
import * as Follower from "../../src/ring/Follower.ts"
import * as FrameRing from "../../src/ring/FrameRing.ts"
import { frame, usedRing } from "./rings.ts"

const take = (ring: FrameRing.FrameRing): { readonly data: Uint8Array; readonly samples: number } | undefined => {
  const into = new Uint8Array(FrameRing.maxFrameBytes + 12)
  const length = ring.read(into, 12)
  return length < 0 ? undefined : { data: into.slice(12, 12 + length), samples: ring.samples() }
}

const Step = Schema.Struct({
  write: Schema.Boolean,
  length: Schema.Int.pipe(Schema.check(Schema.isBetween({ minimum: 1, maximum: FrameRing.maxFrameBytes }))),
  units: Schema.Int.pipe(Schema.check(Schema.isBetween({ minimum: 1, maximum: 48 })))
})

describe("FrameRing", () => {
  it("accepts a frame that just fits, even into room just made, and never one that is too long", () => {
    const ring = FrameRing.make({ capacityBytes: 16_384 })
    const quarter = new Uint8Array(4_092)
    for (let i = 0; i < 4; i++) assert.isTrue(ring.write(quarter, 960))
    assert.isFalse(ring.write(new Uint8Array(0), 960))
    for (let i = 0; i < 4; i++) ring.discard()
    for (let i = 0; i < 4; i++) assert.isTrue(ring.write(quarter, 960))
    ring.discard()
    assert.isTrue(ring.write(quarter, 960))
    const large = FrameRing.make({ capacityBytes: 65_536 })
    assert.isFalse(large.write(new Uint8Array(FrameRing.maxFrameBytes + 1), 960))
    assert.isTrue(large.write(new Uint8Array(FrameRing.maxFrameBytes), 960))
  })

  it("numbers frames from the given first number on", () => {
    const ring = FrameRing.make({ first: 7 })
    ring.write(Uint8Array.of(1), 960)
    assert.deepStrictEqual([ring.framesRead(), ring.framesWritten()], [7, 8])
  })

  it("returns written frames in order at the other end", () => {
    const producer = FrameRing.make()
    const consumer = FrameRing.fromBuffer(producer.buffer)
    assert.isTrue(producer.write(frame(160, 1), 960))
    assert.isTrue(producer.write(frame(3, 9), 120))
    assert.strictEqual(consumer.bufferedMs(), 22.5)
    assert.strictEqual(consumer.next(), 160)
    assert.deepStrictEqual(take(consumer), { data: frame(160, 1), samples: 960 })
    assert.deepStrictEqual(take(consumer), { data: frame(3, 9), samples: 120 })
    assert.isUndefined(take(consumer))
    assert.strictEqual(consumer.next(), -1)
    assert.strictEqual(producer.positionMs(), 22.5)
    assert.strictEqual(producer.framesRead(), 2)
  })

  it("rejects a frame that does not fit, and accepts it when there is room again", () => {
    const ring = FrameRing.make()
    let written = 0
    while (ring.write(frame(1_000, written), 960)) written++
    assert.isAbove(written, 10)
    assert.isFalse(ring.write(frame(1_000, 0), 960))
    assert.isDefined(take(ring))
    assert.isDefined(take(ring))
    assert.isTrue(ring.write(frame(1_000, 0), 960))
    assert.isFalse(ring.write(new Uint8Array(FrameRing.maxFrameBytes + 1), 960))
  })

  it("does not reopen once it is drained", () => {
    const ring = FrameRing.make()
    ring.end()
    assert.isTrue(ring.isDrained())
    assert.isFalse(ring.reopen())
  })

  it("is not drained if its producer, in another thread, writes a last frame between two checks", () => {
    const ring = FrameRing.make()
    const compareExchange = vi.spyOn(Atomics, "compareExchange").mockImplementationOnce((...args) => {
      ring.write(frame(10, 0), 960)
      ring.end()
      return Atomics.compareExchange(...args)
    })
    assert.isFalse(ring.isDrained())
    compareExchange.mockRestore()
    ring.discard()
    assert.isTrue(ring.isDrained())
  })

  it("is drained when its producer has ended and all was read", () => {
    const ring = FrameRing.make()
    assert.isFalse(ring.isDrained())
    ring.write(frame(10, 0), 960)
    ring.end()
    assert.isTrue(ring.isEnded())
    assert.isFalse(ring.isDrained())
    take(ring)
    assert.isTrue(ring.isDrained())
  })

  it("is taken while a consumer has it open, however often each opens or closes it", () => {
    const ring = FrameRing.make()
    const [one, other] = [FrameRing.fromBuffer(ring.buffer), FrameRing.fromBuffer(ring.buffer)]
    assert.isFalse(ring.isTaken())
    one.close()
    one.open()
    one.open()
    assert.isTrue(ring.isTaken())
    other.open()
    one.close()
    one.close()
    assert.isTrue(ring.isTaken())
    other.close()
    assert.isFalse(ring.isTaken())
  })

  it("is released if a consumer has died, whoever reads from it afterwards", () => {
    const ring = FrameRing.make()
    const [dead, next] = [FrameRing.fromBuffer(ring.buffer), FrameRing.fromBuffer(ring.buffer)]
    dead.open()
    FrameRing.release(ring.buffer)
    assert.isFalse(ring.isTaken())
    // a consumer that was not quite dead
    dead.close()
    assert.isFalse(ring.isTaken())
    next.open()
    assert.isTrue(ring.isTaken())
    next.close()
    assert.isFalse(ring.isTaken())
  })

  it("reopens if its end was not reached, and does not if it was", () => {
    const ring = FrameRing.make()
    const consumer = FrameRing.fromBuffer(ring.buffer)
    assert.isFalse(ring.reopen())
    assert.isFalse(consumer.isFinal())
    ring.write(frame(10, 0), 960)
    ring.end()
    assert.isFalse(consumer.isDrained())
    assert.isTrue(ring.reopen())
    assert.isFalse(consumer.isEnded())
    take(consumer)
    assert.isFalse(consumer.isDrained())
    ring.write(frame(10, 1), 960)
    ring.end()
    assert.isTrue(consumer.isFinal())
    assert.isFalse(ring.reopen())
    assert.isFalse(consumer.isDrained())
    take(consumer)
    assert.isTrue(consumer.isDrained())
    assert.isTrue(ring.isEnded())
  })

  it("copies to any offset, and up to the end of the buffer", () => {
    for (let offset = 0; offset < 8; offset++) {
      for (let length = 1; length <= 9; length++) {
        for (const base of [0, 1, 2, 4]) {
          const ring = FrameRing.make()
          ring.write(frame(length, 7), 960)
          // not a byte longer than necessary
          const into = new Uint8Array(new ArrayBuffer(base + offset + length), base).fill(0xee)
          assert.strictEqual(ring.read(into, offset), length)
          assert.deepStrictEqual(
            into,
            Uint8Array.of(...Array.from({ length: offset }, () => 0xee), ...frame(length, 7))
          )
        }
      }
    }
  })

  it("overwrites at most three bytes after the frame, and none before it", () => {
    const ring = FrameRing.make()
    for (let length = 1; length <= 8; length++) ring.write(frame(length, 1), 960)
    for (let length = 1; length <= 8; length++) {
      const into = new Uint8Array(64).fill(0xee)
      ring.read(into, 12)
      assert.isTrue(into.subarray(0, 12).every((byte) => byte === 0xee))
      assert.deepStrictEqual(into.slice(12, 12 + length), frame(length, 1))
      assert.isTrue(into.subarray(12 + length + 3).every((byte) => byte === 0xee))
    }
  })

  it("copies into different buffers in turn", () => {
    const ring = FrameRing.make()
    const buffers = [new Uint8Array(32), new Uint8Array(new ArrayBuffer(64), 2, 32), new Uint8Array(32)]
    for (let i = 0; i < 9; i++) ring.write(frame(10, i), 960)
    for (let i = 0; i < 9; i++) {
      const into = buffers[i % 3]
      assert.isDefined(into)
      ring.read(into, 12)
      assert.deepStrictEqual(into.slice(12, 22), frame(10, i))
    }
  })

  it.prop("behaves as a bounded queue for any order of writes and reads", [Schema.Array(Step)], ([steps]) => {
    const ring = FrameRing.make({ capacityBytes: 1 })
    const model: Array<{ readonly data: Uint8Array; readonly samples: number }> = []
    let seed = 0
    // the steps are repeated so that the indices wrap around the arena many times
    for (let round = 0; round < 20; round++) {
      for (const step of steps) {
        if (step.write) {
          const data = frame(step.length, seed++)
          if (ring.write(data, step.units * 120)) model.push({ data, samples: step.units * 120 })
          else assert.isAbove(model.length, 0, "an empty ring takes every frame")
        } else {
          assert.deepStrictEqual(take(ring), model.shift())
        }
        assert.strictEqual(ring.next(), model[0]?.data.length ?? -1)
        assert.strictEqual(ring.bufferedMs(), model.reduce((ms, { samples }) => ms + samples / 48, 0))
      }
    }
  })

  it("continues the frame count of a former ring beyond 2^31", () => {
    const ring = FrameRing.make({ first: 0x8000_0000 })
    ring.write(frame(10, 0), 960)
    assert.deepStrictEqual([ring.framesRead(), ring.framesWritten()], [0x8000_0000, 0x8000_0001])
    ring.discard()
    assert.deepStrictEqual([ring.framesRead(), ring.framesWritten()], [0x8000_0001, 0x8000_0001])
  })

  it("continues to count its media time after 62 days and after 124 days", () => {
    for (const begun of [0x8000_0000 - 10, 0x8000_0000 - 8, 0x1_0000_0000 - 10, 0x1_0000_0000 - 8]) {
      const { buffer } = FrameRing.make()
      // the fourth and the fifth word of the header: media written and media read
      new Int32Array(buffer).fill(begun | 0, 3, 5)
      const ring = FrameRing.fromBuffer(buffer)
      const early = Follower.follow(buffer)
      const into = new Uint8Array(FrameRing.maxFrameBytes)
      for (let i = 0; i < 4; i++) ring.write(frame(10, i), 960)
      for (let i = 0; i < 4; i++) {
        assert.strictEqual(ring.positionMs(), (begun + 8 * i) * 2.5)
        assert.strictEqual(ring.bufferedMs(), 20 * (4 - i))
        early.take(into)
        assert.strictEqual(early.positionMs(), (begun + 8 * (i + 1)) * 2.5)
        assert.strictEqual(early.aheadMs(), 20)
        const late = Follower.follow(buffer)
        late.take(into)
        assert.strictEqual(late.positionMs(), early.positionMs())
        ring.discard()
      }
      assert.strictEqual(ring.bufferedMs(), 0)
    }
  })

  for (const [name, limit] of [["2^31", 0x8000_0000], ["2^32", 0x1_0000_0000]] as const) {
    it(`rejects frames that do not fit and returns the others when its indices pass ${name}`, () => {
      const ring = FrameRing.fromBuffer(usedRing((limit - 0x1000) | 0))
      let taken = 0
      for (let round = 0, written = 0; round < 3; round++) {
        const before = written
        while (written - before < 100 && ring.write(frame(1_000, written), 960)) written++
        assert.isAbove(written - before, 10)
        assert.isBelow(written - before, 17)
        for (; taken < written; taken++) {
          assert.strictEqual(ring.next(), 1_000)
          assert.deepStrictEqual(take(ring), { data: frame(1_000, taken), samples: 960 })
        }
        assert.strictEqual(ring.next(), -1)
        assert.isUndefined(take(ring))
      }
    })
  }

  it("rejects frames that do not fit if reopened when only the write index has passed the limit", () => {
    const buffer = usedRing(-0x1000)
    const former = FrameRing.fromBuffer(buffer)
    for (let i = 0; i < 8; i++) assert.isTrue(former.write(frame(1_000, i), 960))
    const another = FrameRing.fromBuffer(buffer)
    let written = 8
    while (written < 100 && another.write(frame(1_000, written), 960)) written++
    for (let i = 0; i < written; i++) assert.deepStrictEqual(take(former), { data: frame(1_000, i), samples: 960 })
    assert.isUndefined(take(former))
  })

  it("is empty at an end that is created from a used but empty ring", () => {
    const producer = FrameRing.make()
    const consumer = FrameRing.fromBuffer(producer.buffer)
    for (let i = 0; i < 3; i++) {
      assert.isTrue(producer.write(frame(100, i), 960))
      consumer.discard()
    }
    const another = FrameRing.fromBuffer(producer.buffer)
    assert.strictEqual(another.next(), -1)
    assert.isUndefined(take(another))
    assert.strictEqual(another.framesRead(), 3)
    assert.isTrue(producer.write(frame(7, 1), 960))
    assert.strictEqual(another.next(), 7)
  })
})
