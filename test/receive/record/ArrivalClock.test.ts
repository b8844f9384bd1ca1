import { assert, describe, it } from "@effect/vitest"
import * as ArrivalClock from "../../../src/receive/record/ArrivalClock.ts"

/** Packets that arrived at such times of the driver's clock, and are told at a time of ours. */
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
  it("goes by the packet that waited least, of all that came so far", () => {
    const { tell } = make()
    assert.strictEqual(tell(1_000, 5_000, 5_200, 5_100), -4_200)
    assert.strictEqual(tell(1_100, 5_200), -4_200)
    assert.strictEqual(tell(1_200, 5_410), -4_210)
  })

  it("goes by when a packet was there to be told, where it had to wait for a key", () => {
    const clock = ArrivalClock.make(() => 2_000)
    const told = [{ arrivalMs: 5_000, waitedMs: 800 }, { arrivalMs: 5_780 }]
    assert.strictEqual(clock.offsetMs(told), 2_000 - 5_800)
  })

  it("is another one only behind an interruption, and by a step that waiting does not make", () => {
    const { clock, tell } = make()
    assert.strictEqual(tell(1_000, 1_000), 0)
    assert.strictEqual(tell(2_000, 500), 0)
    clock.renew()
    assert.strictEqual(tell(3_000, 2_900), 0)
    clock.renew()
    assert.strictEqual(tell(4_000, 500), 3_500)
    // it is not looked for any more
    assert.strictEqual(tell(5_000, 1_000), 3_500)
  })
})
