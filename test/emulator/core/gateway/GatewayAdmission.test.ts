import { assert, describe, it } from "@effect/vitest"
import * as Harness from "../Harness.ts"
import { resume } from "../Harness.ts"

describe("GatewayAdmission identify", () => {
  it("limits the rate of Identify when the profile says so", () => {
    const h = Harness.make({ profile: { identifyIntervalMs: 5000 } })
    h.login()
    const early = h.connect()
    early.send(Harness.identify(h.bot.token))
    assert.deepStrictEqual(Harness.names(early.take()), ["op10", "op9"])
    assert.deepStrictEqual(h.violations(), ["identify-limit"])
    h.core.advance(5000)
    early.send(Harness.identify(h.bot.token))
    assert.deepStrictEqual(Harness.names(early.take()), ["READY", "GUILD_CREATE"])
  })
})

describe("GatewayAdmission resume", () => {
  it("refuses unknown sessions and sessions of other users, after which the client can identify", () => {
    const h = Harness.make()
    const first = h.login()
    const stranger = h.core.createUser({ name: "stranger" })
    const second = h.connect()
    second.send({ op: 6, d: { token: h.bot.token, session_id: "unknown", seq: 1 } })
    second.send(resume(stranger.token, first, 1))
    assert.deepStrictEqual(second.take().slice(1).map(({ d, op }) => [op, d]), [[9, false], [9, false]])
    second.send(Harness.identify(h.bot.token))
    assert.deepStrictEqual(Harness.names(second.take()), ["READY", "GUILD_CREATE"])
    const third = h.connect()
    third.send(resume("wrong", first, 1))
    assert.strictEqual(third.closeCode(), 4004)
  })

  it("closes with 4007 for a future sequence, and sends Invalid Session if messages to replay are gone", () => {
    const h = Harness.make({ profile: { gatewayReplayLimit: 2 } })
    const first = h.login()
    first.disconnect(1006)
    const early = h.connect()
    early.send(resume(h.bot.token, first, 100))
    assert.strictEqual(early.closeCode(), 4007)
    assert.deepStrictEqual(h.core.snapshot().gatewaySessions, [])

    const other = h.login()
    h.join(other, h.lobby)
    h.join(other, h.lobby)
    other.disconnect(1006)
    const late = h.connect()
    late.send(resume(h.bot.token, other, 1))
    assert.deepStrictEqual(late.take().slice(1).map(({ d, op }) => [op, d]), [[9, false]])
    assert.deepStrictEqual(h.core.snapshot().gatewaySessions, [])
    assert.strictEqual(h.revocations().length, 1)
  })
})
