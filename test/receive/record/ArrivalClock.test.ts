import { assert, describe, it } from "@effect/vitest"
import * as ArrivalClock from "../../../src/receive/record/ArrivalClock.ts"

/** Packets that arrived at `arrivals` by the driver's clock, and are told at `atMs` by ours. */
const make = () => {
  let nowMs = 0
  const clock = ArrivalClock.make(() => nowMs)
  const tell = (atMs: number, ...arrivals: ReadonlyArray<number>) => {
    nowMs = atMs
    return clock.offsetMs(arrivals.map((arrivalMs) => ({ arrivalMs })))
  }
  return { clock, tell }
}

describe("ArrivalClock", () => {
  it("goes by the packet that waited least of all that have come so far", () => {
    const { tell } = make()
    assert.strictEqual(tell(1_000, 5_000, 5_200, 5_100), -4_200)
    assert.strictEqual(tell(1_100, 5_200), -4_200)
    assert.strictEqual(tell(1_200, 5_410), -4_210)
  })

  it("goes by when a packet could be told if it had to wait for a key", () => {
    const clock = ArrivalClock.make(() => 2_000)
    const told = [{ arrivalMs: 5_000, waitedMs: 800 }, { arrivalMs: 5_780 }]
    assert.strictEqual(clock.offsetMs(told), 2_000 - 5_800)
  })

  it("accepts another clock only after an interruption, and only for a step that waiting cannot explain", () => {
    const { clock, tell } = make()
    assert.strictEqual(tell(1_000, 1_000), 0)
    assert.strictEqual(tell(2_000, 500), 0)
    clock.renew()
    assert.strictEqual(tell(3_000, 2_900), 0)
    clock.renew()
    assert.strictEqual(tell(4_000, 500), 3_500)
    // no other clock is expected any more
    assert.strictEqual(tell(5_000, 1_000), 3_500)
  })
})
