import { assert, describe, it } from "@effect/vitest"
import { today } from "../../../../src/emulator/core/Profile.ts"
import * as Harness from "../Harness.ts"
import { heartbeat, lastSeq, resume } from "../Harness.ts"

describe("GatewayRoster", () => {
  it("replays missed events followed by RESUMED, while voice continues", () => {
    const h = Harness.make()
    const first = h.login()
    h.join(first, h.lobby)
    const seq = lastSeq(first)
    first.disconnect(4900)
    h.core.kick(h.core.createUser({ name: "nobody" }).id)
    const guest = h.core.createUser({ name: "guest" })
    h.core.participants.join({ userId: guest.id, channelId: h.lobby })
    h.core.moveUser(guest.id, h.other)

    const second = h.connect()
    second.send(resume(h.bot.token, first, seq))
    const replayed = second.take().slice(1)
    assert.deepStrictEqual(Harness.names(replayed), ["VOICE_STATE_UPDATE", "VOICE_STATE_UPDATE", "RESUMED"])
    assert.deepStrictEqual(replayed.map((message) => message.s), [seq + 1, seq + 2, seq + 3])
    assert.strictEqual(h.core.snapshot().voiceStates.length, 2)
    assert.deepStrictEqual(h.revocations(), [])
    h.join(second, h.lobby, { mute: true })
    assert.deepStrictEqual(Harness.names(second.take()), ["VOICE_STATE_UPDATE"])
    for (let i = 1; i <= 10; i++) {
      h.core.advance(i * today.gatewayHeartbeatIntervalMs)
      second.send(heartbeat)
    }
    assert.deepInclude(h.core.snapshot().gatewaySessions, {
      userId: h.bot.id,
      intents: 129,
      connected: true,
      seq: lastSeq(second)
    })
    assert.deepStrictEqual(h.core.verdicts(), [])
  })

  it("lets a resume take over a session whose connection is still open", () => {
    const h = Harness.make()
    const first = h.login()
    const second = h.connect()
    second.send(resume(h.bot.token, first, lastSeq(first)))
    assert.strictEqual(first.closeCode(), 4000)
    assert.strictEqual(second.events("RESUMED").length, 1)
    // The end of the old connection does not end the session.
    first.disconnect(1000)
    assert.strictEqual(h.core.snapshot().gatewaySessions.length, 1)
  })

  it("requires a new Identify on a connection whose session has ended", () => {
    const h = Harness.make({ profile: { gatewayReplayLimit: 1 } })
    const first = h.login()
    h.connect().send(resume(h.bot.token, first, 0))
    assert.deepStrictEqual(h.core.snapshot().gatewaySessions, [])
    h.join(first, h.lobby)
    assert.strictEqual(first.closeCode(), 4003)
    assert.deepStrictEqual(h.core.snapshot().voiceStates, [])
  })

  it("ends a session and its voice state at once for 1000 and 1001, otherwise after the resume window", () => {
    for (const code of [1000, 1001]) {
      const h = Harness.make()
      const client = h.login()
      h.join(client, h.lobby)
      client.disconnect(code)
      assert.deepStrictEqual(h.core.snapshot().voiceStates, [])
      assert.deepStrictEqual(h.revocations().map((r) => r.code), [4014])
    }
    const h = Harness.make()
    const client = h.login()
    h.join(client, h.lobby)
    client.disconnect(1006)
    h.core.advance(today.gatewayResumeWindowMs - 1)
    assert.strictEqual(h.core.snapshot().voiceStates.length, 1)
    h.core.advance(today.gatewayResumeWindowMs)
    assert.deepStrictEqual(h.core.snapshot().voiceStates, [])
    const again = h.connect()
    again.send(resume(h.bot.token, client, lastSeq(client)))
    assert.deepStrictEqual(Harness.names(again.take()), ["op10", "op9"])
  })

  it("drops a session without sending it a null state, and suspends a session so that it can resume", () => {
    const h = Harness.make()
    const client = h.login()
    const watcher = h.login({ token: h.core.createUser({ name: "watcher" }).token })
    h.join(client, h.lobby)
    client.take()
    watcher.take()
    assert.isTrue(h.core.dropGatewaySession(h.bot.id))
    assert.deepStrictEqual(client.take().map(({ d, op }) => [op, d]), [[9, false]])
    assert.deepStrictEqual(h.revocations().map((r) => r.code), [4014])
    assert.deepInclude(watcher.events("VOICE_STATE_UPDATE").at(-1), { user_id: h.bot.id, channel_id: null })
    client.send(Harness.identify(h.bot.token))
    assert.deepStrictEqual(Harness.names(client.take()), ["READY", "GUILD_CREATE"])

    const seq = lastSeq(client)
    const session = client.events("READY").at(-1)?.["session_id"]
    h.core.suspendGatewaySession(h.bot.id)
    client.send({ op: 6, d: { token: h.bot.token, session_id: session, seq } })
    assert.deepStrictEqual(Harness.names(client.take()), ["op9", "RESUMED"])
    assert.isTrue(h.core.closeGateway(h.bot.id, 4000, "why"))
    assert.strictEqual(client.closeCode(), 4000)
    assert.isFalse(h.core.terminateGateway(h.bot.id))
  })
})
