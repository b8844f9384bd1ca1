import { assert, describe, it } from "@effect/vitest"
import * as Budget from "../../../src/receive/record/Budget.ts"

/** Every sample costs one byte. The clock and the number of bytes written are set by hand. */
const rig = (bytes: number) => {
  const at = { now: 0, used: 0 }
  const budget = Budget.make({
    bytes,
    now: () => at.now,
    used: () => at.used,
    due: (length) => length - at.used
  })
  return { at, budget }
}

describe("Budget", () => {
  it("ends when time alone uses up what is left, and never later", () => {
    const { at, budget } = rig(100_000)
    for (; budget.end() === undefined; at.now += 4_800) budget.renew()
    assert.isAtMost(budget.end() ?? Infinity, 100_000)
    assert.isAbove(budget.end() ?? 0, 100_000 - 2 * 9_600)
  })

  it("ends where something could not be afforded, even if time goes on", () => {
    const { at, budget } = rig(100_000)
    budget.renew()
    assert.isTrue(budget.afford(50_000))
    at.now = 4_800
    assert.isTrue(budget.afford(40_000))
    assert.isFalse(budget.afford(1_000))
    at.now = 9_600
    assert.isFalse(budget.afford(1))
    budget.renew()
    assert.strictEqual(budget.end(), 4_800)
  })

  it("does not go by what was set aside for a time that is over", () => {
    const { at, budget } = rig(100_000)
    budget.renew()
    // the process stood still
    at.now = 200_000
    assert.isFalse(budget.afford(1))
    assert.strictEqual(budget.end(), 9_600)
  })

  it("is unlimited without a maximum", () => {
    const budget = Budget.make({
      bytes: Infinity,
      now: () => assert.fail("nobody asks"),
      used: () => assert.fail("nobody asks"),
      due: () => assert.fail("nobody asks")
    })
    budget.renew()
    assert.isTrue(budget.afford(1e12))
    assert.isUndefined(budget.end())
  })
})
