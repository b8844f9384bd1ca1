import { assert, describe, it } from "@effect/vitest"
import { Cause } from "effect"
import type { OpenSource } from "../../../src/audio/OpenSource.ts"
import * as ReadAhead from "../../../src/audio/track/ReadAhead.ts"

const base = { durationMs: undefined, tags: {}, pull: Cause.done() }
const opus: OpenSource = { ...base, format: "opus", channels: 2 }
const pcm: OpenSource = { ...base, format: "pcm" }

/** How much must be there before playback begins, and how much is read ahead then. */
const ofSource = (
  source: OpenSource,
  wanted: Partial<ReadAhead.Wanted> = {},
  pace = 1,
  heldMs = 0
): readonly [startMs: number, bufferMs: number] => {
  const all = { bufferMs: undefined, leadMs: undefined, ...wanted }
  const start = ReadAhead.start(source, all, pace, heldMs)
  const passedMs = Array.from({ length: start.mostMs + 1 }, (_, ms) => ms).find((ms) => start.isReady(ms, {})) ?? NaN
  return [passedMs, ReadAhead.bufferMs(source, all, start, pace, heldMs)]
}

describe("the amount that is read ahead", () => {
  it("fits the kind of source by default", () => {
    assert.deepStrictEqual(ofSource(opus), [200, 1_000])
    assert.deepStrictEqual(ofSource(pcm), [200, 680])
    assert.deepStrictEqual(ofSource({ ...opus, live: true }), [60, 200])
    assert.deepStrictEqual(ofSource({ ...pcm, live: true }), [80, 200])
    assert.deepStrictEqual(ofSource({ ...pcm, leadMs: 120 }), [120, 680])
  })

  it("is larger at the start of live Opus if it is mixed", () => {
    const wanted = { bufferMs: undefined, leadMs: undefined }
    const live = ReadAhead.start({ ...opus, live: true }, wanted, 1, 0)
    assert.isTrue(live.isReady(60, { isMixed: () => false }))
    assert.isFalse(live.isReady(79, { isMixed: () => true }))
    assert.isTrue(live.isReady(80, { isMixed: () => true }))
    const other = ReadAhead.start({ ...opus, live: true }, { ...wanted, leadMs: 40 }, 1, 0)
    assert.isTrue(other.isReady(40, { isMixed: () => true }))
  })

  it("is what was requested, within limits, and at least the lead", () => {
    assert.deepStrictEqual(ofSource({ ...opus, leadMs: 120 }, { leadMs: 300, bufferMs: 2_000 }), [300, 2_000])
    assert.deepStrictEqual(ofSource(opus, { leadMs: 3_000, bufferMs: 500 }), [3_000, 3_000])
    assert.deepStrictEqual(ofSource(opus, { leadMs: 60_000 }), [10_000, 10_000])
    assert.deepStrictEqual(ofSource(opus, { leadMs: 0, bufferMs: 0 }), [0, 120])
  })

  it("has room for the refill, and for one more piece", () => {
    assert.deepStrictEqual(ofSource(opus, { refillMs: 0 }), [200, 1_000])
    assert.deepStrictEqual(ofSource(opus, { refillMs: 500 }), [200, 1_000])
    assert.deepStrictEqual(ofSource({ ...pcm, live: true }, { refillMs: 3_000 }), [80, 3_120])
    assert.deepStrictEqual(ofSource(opus, { refillMs: 3_000, bufferMs: 5_000 }), [200, 5_000])
    assert.deepStrictEqual(ofSource(opus, { refillMs: 3_000 }, 2), [400, 6_240])
    assert.strictEqual(ReadAhead.refillMs({ bufferMs: undefined, leadMs: undefined }, 2), 0)
  })

  it("grows with the playback speed, and with what is held back", () => {
    assert.deepStrictEqual(ofSource(opus, { leadMs: 100, bufferMs: 0 }, 2, 80), [280, 320])
    assert.deepStrictEqual(ofSource({ ...opus, live: true }, {}, 2, 80), [200, 320])
  })

  it("is refilled at different times for tracks that begin together", () => {
    const shares = Array.from({ length: 20 }, ReadAhead.firstShare).toSorted((a, b) => a - b)
    assert.isAtLeast(shares[0] ?? 0, 0.25)
    assert.isAtMost(shares.at(-1) ?? 1, 0.75)
    // 20 evenly spread tracks are 25 thousandths apart
    shares.slice(1).forEach((share, i) => assert.isAtLeast(share - (shares[i] ?? 0), 0.01))
  })
})
