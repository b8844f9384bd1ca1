import { assert, describe, it } from "@effect/vitest"
import * as Transit from "../../src/receive/Transit.ts"

const of = (transit: Transit.Transit) => [transit.least(), transit.spread()]

describe("Transit", () => {
  it("remembers the minimum and the spread of the last 5 to 10 seconds", () => {
    const transit = Transit.make()
    assert.deepStrictEqual(of(transit), [undefined, 0])
    transit.add(0, 10)
    transit.add(4_000, 40)
    assert.deepStrictEqual(of(transit), [10, 30])
    assert.isFalse(transit.isSettled())
    transit.add(5_000, 30)
    assert.isTrue(transit.isSettled())
    assert.deepStrictEqual(of(transit), [10, 30])
    transit.add(9_999, 25)
    assert.deepStrictEqual(of(transit), [10, 30])
    transit.add(10_000, 28)
    assert.deepStrictEqual(of(transit), [25, 5])
  })

  it("remembers the delay across a long pause, allowing for the drift of the clocks", () => {
    const transit = Transit.make()
    transit.add(0, 10)
    transit.add(60_000, 40)
    assert.deepStrictEqual(of(transit), [10 + 12, 40 - 22])
  })

  it("treats ten seconds without a packet as a long pause, and invents no jitter for it", () => {
    const late = Transit.make()
    late.add(0, 10)
    late.add(10_000, 40)
    assert.deepStrictEqual(of(late), [10 + 2, 40 - 12])
    const early = Transit.make()
    early.add(0, 10)
    early.add(10_000, 10)
    assert.deepStrictEqual(of(early), [10, 2])
  })

  it("remembers the jitter across a long pause, and trusts it less with each pause", () => {
    const transit = Transit.make()
    transit.add(0, 10)
    transit.add(1_000, 110)
    transit.add(20_000, 20)
    assert.closeTo(transit.spread(), 100, 5)
    transit.add(40_000, 20)
    assert.closeTo(transit.spread(), 50, 5)
    transit.add(60_000, 20)
    assert.closeTo(transit.spread(), 25, 8)
    // while packets come, they alone count
    transit.add(65_000, 20)
    transit.add(70_000, 20)
    assert.strictEqual(transit.spread(), 0)
  })
})
