import { assert, describe, it } from "@effect/vitest"
import { E2eeRecovery, failureTolerance } from "../../../src/driver/e2ee/E2eeRecovery.ts"

const fail = (recovery: E2eeRecovery, frames = failureTolerance) => {
  for (let n = 0; n < frames; n++) recovery.onDecrypted(false)
}

describe("E2eeRecovery", () => {
  it("is due for 36 unreadable frames in a row, and not for fewer", () => {
    const recovery = new E2eeRecovery()
    fail(recovery, 35)
    assert.isFalse(recovery.isDue(0))
    recovery.onDecrypted(true)
    fail(recovery, 35)
    assert.isFalse(recovery.isDue(0))
    recovery.onDecrypted(false)
    assert.isTrue(recovery.isDue(0))
  })

  it("is not due again for twice as long each time, from 10 s up to 5 minutes, until a frame can be read", () => {
    const recovery = new E2eeRecovery()
    fail(recovery)
    let nowMs = 0
    for (const waitMs of [20_000, 40_000, 80_000, 160_000, 300_000, 300_000]) {
      assert.isTrue(recovery.isDue(nowMs))
      recovery.backOff()
      recovery.begin(nowMs)
      recovery.joined()
      fail(recovery)
      assert.isFalse(recovery.isDue(nowMs + waitMs - 1))
      nowMs += waitMs
    }
    recovery.onDecrypted(true)
    fail(recovery)
    recovery.begin(nowMs)
    assert.isFalse(recovery.isDue(nowMs + 9_999))
    assert.isTrue(recovery.isDue(nowMs + 10_000))
  })

  it("is not due for what could not be read before there was a group again", () => {
    const recovery = new E2eeRecovery()
    fail(recovery)
    recovery.begin(0)
    recovery.joined()
    assert.isFalse(recovery.isDue(1_000_000))
  })

  it("is given up behind five that led to no group", () => {
    const recovery = new E2eeRecovery()
    for (let n = 0; n < 5; n++) assert.isTrue(recovery.begin(n))
    assert.isFalse(recovery.begin(5))
    recovery.joined()
    assert.isTrue(recovery.begin(100))
  })
})
