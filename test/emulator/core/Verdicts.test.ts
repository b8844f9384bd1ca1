import { assert, describe, it } from "@effect/vitest"
import * as Verdicts from "../../../src/emulator/core/Verdicts.ts"

describe("Verdicts", () => {
  it("keeps verdicts with their times, and counts them", () => {
    let now = 5
    const verdicts = Verdicts.make(() => now)
    verdicts.judge("violation", "bad-token", "why", undefined)
    now = 7
    verdicts.judge("advice", "late-heartbeat", "why", undefined)
    verdicts.count("rest")
    verdicts.count("rest")
    assert.deepStrictEqual(verdicts.list().map(({ atMs, code, severity }) => [severity, code, atMs]), [
      ["violation", "bad-token", 5],
      ["advice", "late-heartbeat", 7]
    ])
    assert.deepStrictEqual(Array.from(verdicts.counters()), [
      ["violation:bad-token", 1],
      ["advice:late-heartbeat", 1],
      ["rest", 2]
    ])
  })

  it("keeps a limited number, counts the rest, and tells a listener of all", () => {
    let told = 0
    const verdicts = Verdicts.make(() => 0, () => told++)
    for (let i = 0; i < Verdicts.limit + 3; i++) verdicts.judge("violation", "malformed", "why", undefined)
    assert.strictEqual(verdicts.list().length, Verdicts.limit)
    assert.strictEqual(told, Verdicts.limit + 3)
    assert.strictEqual(verdicts.counters().get("verdicts-not-kept"), 3)
    assert.strictEqual(verdicts.counters().get("violation:malformed"), Verdicts.limit + 3)
  })

  it("counts a limited number of names separately, and all others together", () => {
    const verdicts = Verdicts.make(() => 0)
    for (let i = 0; i < Verdicts.mostNames + 3; i++) verdicts.count(`rest-unknown:GET /${i}`)
    verdicts.count("rest-unknown:GET /0")
    assert.strictEqual(verdicts.counters().size, Verdicts.mostNames + 1)
    assert.strictEqual(verdicts.counters().get("rest-unknown:GET /0"), 2)
    assert.strictEqual(verdicts.counters().get("others"), 3)
  })
})
