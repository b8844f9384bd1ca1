import { assert, describe, it } from "@effect/vitest"
import * as Repeats from "../../../src/driver/e2ee/Repeats.ts"
import { Ssrc } from "../../../src/protocol/Identifier.ts"

const packet = (sequence: number, ssrc = 1) => ({ ssrc: Ssrc.make(ssrc), sequence })

describe("Repeats", () => {
  it("are recognized per sender, including the first number", () => {
    const repeats = Repeats.make()
    assert.isFalse(repeats.has(packet(0)))
    repeats.note(packet(5))
    assert.isTrue(repeats.has(packet(5)))
    for (const sequence of [0, 4, 6, 5 + 64]) assert.isFalse(repeats.has(packet(sequence)), `${sequence}`)
    assert.isFalse(repeats.has(packet(5, 2)))
  })

  it("are recognized for 64 numbers, also across a roll-over", () => {
    const repeats = Repeats.make()
    const numbers = Array.from({ length: 65 }, (_, i) => (65_500 + i) & 0xffff)
    for (const sequence of numbers) repeats.note(packet(sequence))
    assert.deepStrictEqual(numbers.filter((sequence) => !repeats.has(packet(sequence))), [65_500])
  })

  it("are kept for 256 senders, and the oldest is dropped", () => {
    const repeats = Repeats.make()
    for (let ssrc = 0; ssrc < 256; ssrc++) repeats.note(packet(1, ssrc))
    assert.isTrue(repeats.has(packet(1, 0)))
    repeats.note(packet(1, 256))
    assert.deepStrictEqual([0, 1, 256].map((ssrc) => repeats.has(packet(1, ssrc))), [false, true, true])
  })
})
