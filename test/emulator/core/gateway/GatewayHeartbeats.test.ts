import { assert, describe, it } from "@effect/vitest"
import { today } from "../../../../src/emulator/core/Profile.ts"
import * as Harness from "../Harness.ts"
import { heartbeat, lastSeq } from "../Harness.ts"

describe("GatewayHeartbeats", () => {
  it("acknowledges heartbeats, reports late ones as advice, and closes when they are missing", () => {
    const h = Harness.make()
    const client = h.login()
    const interval = today.gatewayHeartbeatIntervalMs
    h.core.advance(interval)
    client.send(heartbeat)
    assert.deepStrictEqual(client.take(), [{ op: 11, t: null, s: null, d: null }])
    h.core.advance(2 * interval)
    client.send({ op: 1, d: lastSeq(client) })
    assert.deepStrictEqual(h.core.verdicts(), [])
    h.core.advance(3.5 * interval)
    client.send(heartbeat)
    assert.deepStrictEqual(h.advice(), ["late-heartbeat"])
    h.core.advance(5.5 * interval - 1)
    assert.isUndefined(client.closeCode())
    h.core.advance(5.5 * interval)
    assert.strictEqual(client.closeCode(), 4009)
    assert.deepStrictEqual(h.violations(), ["heartbeat-missing"])
    assert.deepStrictEqual(h.core.snapshot().gatewaySessions, [])
  })

  it("can request a heartbeat or a reconnect", () => {
    const h = Harness.make()
    const client = h.login()
    assert.isTrue(h.core.requestHeartbeat(h.bot.id))
    assert.isTrue(h.core.reconnectGateway(h.bot.id))
    assert.deepStrictEqual(Harness.names(client.take()), ["op1", "op7"])
    assert.isFalse(h.core.reconnectGateway(h.core.createUser({ name: "away" }).id))
  })
})
