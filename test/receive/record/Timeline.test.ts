import { assert, describe, it } from "@effect/vitest"
import * as Timeline from "../../../src/receive/record/Timeline.ts"

/**
 * Packets `apart` samples apart, which arrive without delay at first, and with 30 ms of delay after ten seconds.
 * Returns how far off the last one is placed.
 */
const longer = (apart: number) => {
  const timeline = Timeline.make()
  let at = 0
  return (seconds: number) => {
    let off = 0
    for (; at < (10 + seconds) * 48_000; at += apart) {
      const seen = timeline.see(at, at < 480_000 ? at : at + 1_440)
      if (seen === undefined) return assert.fail("it fits")
      off = timeline.timeOf(seen) - at
    }
    return off
  }
}

describe("Timeline", () => {
  it("treats a longer delay as jitter until nothing has come faster for a whole window", () => {
    const offAfter = longer(960)
    assert.isBelow(offAfter(4), 100)
    assert.strictEqual(offAfter(11), 1_440)
  })

  it("moves nothing for one or two packets whose times are off by seconds, either way", () => {
    for (const off of [48_000, -144_000]) {
      const timeline = Timeline.make()
      let seen = timeline.see(0, 0)
      for (let at = 960; at < 96_000; at += 960) seen = timeline.see(at, at)
      assert.isUndefined(timeline.see(96_000 + off, 96_000))
      assert.isUndefined(timeline.see(96_960 + off, 96_960))
      seen = timeline.see(97_920, 97_920)
      assert.strictEqual(seen === undefined ? NaN : timeline.timeOf(seen), 97_920)
    }
  })

  it("needs many packets to believe in a longer delay", () => {
    // ten seconds contain 25 of them
    assert.isBelow(longer(19_200)(20), 300)
  })
})
