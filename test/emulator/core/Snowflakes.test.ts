import { assert, describe, it } from "@effect/vitest"
import * as Snowflakes from "../../../src/emulator/core/Snowflakes.ts"

describe("Snowflakes", () => {
  it("ascend, and contain the time at which they were made", () => {
    let now = Date.UTC(2026, 0, 1)
    const next = Snowflakes.make(() => now, () => "otherwise")
    const ids = [next(), next()]
    now += 1.5
    ids.push(next())
    assert.deepStrictEqual(ids.map(Snowflakes.timeOf), [
      "2026-01-01T00:00:00.000Z",
      "2026-01-01T00:00:00.000Z",
      "2026-01-01T00:00:00.001Z"
    ])
    assert.deepStrictEqual(ids.toSorted(), ids)
    assert.strictEqual(new Set(ids).size, 3)
  })

  it("come from the fallback when the clock is before Discord's epoch", () => {
    assert.strictEqual(Snowflakes.make(() => 0, () => "otherwise")(), "otherwise")
  })
})
