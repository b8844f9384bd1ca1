import { assert, describe, it } from "@effect/vitest"
import * as Random from "../../../src/emulator/core/Random.ts"

describe("Random", () => {
  it("gives the same numbers for the same seed and different ones for another", () => {
    const draw = (seed: number) => {
      const random = Random.make(seed)
      return [random.next(), random.int(1000), Array.from(random.bytes(7)), random.next()]
    }
    assert.deepStrictEqual(draw(42), draw(42))
    assert.notDeepEqual(draw(42), draw(43))
  })

  it("stays within its bounds and reaches every value", () => {
    const random = Random.make(0)
    const seen = new Map<number, number>()
    for (let i = 0; i < 10_000; i++) {
      const value = random.next()
      assert.isTrue(value >= 0 && value < 1)
      const die = random.int(6)
      seen.set(die, (seen.get(die) ?? 0) + 1)
    }
    assert.deepStrictEqual(Array.from(seen.keys()).toSorted(), [0, 1, 2, 3, 4, 5])
    for (const count of seen.values()) assert.isAbove(count, 1500)
  })

  it("fills byte arrays of any length evenly", () => {
    const random = Random.make(7)
    for (const length of [0, 1, 3, 4, 5, 32]) assert.strictEqual(random.bytes(length).length, length)
    const bytes = random.bytes(65_536)
    const mean = bytes.reduce((sum, byte) => sum + byte, 0) / bytes.length
    assert.closeTo(mean, 127.5, 2)
    assert.strictEqual(new Set(bytes).size, 256)
  })

  it("writes session ids and token parts", () => {
    assert.match(Random.hex(Random.make(1), 16), /^[0-9a-f]{32}$/)
    assert.match(Random.base64(Random.make(1), 27), /^[\w-]{36}$/)
  })
})
