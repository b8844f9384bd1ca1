import { assert, describe, it } from "@effect/vitest"
import * as WebmTimeline from "../../../src/audio/matroska/WebmTimeline.ts"

/** Counts packets of 20 ms at 48 kHz, each in a block with its timestamp, and returns where they begin. */
const at = (line: WebmTimeline.WebmTimeline, ...times: ReadonlyArray<number>) =>
  times.map((timeMs) => {
    line.onBlock(timeMs, 48_000, Math.round)
    const start = line.next() / 48
    line.pass(960)
    return start
  })

describe("WebmTimeline", () => {
  it("counts samples, and follows the timestamps across gaps of 40 ms and more", () => {
    assert.deepStrictEqual(at(WebmTimeline.make(), 500, 520, 579, 599, 659, 679), [0, 20, 40, 60, 159, 179])
  })

  it("ignores an implausible timestamp, and gaps if it cannot convert timestamps", () => {
    assert.deepStrictEqual(at(WebmTimeline.make(), 0, 20, 2 ** 60, 40), [0, 20, 40, 60])
    const line = WebmTimeline.make()
    for (const timeMs of [0, 5_000]) {
      line.onBlock(timeMs, 48_000, undefined)
      line.pass(960)
    }
    assert.strictEqual(line.next(), 1_920)
  })

  it("continues counting in a segment with new timestamps, and after a restart in the first one", () => {
    const line = WebmTimeline.make()
    at(line, 100, 120)
    line.onSegment()
    assert.deepStrictEqual(at(line, 7_000, 7_100), [40, 140])
    assert.strictEqual(line.sampleAt(1_100, 48_000), 48_000)
    line.restart(0)
    assert.deepStrictEqual(at(line, 600, 620, 720), [500, 520, 620])
  })

  it("counts discarded padding as missing if the next block does not follow directly", () => {
    const line = WebmTimeline.make()
    at(line, 0)
    line.pass(-480)
    assert.deepStrictEqual(at(line, 10, 30, 100), [10, 30, 100])
  })

  it("counts a gap only for what exceeds the sound already counted", () => {
    const line = WebmTimeline.make()
    line.onBlock(0, 48_000, Math.round)
    // more than fits before the next block
    line.pass(1_920)
    assert.deepStrictEqual(at(line, 20, 80, 140), [40, 60, 140])
  })
})
