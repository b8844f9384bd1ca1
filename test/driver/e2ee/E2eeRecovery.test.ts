import { assert, describe, it } from "@effect/vitest"
import { E2eeRecovery, failureTolerance } from "../../../src/driver/e2ee/E2eeRecovery.ts"
import { Ssrc } from "../../../src/protocol/Identifier.ts"

const ssrc = Ssrc.make(7)

/** Unreadable frames, one every 20 ms from `fromMs` on. */
const fail = (recovery: E2eeRecovery, fromMs: number, frames = failureTolerance) => {
  for (let n = 0; n < frames; n++) recovery.onDecrypted(false, fromMs + 20 * n, ssrc)
}

describe("E2eeRecovery", () => {
  it("is due after 36 unreadable frames in a row, and not after fewer", () => {
    const recovery = new E2eeRecovery()
    fail(recovery, 0, 35)
    assert.isFalse(recovery.isDue(1_000))
    recovery.onDecrypted(true, 1_000, ssrc)
    fail(recovery, 2_000, 35)
    assert.isFalse(recovery.isDue(3_000))
    recovery.onDecrypted(false, 3_000, ssrc)
    assert.isTrue(recovery.isDue(3_000))
  })

  it("is not due for frames from before a readable one, nor for more than any voice makes in the time", () => {
    const recovery = new E2eeRecovery()
    recovery.onDecrypted(true, 5_000, ssrc)
    fail(recovery, 4_000)
    assert.isFalse(recovery.isDue(6_000))
    for (let n = 0; n < 1_000; n++) recovery.onDecrypted(false, 6_000, ssrc)
    assert.isFalse(recovery.isDue(6_000))
    // five users who speak at the same time
    for (let n = 0; n < 5 * 26; n++) recovery.onDecrypted(false, 6_000 + 20 * Math.floor(n / 5), ssrc)
    assert.isTrue(recovery.isDue(7_000))
  })

  it("measures from the first unreadable frame after the latest readable one", () => {
    const recovery = new E2eeRecovery()
    fail(recovery, 1_000, 35)
    recovery.onDecrypted(true, 5_000, ssrc)
    // one that was late
    recovery.onDecrypted(true, 4_000, ssrc)
    fail(recovery, 4_500, 26)
    assert.isFalse(recovery.isDue(6_000))
    for (let n = 0; n < 36; n++) recovery.onDecrypted(false, 6_000 + n, ssrc)
    assert.isFalse(recovery.isDue(7_000), "for no voice makes as many in the time")
    recovery.onDecrypted(false, 6_500, ssrc)
    assert.isTrue(recovery.isDue(7_000))
  })

  it("is not due again for twice as long each time, from 10 s up to 5 minutes, until a frame of that sender can be read", () => {
    const recovery = new E2eeRecovery()
    let nowMs = 1_000
    fail(recovery, 0)
    for (const waitMs of [20_000, 40_000, 80_000, 160_000, 300_000, 300_000]) {
      assert.isTrue(recovery.isDue(nowMs))
      recovery.backOff()
      recovery.begin(nowMs)
      recovery.joined()
      fail(recovery, nowMs)
      assert.isFalse(recovery.isDue(nowMs + waitMs - 1))
      nowMs += waitMs
    }
    recovery.onDecrypted(true, nowMs, Ssrc.make(8))
    fail(recovery, nowMs + 20)
    assert.isFalse(recovery.isDue(nowMs - 1), "another sender's frame says nothing")
    recovery.onDecrypted(true, nowMs + 1_000, ssrc)
    fail(recovery, nowMs + 1_020)
    recovery.begin(nowMs)
    assert.isFalse(recovery.isDue(nowMs + 9_999))
    assert.isTrue(recovery.isDue(nowMs + 10_000))
  })

  it("is not due for frames that were unreadable before there was a group again", () => {
    const recovery = new E2eeRecovery()
    fail(recovery, 0)
    recovery.begin(0)
    recovery.joined()
    assert.isFalse(recovery.isDue(1_000_000))
  })

  it("is given up after five that led to no group", () => {
    const recovery = new E2eeRecovery()
    for (let n = 0; n < 5; n++) assert.isTrue(recovery.begin(n))
    assert.isFalse(recovery.begin(5))
    recovery.joined()
    assert.isTrue(recovery.begin(100))
  })
})
