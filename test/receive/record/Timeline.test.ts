import { assert, describe, it } from "@effect/vitest"
import * as Timeline from "../../../src/receive/record/Timeline.ts"

/** Packets so far apart, which are under way for no time at first, and 30 ms longer from ten seconds on. */
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
  it("takes delay for jitter until nothing has come through faster for a whole window", () => {
    const offAfter = longer(960)
    assert.isBelow(offAfter(4), 100)
    assert.strictEqual(offAfter(11), 1_440)
  })

  it("needs many packets to believe it", () => {
    // ten seconds of them are 25
    assert.isBelow(longer(19_200)(20), 300)
  })
})
