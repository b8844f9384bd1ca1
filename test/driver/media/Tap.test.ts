import { assert, describe, it } from "@effect/vitest"
import * as Tap from "../../../src/driver/media/Tap.ts"
import * as FrameRing from "../../../src/ring/FrameRing.ts"

const into = new Uint8Array(FrameRing.maxFrameBytes)

/** A ring with frames of 20 ms that contain their numbers. */
const ringOf = (...numbers: ReadonlyArray<number>) => {
  const ring = FrameRing.make()
  for (const number of numbers) ring.write(Uint8Array.of(0xfc, number), 960)
  return ring
}

const take = (ring: FrameRing.FrameRing, count = 1) => {
  for (let i = 0; i < count; i++) ring.read(into, 0)
}

const numbers = (frames: ReadonlyArray<Tap.SentFrame>) => frames.map(({ data }) => data[1])

const times = (frames: ReadonlyArray<Tap.SentFrame>) => frames.map(({ atMs }) => atMs)

describe("Tap", () => {
  it("reports each frame once it was taken, and when that was", () => {
    const tap = Tap.make()
    const ring = ringOf(1, 2, 3, 4)
    tap.attach(ring, undefined)
    assert.deepStrictEqual(tap.look(1_000), [])
    take(ring)
    assert.deepStrictEqual(tap.look(1_010), [{ data: Uint8Array.of(0xfc, 1), samples: 960, atMs: 1_005 }])
    assert.deepStrictEqual(tap.look(1_020), [])
    take(ring)
    // right after the one before
    assert.deepStrictEqual(times(tap.look(1_030)), [1_025])
    // a pause
    take(ring)
    assert.deepStrictEqual(times(tap.look(1_330)), [1_325])
    // a look that came late
    ring.write(Uint8Array.of(0xfc, 5), 960)
    take(ring, 2)
    assert.deepStrictEqual(times(tap.look(1_370)), [1_345, 1_365])
  })

  it("sees frames that were written and taken between two looks", () => {
    const tap = Tap.make()
    const ring = ringOf()
    tap.attach(ring, undefined)
    for (let i = 0; i < 5_000; i++) {
      ring.write(Uint8Array.of(0xfc, i & 0xff, ...Array.from({ length: i % 200 }, () => 0)), 960)
      take(ring)
      assert.deepStrictEqual(numbers(tap.look(i * 20)), [i & 0xff])
    }
  })

  it("starts where the driver is, with what already plays and what waits for it", () => {
    const tap = Tap.make()
    const [first, second] = [ringOf(1, 2, 3), ringOf(11, 12)]
    take(first)
    tap.attach(first, undefined)
    tap.attach(second, "drained")
    take(first)
    take(second)
    const frames = tap.look(1_000)
    assert.deepStrictEqual(numbers(frames), [2, 11])
    assert.deepStrictEqual(times(frames), [975, 995])
    // nobody takes frames of the first ring any more
    take(first)
    take(second)
    assert.deepStrictEqual(numbers(tap.look(1_020)), [12])
  })

  it("forgets the frames that were left in a ring that was detached or replaced", () => {
    const tap = Tap.make()
    const rings = [ringOf(1, 2), ringOf(11, 12), ringOf(21)] as const
    tap.attach(rings[0], undefined)
    take(rings[0])
    tap.attach(rings[1], undefined)
    take(rings[1])
    tap.detach(rings[1])
    take(rings[0])
    take(rings[1])
    tap.attach(rings[2], undefined)
    take(rings[2])
    assert.deepStrictEqual(numbers(tap.look(1_000)), [1, 11, 21])
  })

  it("does not report frames that were taken while muted, and keeps their time", () => {
    const tap = Tap.make()
    const ring = ringOf(1, 2, 3, 4)
    tap.attach(ring, undefined)
    take(ring)
    tap.setMuted(true)
    take(ring, 2)
    tap.setMuted(false)
    take(ring)
    const frames = tap.look(1_000)
    assert.deepStrictEqual(numbers(frames), [1, 4])
    assert.deepStrictEqual(times(frames), [935, 995])
  })

  it("omits frames that a ring has skipped because others were sent instead", () => {
    const tap = Tap.make()
    const [first, second] = [ringOf(1, 2, 3, 4, 5), ringOf(11, 12, 13, 14)]
    tap.attach(first, undefined)
    take(first, 5)
    assert.lengthOf(tap.look(1_000), 5)
    // the change was due three frames ago: these are discarded, and one is sent
    tap.attach(second, 2)
    take(second, 2)
    assert.deepStrictEqual(tap.look(1_010), [])
    take(second, 2)
    const frames = tap.look(1_020)
    assert.deepStrictEqual(numbers(frames), [14])
    assert.closeTo(times(frames)[0] ?? 0, 1_015, 1)
  })

  it("omits of the next ring what the one before it was too short for", () => {
    const tap = Tap.make()
    const [first, second, third] = [ringOf(1, 2, 3, 4, 5), ringOf(11, 12), ringOf(21, 22, 23)]
    tap.attach(first, undefined)
    take(first, 5)
    assert.lengthOf(tap.look(1_000), 5)
    tap.attach(second, 2)
    take(second, 2)
    assert.deepStrictEqual(tap.look(1_020), [])
    tap.attach(third, 2)
    take(third, 3)
    assert.deepStrictEqual(numbers(tap.look(1_060)), [22, 23])
  })

  it("omits nothing of a ring that plays when its predecessor is detached", () => {
    const tap = Tap.make()
    const [first, second] = [ringOf(1, 2, 3), ringOf(11, 12)]
    tap.attach(first, undefined)
    tap.attach(second, 1)
    take(first, 3)
    tap.detach(first)
    take(second, 2)
    assert.deepStrictEqual(numbers(tap.look(1_000)), [1, 2, 3, 11, 12])
  })

  it("omits nothing that a sender catches up with after a stall", () => {
    const tap = Tap.make()
    const ring = ringOf(1, 2, 3, 4, 5)
    tap.attach(ring, undefined)
    // 55 ms late, and looked at before the frames that are less late
    take(ring)
    assert.deepStrictEqual(times(tap.look(1_000)), [995])
    take(ring, 3)
    const late = tap.look(1_010)
    assert.deepStrictEqual(numbers(late), [2, 3, 4])
    assert.deepStrictEqual(times(late), [1_015, 1_035, 1_055])
    take(ring)
    assert.deepStrictEqual(numbers(tap.look(1_025)), [5])
  })
})
