import { assert, describe, it } from "@effect/vitest"
import * as Hold from "../../../src/driver/e2ee/Hold.ts"

const usual = { ms: 1_000, packets: 100 }

describe("Hold", () => {
  it("is longer while the WebSocket is lost, and as long after that as a packet usually waits", () => {
    const hold = Hold.make(usual)
    assert.strictEqual(hold.bounds(0), usual)
    hold.lose()
    assert.deepStrictEqual(hold.bounds(1e9), { ms: 5_000, packets: 1_000 })
    hold.regain(2_000)
    assert.isTrue(hold.isStretched(2_999))
    assert.isFalse(hold.isStretched(3_000))
    assert.strictEqual(hold.bounds(3_000), usual)
  })

  it("is no longer for a connection before which nothing was lost", () => {
    const hold = Hold.make(usual)
    hold.regain(0)
    assert.isFalse(hold.isStretched(0))
    hold.lose()
    hold.regain(1_000)
    hold.regain(1_900)
    assert.isFalse(hold.isStretched(2_000))
  })
})
