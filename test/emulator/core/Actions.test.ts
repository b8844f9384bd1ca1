import { assert, describe, it } from "@effect/vitest"
import type { VoiceServerId } from "../../../src/emulator/core/CoreContext.ts"
import * as Harness from "./Harness.ts"

const setup = (profile: Parameters<typeof Harness.make>[0] = {}) => {
  const h = Harness.make(profile)
  const client = h.login()
  h.join(client, h.lobby)
  client.take()
  h.happenings.length = 0
  const order = () =>
    h.happenings.map((happening) =>
      happening._tag === "Revoked"
        ? `close ${happening.revocation.code}`
        : Harness.names([happening.message]).join()
    )
  const secondServer = (): VoiceServerId =>
    h.core.createVoiceServer({ region: "there", endpoint: "voice2.test:443", udp: { address: "127.0.0.1", port: 2 } })
  return { h, client, order, secondServer }
}

const token = (client: Harness.Client): string => String(client.events("VOICE_SERVER_UPDATE").at(-1)?.["token"])

describe("Actions", () => {
  it("kick: sends a null state and close 4014, in the order of the profile", () => {
    const first = setup()
    const granted = token(first.client)
    assert.isTrue(first.h.core.kick(first.h.bot.id))
    assert.deepStrictEqual(first.order(), ["close 4014", "VOICE_STATE_UPDATE"])
    assert.deepInclude(first.client.events("VOICE_STATE_UPDATE").at(-1), { channel_id: null, user_id: first.h.bot.id })
    assert.isUndefined(first.h.grant(granted))
    assert.isFalse(first.h.core.kick(first.h.bot.id))
    const second = setup({ profile: { voiceCloseOrder: "event-first" } })
    second.h.core.kick(second.h.bot.id)
    assert.deepStrictEqual(second.order(), ["VOICE_STATE_UPDATE", "close 4014"])
  })

  it("moveUser: sends both events with a new token, even into a full channel", () => {
    const { client, h, order } = setup()
    const before = token(client)
    const full = h.core.createChannel({ guildId: h.guildId, name: "full", userLimit: 1 })
    const guest = h.core.createUser({ name: "guest" })
    if (full === undefined) throw new Error("no channel")
    h.core.participants.join({ userId: guest.id, channelId: full })
    h.happenings.length = 0
    assert.isTrue(h.core.moveUser(h.bot.id, full))
    assert.deepStrictEqual(order(), ["close 4014", "VOICE_STATE_UPDATE", "VOICE_SERVER_UPDATE"])
    assert.notStrictEqual(token(client), before)
    assert.strictEqual(h.grant(token(client))?.channelId, full)
    assert.isFalse(h.core.moveUser(h.core.createUser({ name: "away" }).id, full))
  })

  it("deleteChannel: sends a null state and close 4022", () => {
    const { client, h, order } = setup()
    assert.isTrue(h.core.deleteChannel(h.lobby))
    assert.deepStrictEqual(order(), ["close 4022", "VOICE_STATE_UPDATE", "CHANNEL_DELETE"])
    h.join(client, h.lobby)
    assert.strictEqual(h.core.counters().get("voice-state-ignored:unknown-channel"), 1)
    assert.isFalse(h.core.deleteChannel(h.lobby))
  })

  it("moveServer: closes with 4022 and names the next server, without a state and with the same session id", () => {
    const { client, h, order, secondServer } = setup()
    const server = secondServer()
    const before = h.grant(token(client))
    assert.isTrue(h.core.moveServer(h.lobby))
    assert.deepStrictEqual(order(), ["close 4022", "VOICE_SERVER_UPDATE"])
    assert.deepInclude(client.events("VOICE_SERVER_UPDATE").at(-1), { endpoint: "voice2.test:443" })
    const after = h.grant(token(client))
    assert.strictEqual(after?.server, server)
    assert.strictEqual(after?.sessionId, before?.sessionId)
    assert.notStrictEqual(after?.token, before?.token)
    assert.isUndefined(h.grant(String(before?.token)))
    // A member that joins later goes there too, until the channel is empty.
    const other = h.login({ token: h.core.createUser({ name: "second" }).token })
    h.join(other, h.lobby)
    assert.strictEqual(h.grant(token(other))?.server, server)
    h.join(other, null)
    h.join(client, null)
    h.join(client, h.lobby)
    assert.strictEqual(h.grant(token(client))?.server, 1)
    assert.isTrue(h.core.moveServer(h.guildId))
    assert.strictEqual(h.grant(token(client))?.server, server)
    assert.isFalse(h.core.moveServer(h.lobby, { server: 99 }))
    assert.isFalse(h.core.moveServer("1" as typeof h.lobby))
  })

  it("moveServer: gives the same endpoint and a new token when there is only one server", () => {
    const { client, h } = setup()
    const before = token(client)
    h.core.moveServer(h.lobby)
    assert.deepInclude(client.events("VOICE_SERVER_UPDATE").at(-1), { endpoint: "voice1.test:2048" })
    assert.notStrictEqual(token(client), before)
  })

  it("moveServer: with a null endpoint first, gives a token that is never valid, and the server later", () => {
    const { client, h, order } = setup()
    h.core.moveServer(h.lobby, { nullEndpointFirst: true, delayMs: 500 })
    assert.deepStrictEqual(order(), ["close 4022", "VOICE_SERVER_UPDATE"])
    assert.deepInclude(client.events("VOICE_SERVER_UPDATE").at(-1), { endpoint: null })
    assert.isUndefined(h.grant(token(client)))
    const late = h.login({ token: h.core.createUser({ name: "late" }).token })
    h.join(late, h.lobby)
    assert.deepInclude(late.events("VOICE_SERVER_UPDATE").at(-1), { endpoint: null })
    client.take()
    h.core.advance(499)
    assert.deepStrictEqual(client.take(), [])
    h.core.advance(500)
    for (const each of [client, late]) {
      assert.deepInclude(each.events("VOICE_SERVER_UPDATE").at(-1), { endpoint: "voice1.test:2048" })
      assert.isDefined(h.grant(token(each)))
    }
    assert.deepStrictEqual(Harness.names(client.take()), ["VOICE_SERVER_UPDATE"])
  })

  it("kick: can send only the close, or only the event", () => {
    const closed = setup()
    const witness = closed.h.login({ token: closed.h.core.createUser({ name: "witness" }).token })
    closed.h.core.kick(closed.h.bot.id, undefined, "close")
    assert.deepStrictEqual(closed.h.revocations().map(({ code }) => code), [4014])
    assert.deepStrictEqual(closed.client.take(), [])
    assert.deepInclude(witness.events("VOICE_STATE_UPDATE").at(-1), { user_id: closed.h.bot.id, channel_id: null })
    closed.h.join(closed.client, closed.h.lobby)
    assert.deepStrictEqual(Harness.names(closed.client.take()), ["VOICE_STATE_UPDATE", "VOICE_SERVER_UPDATE"])

    const told = setup()
    told.h.core.kick(told.h.bot.id, undefined, "event")
    assert.deepStrictEqual(told.order(), ["VOICE_STATE_UPDATE"])
    assert.isUndefined(told.h.grant(token(told.client)))
  })

  it("moveServer: can send only the close, or only the event", () => {
    const closed = setup()
    closed.secondServer()
    closed.h.core.moveServer(closed.h.lobby, { only: "close" })
    assert.deepStrictEqual(closed.order(), ["close 4022"])
    // A client that asks is told the new server.
    closed.h.join(closed.client, closed.h.lobby)
    assert.deepInclude(closed.client.events("VOICE_SERVER_UPDATE").at(-1), { endpoint: "voice2.test:443" })

    const told = setup()
    told.secondServer()
    told.h.core.moveServer(told.h.lobby, { only: "event" })
    assert.deepStrictEqual(told.order(), ["VOICE_SERVER_UPDATE"])
    assert.isDefined(told.h.grant(token(told.client)))
  })

  it("parkChannel: leaves a channel without a voice server until one is found", () => {
    const { client, h, order, secondServer } = setup()
    assert.isTrue(h.core.parkChannel(h.lobby))
    assert.deepStrictEqual(order(), ["close 4022", "VOICE_SERVER_UPDATE"])
    assert.deepInclude(client.events("VOICE_SERVER_UPDATE").at(-1), { endpoint: null })
    h.core.advance(80_000)
    const late = h.login({ token: h.core.createUser({ name: "late" }).token })
    h.join(late, h.lobby)
    assert.deepInclude(late.events("VOICE_SERVER_UPDATE").at(-1), { endpoint: null })
    secondServer()
    assert.isTrue(h.core.unparkChannel(h.lobby))
    for (const each of [client, late]) {
      assert.deepInclude(each.events("VOICE_SERVER_UPDATE").at(-1), { endpoint: "voice2.test:443" })
      assert.isDefined(h.grant(token(each)))
    }
    assert.isFalse(h.core.unparkChannel(h.lobby))
    assert.isFalse(h.core.parkChannel("1" as typeof h.lobby))
    h.core.parkChannel(h.lobby)
    h.core.moveServer(h.lobby, { server: 1 })
    assert.deepInclude(client.events("VOICE_SERVER_UPDATE").at(-1), { endpoint: "voice1.test:2048" })
  })

  it("parkChannel: also keeps an empty channel without a server until one is named", () => {
    const h = Harness.make()
    const client = h.login()
    const endpoint = () => client.events("VOICE_SERVER_UPDATE").at(-1)?.["endpoint"]
    assert.isTrue(h.core.parkChannel(h.lobby))
    for (let i = 0; i < 2; i++) {
      h.join(client, h.lobby)
      assert.isNull(endpoint())
      h.join(client, null)
    }
    h.join(client, h.lobby)
    assert.isTrue(h.core.moveServer(h.lobby, { server: 1 }))
    assert.strictEqual(endpoint(), "voice1.test:2048")

    h.join(client, null)
    h.core.parkChannel(h.lobby)
    assert.isTrue(h.core.moveServer(h.lobby, { server: 1 }), "of an empty channel")
    h.join(client, h.lobby)
    assert.strictEqual(endpoint(), "voice1.test:2048")
  })

  it("fillChannel: leaves joins unanswered, except those of moderators", () => {
    const { client, h } = setup()
    h.join(client, null)
    assert.isTrue(h.core.fillChannel(h.lobby, true))
    client.take()
    h.join(client, h.lobby)
    assert.deepStrictEqual(client.take(), [])
    assert.strictEqual(h.core.counters().get("voice-state-ignored:channel-full"), 1)
    h.core.setModerator(h.bot.id, true)
    h.join(client, h.lobby)
    assert.lengthOf(client.take(), 2)
    h.core.setModerator(h.bot.id, false)
    h.join(client, null)
    h.core.fillChannel(h.lobby, false)
    client.take()
    h.join(client, h.lobby)
    assert.lengthOf(client.take(), 2)
    assert.isFalse(h.core.fillChannel("1" as typeof h.lobby, true))
  })

  it("muteUser: sends a state with the server's flags and informs the relay", () => {
    const { client, h } = setup()
    h.core.muteUser(h.bot.id, { mute: true })
    assert.deepInclude(client.events("VOICE_STATE_UPDATE").at(-1), { mute: true, deaf: false })
    assert.isFalse(h.hooks.speaks?.(h.bot.id, h.guildId))
    assert.isTrue(h.hooks.hears?.(h.bot.id, h.guildId))
    h.core.muteUser(h.bot.id, { mute: false, deaf: true })
    assert.isTrue(h.hooks.speaks?.(h.bot.id, h.guildId))
    assert.isFalse(h.hooks.hears?.(h.bot.id, h.guildId))
    h.core.muteUser(h.bot.id, { deaf: false })
    h.join(client, h.lobby, { deaf: true })
    assert.isFalse(h.hooks.hears?.(h.bot.id, h.guildId))
    assert.isFalse(h.core.suppressUser(h.bot.id, true))
  })
})
