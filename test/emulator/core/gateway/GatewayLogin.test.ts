import { assert, describe, it } from "@effect/vitest"
import * as GatewayLogin from "../../../../src/emulator/core/gateway/GatewayLogin.ts"
import type { UserId } from "../../../../src/protocol/Identifier.ts"

const one = "1" as UserId
const two = "2" as UserId

describe("GatewayLogin budget", () => {
  it("grants each bot 1000 logins in 24 hours", () => {
    let now = 10
    const budget = GatewayLogin.makeBudget(() => now, 0, 1)
    for (let i = 0; i < 1000; i++) assert.strictEqual(budget.spend(one, 0), "granted")
    assert.strictEqual(budget.spend(one, 0), "exhausted")
    assert.strictEqual(budget.spend(two, 0), "granted")
    now = 86_400_009
    assert.deepStrictEqual(budget.left(one), { remaining: 0, resetAfterMs: 1 })
    assert.strictEqual(budget.spend(one, 0), "exhausted")
    now = 86_400_010
    assert.deepStrictEqual(budget.left(one), { remaining: 1000, resetAfterMs: 86_400_000 })
    assert.strictEqual(budget.spend(one, 0), "granted")
  })

  it("requires an interval since the last granted login, separately for each bot and shard bucket", () => {
    let now = 100_000
    const budget = GatewayLogin.makeBudget(() => now, 5000, 2)
    const spend = (at: number, userId = one, shard = 0) => {
      now = 100_000 + at
      return budget.spend(userId, shard)
    }
    assert.deepStrictEqual(
      [spend(0), spend(4999), spend(4999, two), spend(5000), spend(9999)],
      ["granted", "too-early", "granted", "granted", "too-early"]
    )
    assert.deepStrictEqual(
      [spend(20_000, one, 0), spend(20_000, one, 1), spend(20_000, one, 2), spend(20_000, one, 3)],
      ["granted", "granted", "too-early", "too-early"]
    )
  })
})
