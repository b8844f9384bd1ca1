import { assert, describe, it } from "@effect/vitest"
import * as Lateness from "../../../src/driver/media/Lateness.ts"
import { bufferedBytes } from "../../integration/memory.ts"

describe("Lateness", () => {
  it("reports percentiles to within a quarter of a millisecond, and the maximum", () => {
    const lateness = Lateness.make()
    assert.deepStrictEqual([lateness.percentile(0.99), lateness.max()], [0, 0])
    for (let i = 0; i < 100; i++) lateness.record(i / 10)
    assert.closeTo(lateness.percentile(0.5), 5, 0.25)
    assert.closeTo(lateness.percentile(0.99), 9.9, 0.25)
    assert.strictEqual(lateness.max(), 9.9)
    for (let i = 0; i < 100; i++) lateness.record(20 + i * 0.4)
    assert.closeTo(lateness.percentile(0.75), 40, 5)
    assert.closeTo(lateness.percentile(0.99), 59, 5)
    lateness.record(1_000)
    assert.strictEqual(lateness.max(), 1_000)
    lateness.close()
  })

  it("never reports less than what was exceeded, even where its steps become coarser", () => {
    const lateness = Lateness.make()
    for (const ms of [19.9, 20, 24, 24.9, 60]) lateness.record(ms)
    assert.strictEqual(lateness.percentile(0.2), 20)
    for (const share of [0.4, 0.8]) assert.strictEqual(lateness.percentile(share), 25)
    assert.strictEqual(lateness.percentile(1), 60)
    lateness.close()
  })

  it("keeps senders apart, however many there are, and after they have ended", () => {
    const all = Array.from({ length: 300 }, () => Lateness.make())
    for (const [index, lateness] of all.entries()) for (let i = 0; i < 10; i++) lateness.record(index / 20)
    const ended = all.filter((_, index) => index % 3 === 0)
    // closing twice changes nothing
    for (const lateness of [...ended, ...ended]) lateness.close()
    // they get the places of those that have ended
    const later = Array.from({ length: 120 }, () => Lateness.make())
    for (const lateness of later) {
      assert.strictEqual(lateness.percentile(1), 0)
      for (let i = 0; i < 9; i++) lateness.record(0.1)
      lateness.record(19.9)
    }
    for (const [index, lateness] of all.entries()) {
      assert.closeTo(lateness.percentile(0.5), index / 20, 0.25, `the one with number ${index}`)
      assert.strictEqual(lateness.max(), index / 20)
    }
    for (const lateness of later) assert.closeTo(lateness.percentile(0.5), 0.1, 0.25)
    for (const lateness of [...all, ...later]) lateness.close()
  })

  it("reuses the places of senders that have ended, so that one that stays keeps little memory", async () => {
    const before = await bufferedBytes()
    const staying: Array<Lateness.Lateness> = []
    for (let round = 0; round < 200; round++) {
      const all = Array.from({ length: 100 }, () => Lateness.make())
      staying.push(...all.splice(0, 1))
      for (const lateness of all) lateness.close()
    }
    // 352 bytes each, not the 23 kB of a table
    assert.isBelow(await bufferedBytes() - before, 1_000_000)
    for (const lateness of staying) lateness.close()
  })
})
