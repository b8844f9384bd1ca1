import { assert, describe, it } from "@effect/vitest"
import * as Hold from "../../../src/driver/e2ee/Hold.ts"
import { Ssrc } from "../../../src/protocol/Identifier.ts"

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

  it("takes out the oldest packets of the user with the most, and keeps the order of all others", () => {
    const part = (all: string, packets: number) => {
      const numbered = Array.from(all, (who, i) => ({ who, i }))
      return Hold.part(numbered, ({ who }) => Ssrc.make(who.codePointAt(0) ?? 0), packets)
        .map((some) => some.map(({ i, who }) => `${who}${i}`).join(" "))
    }
    assert.deepStrictEqual(part("aabab", 5), ["a0 a1 b2 a3 b4", ""])
    assert.deepStrictEqual(part("aabab", 4), ["a1 b2 a3 b4", "a0"])
    assert.deepStrictEqual(part("baaaaab", 4), ["b0 a4 a5 b6", "a1 a2 a3"])
    assert.deepStrictEqual(part("ab", 0), ["", "a0 b1"])
    assert.deepStrictEqual(part("", 0), ["", ""])
  })
})
