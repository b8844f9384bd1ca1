import { assert, describe, it } from "@effect/vitest"
import * as FaultPlay from "../../../src/emulator/core/FaultPlay.ts"
import type { Incident } from "../../../src/emulator/core/faults/FaultSchedule.ts"
import * as Harness from "./Harness.ts"

const setup = () => {
  const h = Harness.make({ profile: { gatewayHeartbeatTolerance: 1e9 } })
  const client = h.login()
  const names = () => Harness.names(client.take()).filter((name) => name.startsWith("VOICE"))
  const start = (incident: Incident) => FaultPlay.start(h.core, incident, h.bot.id)
  return { client, h, names, start }
}

describe("FaultPlay", () => {
  it("delays voice events while the incident lasts, and leaves no delay afterwards", () => {
    const { client, h, names, start } = setup()
    const { forMs, found, heal } = start({ _tag: "DelayEvents", user: "bot", delayMs: 500, forMs: 1_000 })
    assert.deepStrictEqual([found, forMs], [true, 1_000])
    h.join(client, h.lobby)
    h.core.advance(499)
    assert.deepStrictEqual(names(), [])
    h.core.advance(500)
    assert.deepStrictEqual(names(), Harness.pair)
    heal()
    h.join(client, h.other)
    assert.deepStrictEqual(names(), Harness.pair)
  })

  it("withholds messages until it is healed, or a single voice server update", () => {
    const { client, h, names, start } = setup()
    const withheld = start({
      _tag: "WithholdMessage",
      user: "bot",
      point: "gateway-out",
      op: "VOICE_STATE_UPDATE",
      forMs: 1_000
    })
    h.join(client, h.lobby)
    h.join(client, h.other)
    assert.deepStrictEqual(names(), ["VOICE_SERVER_UPDATE", "VOICE_SERVER_UPDATE"])
    withheld.heal()
    const lost = start({ _tag: "LoseServerUpdate", user: "bot", forMs: 1_000 })
    h.join(client, h.lobby)
    assert.deepStrictEqual(names(), ["VOICE_STATE_UPDATE"])
    h.join(client, h.other)
    assert.deepStrictEqual(names(), Harness.pair)
    lost.heal()
  })

  it("cuts the connection at the next message of a kind only", () => {
    const { client, h, start } = setup()
    start({ _tag: "CutMessage", user: "bot", point: "gateway-in", op: 4, at: "before", forMs: 1_000 })
    h.join(client, h.lobby)
    assert.isTrue(client.terminated)
    const next = h.login()
    h.join(next, h.lobby)
    assert.isFalse(next.terminated)
    assert.lengthOf(next.events("VOICE_SERVER_UPDATE"), 1)
  })

  it("parks the channel of a user who is in voice until it is healed", () => {
    const { client, h, names, start } = setup()
    assert.isFalse(start({ _tag: "ParkChannel", user: "bot", forMs: 1_000 }).found)
    assert.isFalse(start({ _tag: "MoveServer", user: "bot", nullMs: 0 }).found)
    h.join(client, h.lobby)
    names()
    const parked = start({ _tag: "ParkChannel", user: "bot", forMs: 1_000 })
    assert.isTrue(parked.found)
    assert.deepInclude(client.events("VOICE_SERVER_UPDATE").at(-1), { endpoint: null })
    h.core.advance(60_000)
    assert.deepInclude(client.events("VOICE_SERVER_UPDATE").at(-1), { endpoint: null })
    parked.heal()
    h.core.advance(120_000)
    assert.deepInclude(client.events("VOICE_SERVER_UPDATE").at(-1), { endpoint: "voice1.test:2048" })
  })

  it("kicks the user and requests a heartbeat, if the user has such a connection", () => {
    const { client, h, start } = setup()
    h.join(client, h.lobby)
    client.take()
    assert.isTrue(start({ _tag: "RequestHeartbeat", user: "bot", on: "gateway" }).found)
    assert.deepStrictEqual(Harness.names(client.take()), ["op1"])
    assert.isFalse(start({ _tag: "RequestHeartbeat", user: "bot", on: "voice" }).found)
    assert.isTrue(start({ _tag: "Kick", user: "bot" }).found)
    assert.deepInclude(client.events("VOICE_STATE_UPDATE").at(-1), { channel_id: null })
  })
})
