import { assert, describe, it } from "@effect/vitest"
import * as Transit from "../../src/receive/Transit.ts"

const of = (transit: Transit.Transit) => [transit.least(), transit.spread()]

describe("Transit", () => {
  it("remembers the least and the spread of 5 to 10 seconds", () => {
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

  it("knows the path of before a long pause, less what the clocks may have drifted", () => {
    const transit = Transit.make()
    transit.add(0, 10)
    transit.add(60_000, 40)
    assert.deepStrictEqual(of(transit), [10 + 12, 40 - 22])
  })
})
