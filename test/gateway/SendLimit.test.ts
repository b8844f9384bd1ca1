import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Effect, Logger, Schema } from "effect"
import * as SendLimit from "../../src/gateway/SendLimit.ts"
import { uint } from "../protocol/arbitraries.ts"

describe("SendLimit", () => {
  it("stays below Discord's 120, and leaves room for what others send", () => {
    const { ordinary, shared, total } = SendLimit
    assert.deepStrictEqual({ total, ordinary, shared }, { total: 115, ordinary: 110, shared: 100 })
  })

  it("lets as many messages through in a minute as there is room for", () => {
    const limit = SendLimit.make()
    for (let i = 0; i < SendLimit.ordinary; i++) {
      assert.strictEqual(limit.waitMs(SendLimit.ordinary, i * 10), 0)
      limit.record(i * 10)
    }
    assert.strictEqual(limit.waitMs(SendLimit.ordinary, 2_000), 58_000)
    assert.strictEqual(limit.waitMs(SendLimit.total, 2_000), 0, "a heartbeat has room")
    assert.strictEqual(limit.waitMs(SendLimit.ordinary, 60_000), 0)
    for (let i = SendLimit.ordinary; i < SendLimit.total; i++) limit.record(2_000)
    assert.strictEqual(limit.waitMs(SendLimit.total, 2_000), 58_000, "and no more than its own")
  })

  it("forgets what was sent longer than a minute ago, and nothing else", () => {
    const limit = SendLimit.make()
    limit.record(0)
    assert.strictEqual(limit.waitMs(1, 70_000), 0)
    limit.record(70_000)
    limit.record(120_000)
    assert.strictEqual(limit.waitMs(2, 140_000), 0)
    assert.strictEqual(limit.waitMs(1, 140_000), 40_000)
  })

  it("keeps no more than it needs after months of heartbeats", () => {
    const limit = SendLimit.make()
    // if it kept all of them, a million numbers would be moved a million times
    for (let i = 0; i <= 1_000_000; i++) limit.record(i * 41_250)
    const lastMs = 1_000_000 * 41_250
    assert.strictEqual(limit.waitMs(SendLimit.ordinary, lastMs + 70_000), 0)
    assert.strictEqual(limit.waitMs(2, lastMs), 18_750)
  })

  it("waits at least for the shortest time of a timer", () => {
    const limit = SendLimit.make()
    for (let i = 0; i < SendLimit.ordinary; i++) limit.record(0.3)
    const justBefore = 60_000.3 - 1e-10
    assert.isBelow(justBefore, 60_000.3)
    assert.strictEqual(limit.waitMs(SendLimit.ordinary, justBefore), 1)
  })

  it("holds messages back until a moment after the last of them could go", () => {
    const hold = SendLimit.makeHold()
    assert.isFalse(hold.isOn(0))
    hold.until(1_000)
    assert.deepStrictEqual([0, 999, 1_000, 5_999, 6_000].map(hold.isOn), [true, true, true, true, false])
  })

  it.effect("warns when messages begin to wait, with their number if that is known", () => {
    const lines: Array<string> = []
    return Effect.gen(function*() {
      const hold = SendLimit.makeHold()
      yield* SendLimit.holdBack(hold, () => 0, 1_001, 3)
      yield* SendLimit.holdBack(hold, () => 6_000, 1_000, 4)
      assert.isTrue(hold.isOn(11_999))
      yield* SendLimit.holdBack(hold, () => 12_000, 1_000)
      const said = (requests: string, seconds: number) =>
        `Close to Discord's message limit: ${requests} for voice channels are waiting, the first one for ${seconds} s`
      assert.deepStrictEqual(lines, [said("3 requests", 2), said("requests", 1)])
    }).pipe(Effect.provide(Logger.layer([Logger.make(({ message }) => void lines.push(String(message)))])))
  })

  it.prop("is waited for once, whatever fractions the times have", [
    Arbitrary.array(Arbitrary.schema(uint(1_000_000_000)), { minLength: 110, maxLength: 200 }),
    Arbitrary.schema(Schema.Finite)
  ], ([gaps, start]) => {
    const limit = SendLimit.make()
    let nowMs = Math.abs(start) % 1e9
    for (const gap of gaps) {
      nowMs += gap / 3_000_000
      const waitMs = limit.waitMs(SendLimit.ordinary, nowMs)
      if (waitMs > 0) {
        assert.isTrue(Number.isInteger(waitMs))
        nowMs += waitMs
        assert.strictEqual(limit.waitMs(SendLimit.ordinary, nowMs), 0)
      }
      limit.record(nowMs)
    }
  })
})
