import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { vi } from "vitest"
import * as Feed from "../../src/mixer/Feed.ts"
import * as PcmRing from "../../src/mixer/PcmRing.ts"
import * as FrameRing from "../../src/ring/FrameRing.ts"
import { decoderOf, packetOf } from "./fakeCodec.ts"

/** A ring of frames. The samples of the first are 0.01, those of the second 0.02, and so on. */
const ringOf = (frames: number, samples: number) => {
  const ring = FrameRing.make({ capacityBytes: 65_536 })
  for (let i = 1; i <= frames; i++) ring.write(packetOf(i / 100), samples)
  return ring
}

const bufferOf = ({ buffer }: { readonly buffer: ArrayBufferLike }): SharedArrayBuffer => {
  assert(buffer instanceof SharedArrayBuffer)
  return buffer
}

/** The number of the frame that each sample is from. */
const framesIn = (samples: Float32Array) => Array.from(samples, (sample) => Math.round(sample * 100))

const opus = (ring: FrameRing.FrameRing, samples: number, from?: number) => {
  const before: Array<number> = []
  const decoder = decoderOf(samples)
  const feed = Feed.opus(bufferOf(ring), decoder, from, (heard) => before.push(framesIn(heard)[0] ?? NaN))
  const take = (count: number) => {
    const into = new Float32Array(count * 2 + 4)
    feed.take(into, 2, count)
    assert.deepStrictEqual([...into.subarray(0, 2), ...into.subarray(count * 2 + 2)], [0, 0, 0, 0])
    return framesIn(into.subarray(2, count * 2 + 2))
  }
  return { feed, before, take, decoder }
}

/** Runs of the same number, with the count of samples on both channels. */
const runs = (values: ReadonlyArray<number>): ReadonlyArray<readonly [number, number]> => {
  const found: Array<[number, number]> = []
  for (const value of values) {
    const last = found.at(-1)
    if (last?.[0] === value) last[1]++
    else found.push([value, 1])
  }
  return found
}

describe("a feed of Opus", () => {
  it.prop("delivers every sample once, for any frame duration and read length, and knows its position", {
    frameMs: Schema.Literals([2.5, 5, 10, 20, 40, 60, 120]),
    counts: Schema.Array(Schema.Int.pipe(Schema.check(Schema.isBetween({ minimum: 200, maximum: 960 }))))
  }, ({ counts, frameMs }) => {
    const samples = frameMs * 48
    const frames = 8
    const ring = ringOf(frames, samples)
    ring.end()
    const { feed, take } = opus(ring, samples)
    const heard: Array<number> = []
    for (let i = 0; !feed.isDrained(); i++) {
      const count = counts.length === 0 ? 960 : counts[i % counts.length] ?? 960
      const ready = feed.prepare(count)
      assert.isTrue(ready === count || feed.isEnding())
      heard.push(...take(ready))
      assert.closeTo(feed.positionMs(), heard.length / 96, 1e-6)
    }
    assert.deepStrictEqual(runs(heard), Array.from({ length: frames }, (_, i) => [i + 1, samples * 2]))
  })

  for (const read of [0, 600, 1_024]) {
    it(`loses nothing that arrives before it owns a ring that was empty, after ${read} frames`, () => {
      const ring = FrameRing.make({ capacityBytes: 65_536 })
      for (let i = 0; i < read; i++) {
        ring.write(packetOf(0.99), 480)
        ring.discard()
      }
      const { before, feed, take } = opus(ring, 480, read)
      for (let i = 1; i <= 4; i++) ring.write(packetOf(i / 100), 480)
      feed.own()
      assert.strictEqual(feed.prepare(1_920), 1_920)
      assert.deepStrictEqual(runs(take(1_920)), [1, 2, 3, 4].map((frame) => [frame, 960]))
      assert.deepStrictEqual(before, [])
      assert.strictEqual(ring.bufferedMs(), 0)
    })
  }

  it("is not at an end if more may come", () => {
    const ring = ringOf(1, 480)
    const { feed, take } = opus(ring, 480)
    assert.strictEqual(feed.prepare(960), 480)
    assert.isFalse(feed.isEnding())
    ring.end()
    assert.strictEqual(feed.prepare(960), 480)
    assert.isTrue(feed.isEnding())
    assert.isFalse(feed.isDrained())
    take(480)
    assert.isTrue(feed.isDrained())
  })

  it("conceals a packet that cannot be decoded, and counts it once", () => {
    const ring = FrameRing.make()
    ring.write(packetOf(0.5), 480)
    ring.write(packetOf(2.55), 480)
    const { feed, take } = opus(ring, 480)
    assert.strictEqual(feed.prepare(960), 960)
    assert.isUndefined(feed.conceal(960))
    assert.strictEqual(feed.concealed(), 1)
    assert.strictEqual(feed.concealed(), 0)
    assert.deepStrictEqual(runs(take(960)), [[50, 960], [-100, 960]])
    assert.strictEqual(feed.conceal(240)?.length, 480)
    assert.strictEqual(feed.concealed(), 1)
  })

  for (const first of [0, 1_018, 1_020, 1_023]) {
    it(`begins with a frame that the driver has not reached, and decodes those before it, from frame ${first} on`, () => {
      const ring = FrameRing.make({ capacityBytes: 65_536, first })
      for (let i = 1; i <= 10; i++) ring.write(packetOf(i / 100), 960)
      ring.discard()
      const { before, feed, take } = opus(ring, 960, (first + 4) % 1_024)
      assert.deepStrictEqual(before, [2, 3, 4])
      assert.strictEqual(feed.prepare(960), 960)
      assert.deepStrictEqual(runs(take(960)), [[5, 1_920]])
      // the driver alone takes the frames before it
      assert.strictEqual(ring.framesRead(), first + 1)
      assert.isFalse(feed.canHandOver())
      for (let i = 0; i < 3; i++) ring.discard()
      feed.own()
      feed.own()
      assert.strictEqual(ring.framesRead(), first + 5)
      assert.isTrue(feed.canHandOver())
      assert.strictEqual(feed.prepare(960), 960)
      assert.strictEqual(ring.framesRead(), first + 6)
      assert.isFalse(feed.canHandOver())
      assert.deepStrictEqual(runs(take(960)), [[6, 1_920]])
    })
  }

  it("replaces the frames that the driver has taken too far with silence", () => {
    const ring = ringOf(10, 960)
    for (let i = 0; i < 5; i++) ring.discard()
    const { before, feed, take } = opus(ring, 960, 3)
    assert.deepStrictEqual(before, [])
    assert.strictEqual(feed.prepare(3_840), 3_840)
    assert.deepStrictEqual(runs(take(3_840)), [[0, 2 * 1_920], [6, 1_920], [7, 1_920]])
  })

  it("inserts no more silence than it has room for, however far the driver has gone", () => {
    const ring = ringOf(30, 960)
    for (let i = 0; i < 20; i++) ring.discard()
    const { feed, take } = opus(ring, 960, 0)
    const heard: Array<number> = []
    for (let i = 0; i < 20; i++) heard.push(...take(feed.prepare(960)))
    const [silence, ...frames] = runs(heard)
    assert.strictEqual(silence?.[0], 0)
    assert.isAtLeast(silence?.[1] ?? 0, 5 * 1_920)
    assert.deepStrictEqual(frames, [21, 22, 23, 24, 25, 26, 27, 28, 29, 30].map((frame) => [frame, 1_920]))
  })

  it("delivers the last frame even if another thread writes it between two checks, and ends", () => {
    const ring = ringOf(1, 480)
    const { feed, take } = opus(ring, 480)
    take(feed.prepare(480))
    const compareExchange = vi.spyOn(Atomics, "compareExchange").mockImplementationOnce((...args) => {
      ring.write(packetOf(0.02), 480)
      ring.end()
      return Atomics.compareExchange(...args)
    })
    const ready = feed.prepare(480)
    compareExchange.mockRestore()
    assert.deepStrictEqual(runs(take(ready)), [[2, 960]])
  })

  it("peeks at what comes next, across several frames, and leaves it in the ring", () => {
    const ring = ringOf(10, 120)
    const { feed, take } = opus(ring, 120)
    feed.prepare(120)
    take(120)
    assert.deepStrictEqual(runs(framesIn(feed.peek(312))), [[2, 240], [3, 240], [4, 144]])
    assert.strictEqual(ring.framesRead(), 1)
    assert.deepStrictEqual(runs(framesIn(feed.peek(1_200))), [[5, 240], [6, 240], [7, 240], [8, 240], [9, 240], [
      10,
      240
    ], [
      0,
      960
    ]])
  })
})

describe("a feed of PCM", () => {
  it("delivers samples unchanged, and says when there will be no more", () => {
    const ring = PcmRing.make(100)
    ring.write(Float32Array.from({ length: 2_000 }, (_, i) => i), 0)
    const feed = Feed.pcm(ring)
    assert.isFalse(Feed.isOpus(feed))
    assert.strictEqual(feed.prepare(960), 960)
    const into = new Float32Array(1_922)
    feed.take(into, 2, 960)
    assert.deepStrictEqual([into[1], into[2], into[1_921]], [0, 0, 1_919])
    assert.strictEqual(feed.positionMs(), 20)
    assert.strictEqual(feed.prepare(960), 40)
    assert.isFalse(feed.isEnding())
    ring.end()
    assert.strictEqual(feed.prepare(40), 40)
    assert.isFalse(feed.isEnding())
    assert.strictEqual(feed.prepare(960), 40)
    assert.isTrue(feed.isEnding())
    feed.take(into, 0, 40)
    assert.isTrue(feed.isDrained())
  })
})

describe("a feed of PCM from outside", () => {
  it("replaces samples that are not finite with silence, on either side", () => {
    const ring = PcmRing.make(100)
    ring.write(Float32Array.of(0.1, 0.2, NaN, 0.3, 0.4, Infinity), 0)
    ring.write(Float32Array.of(0.1, 0.2, 0.3, NaN), 0)
    ring.write(Float32Array.of(0.1, 0.2, -Infinity, 0.4), 0)
    const feed = Feed.pcm(ring)
    const heard = [3, 2, 2].map((count) => {
      const into = new Float32Array(count * 2)
      feed.take(into, 0, feed.prepare(count))
      return Array.from(into, (sample) => Math.round(sample * 10))
    })
    assert.deepStrictEqual(heard, [[1, 2, 0, 3, 4, 0], [1, 2, 3, 0], [1, 2, 0, 4]])
  })

  it("is not at its end if another thread writes the last samples between two checks", () => {
    const ring = PcmRing.make(100)
    const feed = Feed.pcm(ring)
    const compareExchange = vi.spyOn(Atomics, "compareExchange").mockImplementationOnce((...args) => {
      ring.write(new Float32Array(1_920), 0)
      ring.end()
      return Atomics.compareExchange(...args)
    })
    assert.strictEqual(feed.prepare(960), 960)
    compareExchange.mockRestore()
    assert.isFalse(feed.isEnding())
    feed.take(new Float32Array(1_920), 0, 960)
    assert.isTrue(feed.isDrained())
  })
})

describe("the end of a ring", () => {
  it("is final once a feed has reached it, even ahead of the driver, and not before", () => {
    const frames = ringOf(3, 960)
    frames.end()
    const { feed } = opus(frames, 960, 0)
    feed.prepare(2_880)
    assert.isTrue(frames.reopen())
    frames.end()
    feed.prepare(2_881)
    assert.isTrue(feed.isEnding())
    assert.isFalse(frames.reopen())

    const samples = PcmRing.make(100)
    samples.write(new Float32Array(1_920 * 2), 0)
    samples.end()
    const pcm = Feed.pcm(samples)
    assert.strictEqual(pcm.prepare(1_920), 1_920)
    assert.isTrue(samples.reopen())
    assert.strictEqual(pcm.prepare(1_921), 1_920)
    assert.isFalse(pcm.isEnding())
    samples.end()
    pcm.prepare(1_921)
    assert.isTrue(pcm.isEnding())
    assert.isFalse(samples.reopen())
  })
})
