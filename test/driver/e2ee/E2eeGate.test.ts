import { assert, describe, it } from "@effect/vitest"
import { E2eeGate } from "../../../src/driver/e2ee/E2eeGate.ts"
import type { Gate } from "../../../src/driver/media/Sending.ts"

const plain = { version: 0, isMember: false, isPreparing: false, isAlone: false }
const outside = { version: 1, isMember: false, isPreparing: false, isAlone: false }
const member = { version: 1, isMember: true, isPreparing: false, isAlone: false }

describe("E2eeGate", () => {
  it("is open if nothing is encrypted, and in a group that continues", () => {
    const gate = new E2eeGate()
    assert.deepStrictEqual(gate.gate(plain, 0), { _tag: "open" })
    gate.joined(false, 0)
    assert.deepStrictEqual(gate.gate(member, 0), { _tag: "open" })
  })

  it("drops audio that plays for nobody", () => {
    assert.deepStrictEqual(new E2eeGate().gate({ ...outside, isAlone: true }, 0), { _tag: "drop" })
  })

  it("holds while there is no group, for 5 s from the start", () => {
    const gate = new E2eeGate()
    const held = (untilMs: number): Gate => ({ _tag: "hold", untilMs, afterwards: "drop" })
    assert.deepStrictEqual(gate.gate(outside, 1_000), held(6_000))
    assert.deepStrictEqual(gate.gate(outside, 4_000), held(6_000))
    gate.gate({ ...outside, isAlone: true }, 4_500)
    assert.deepStrictEqual(gate.gate(outside, 4_600), held(9_600))
    gate.gate(plain, 5_000)
    assert.deepStrictEqual(gate.gate(outside, 20_000), held(25_000))
  })

  it("holds while nobody can add the bot yet, and counts the time from then on, once", () => {
    const gate = new E2eeGate()
    const preparing = { ...outside, isPreparing: true }
    const held = (untilMs: number): Gate => ({ _tag: "hold", untilMs, afterwards: "drop" })
    assert.deepStrictEqual(gate.gate(preparing, 1_000), held(Infinity))
    assert.deepStrictEqual(gate.gate(preparing, 9_000), held(Infinity))
    assert.deepStrictEqual(gate.gate({ ...preparing, isAlone: true }, 9_000), { _tag: "drop" })
    assert.deepStrictEqual(gate.gate(outside, 10_000), held(15_000))
    // another key package, because the first one led to nothing
    assert.deepStrictEqual(gate.gate(preparing, 20_000), held(15_000))
  })

  it("holds in a new group until all members are ready, for 2.5 s at most", () => {
    const gate = new E2eeGate()
    gate.joined(true, 1_000)
    assert.deepStrictEqual(gate.gate(member, 1_100), { _tag: "hold", untilMs: 3_500, afterwards: "open" })
    gate.executed()
    assert.deepStrictEqual(gate.gate(member, 1_200), { _tag: "open" })
  })

  it("is open at the next commit in a new group, whether or not all members were ready for the previous one", () => {
    const gate = new E2eeGate()
    gate.joined(true, 1_000)
    gate.joined(false, 1_100)
    assert.deepStrictEqual(gate.gate(member, 1_200), { _tag: "open" })
  })

  it("drops what plays for nobody also in a new group, and holds it for whoever comes before all are ready", () => {
    const gate = new E2eeGate()
    gate.joined(true, 1_000)
    assert.deepStrictEqual(gate.gate({ ...member, isAlone: true }, 1_100), { _tag: "drop" })
    assert.deepStrictEqual(gate.gate(member, 1_200), { _tag: "hold", untilMs: 3_500, afterwards: "open" })
    assert.deepStrictEqual(gate.gate({ ...member, isAlone: true }, 1_300), { _tag: "drop" })
    gate.executed()
    assert.deepStrictEqual(gate.gate({ ...member, isAlone: true }, 1_400), { _tag: "open" })
  })
})
