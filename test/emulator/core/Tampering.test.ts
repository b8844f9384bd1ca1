import { assert, describe, it } from "@effect/vitest"
import * as FaultRules from "../../../src/emulator/core/faults/FaultRules.ts"
import { sendLimit } from "../../../src/emulator/core/gateway/GatewayConnection.ts"
import { today } from "../../../src/emulator/core/Profile.ts"
import * as Harness from "./Harness.ts"

const make = () => {
  const h = Harness.make()
  return {
    ...h,
    rule: (when: FaultRules.When, what: FaultRules.What) =>
      h.core.addFault(FaultRules.make(when, undefined, what, () => {})),
    counter: (name: string) => h.core.counters().get(name) ?? 0,
    judged: () => [...h.violations(), ...h.advice()]
  }
}

const intervalMs = today.gatewayHeartbeatIntervalMs

const heartbeat = { op: 1, d: null }

describe("a client of the main gateway is not blamed for", () => {
  it("missing or late heartbeats, if Hello was lost or delayed", () => {
    const lost = make()
    lost.rule({ point: "gateway-out", op: 10 }, "drop")
    const client = lost.connect()
    lost.core.advance(intervalMs * 3)
    assert.strictEqual(client.closeCode(), 4009)
    assert.deepStrictEqual(lost.judged(), [])
    assert.strictEqual(lost.counter("tampered:heartbeat-missing"), 1)

    const late = make()
    late.rule({ point: "gateway-out", op: 10 }, { delayMs: intervalMs })
    const slow = late.connect()
    late.core.advance(intervalMs * 1.5)
    slow.send(heartbeat)
    assert.deepStrictEqual(late.judged(), [])
  })

  it("heartbeats that a fault has dropped, when the connection times out", () => {
    const h = make()
    const client = h.login()
    h.rule({ point: "gateway-in", op: 1 }, "drop")
    for (let i = 1; i <= 3; i++) {
      h.core.advance(intervalMs * i)
      client.send(heartbeat)
    }
    assert.strictEqual(client.closeCode(), 4009)
    assert.deepStrictEqual(h.judged(), [])
  })

  it("messages that arrive before an Identify that was lost", () => {
    const h = make()
    h.rule({ point: "gateway-in", op: 2 }, "drop")
    const client = h.connect()
    client.send(Harness.identify(h.bot.token))
    h.join(client, h.lobby)
    assert.strictEqual(client.closeCode(), 4003)
    assert.deepStrictEqual(h.judged(), [])
  })

  it("messages that a fault has duplicated or corrupted", () => {
    for (const what of [{ duplicate: 1 }, "corrupt"] as const) {
      const h = make()
      h.rule({ point: "gateway-in", op: 2 }, what)
      const client = h.connect()
      client.send(Harness.identify(h.bot.token))
      assert.strictEqual(client.closeCode(), what === "corrupt" ? 4002 : 4005)
      assert.deepStrictEqual(h.judged(), [])
    }
  })

  it("copies of its messages, which do not count toward the rate limit", () => {
    const h = make()
    const client = h.login()
    h.rule({ point: "gateway-in", op: 1 }, { duplicate: 9 })
    for (let i = 0; i < sendLimit - 1; i++) client.send(heartbeat)
    assert.isUndefined(client.closeCode())
    client.send(heartbeat)
    assert.strictEqual(client.closeCode(), 4008)
  })

  it("a sequence number that a fault made up", () => {
    const h = make()
    h.rule({ point: "gateway-out", op: "READY" }, {
      replaceWith: (text) => String(text).replace(/"s":\d+/, "\"s\":99")
    })
    const client = h.login()
    const { session_id } = client.events("READY")[0] ?? {}
    client.disconnect(1006)
    const again = h.connect()
    again.send({ op: 6, d: { token: h.bot.token, session_id, seq: 99 } })
    assert.strictEqual(again.closeCode(), 4007)
    assert.deepStrictEqual(h.judged(), [])
  })

  it("messages in flight when the session became invalid, unlike those sent long afterwards", () => {
    for (
      const [waitMs, violations] of [[500, []], [5_000, ["wrong-order"]]] satisfies ReadonlyArray<
        readonly [number, Array<string>]
      >
    ) {
      const h = make()
      const client = h.login()
      h.core.suspendGatewaySession(h.bot.id)
      h.core.advance(waitMs)
      h.join(client, h.lobby)
      assert.deepStrictEqual(h.judged(), violations)
      assert.strictEqual(client.closeCode(), violations.length === 0 ? undefined : 4003)
    }
  })

  it("a voice token that was revoked before it arrived", () => {
    const h = Harness.make({ realVoice: true })
    const client = h.login()
    h.join(client, h.lobby)
    const { token } = client.events("VOICE_SERVER_UPDATE").at(-1) ?? {}
    const { session_id } = client.events("VOICE_STATE_UPDATE").at(-1) ?? {}
    h.core.moveServer(h.lobby)
    const voice = h.connectVoice()
    voice.send({ op: 0, d: { server_id: h.guildId, user_id: h.bot.id, session_id, token } })
    assert.strictEqual(voice.closeCode(), 4006)
    assert.deepStrictEqual(h.violations(), [])
  })
})

describe("a fault that closes connections of the main gateway", () => {
  it("ends the connection, and the session only if the close code says so", () => {
    for (const [code, sessions] of [[4000, 1], [1000, 1], [4009, 0], [4004, 0]] as const) {
      const h = make()
      const client = h.login()
      h.rule({ point: "gateway-out", op: 11 }, { close: code, at: "after" })
      client.send(heartbeat)
      assert.deepStrictEqual(Harness.names(client.take()), ["op11"])
      assert.strictEqual(client.closeCode(), code)
      h.core.advance(0)
      assert.lengthOf(h.core.snapshot().gatewaySessions, sessions, String(code))
      assert.isFalse(h.core.snapshot().gatewaySessions[0]?.connected ?? false)
    }
  })

  it("closes a connection before Identify, if only one bot is expected", () => {
    const h = make()
    const client = h.connect()
    assert.isTrue(h.core.closeGateway(h.bot.id, 4000, ""))
    assert.strictEqual(client.closeCode(), 4000)
  })
})
