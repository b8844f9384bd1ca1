import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import { Intents } from "../../../src/protocol/GatewayPayload.ts"
import * as Harness from "./Harness.ts"

type Json = { readonly [key: string]: unknown }

const setup = () => {
  const h = Harness.make()
  const reader = h.core.createUser({ name: "reader", bot: true, moderator: true, privilegedIntents: true })
  const text = h.core.createChannel({ guildId: h.guildId, name: "music", kind: "text", e2ee: "required" })
  assert(text !== undefined)
  const client = h.login({
    token: reader.token,
    intents: Intents.Guilds | Intents.GuildVoiceStates | Intents.GuildMessages | Intents.MessageContent
  })
  const call = (method: string, path: string, body?: unknown) => {
    const answer = h.core.rest({
      method,
      path: `/api/v10${path}`,
      authorization: `Bot ${reader.token}`,
      body: body === undefined ? undefined : JSON.stringify(body)
    })
    return { status: answer.status, json: answer.body as Json }
  }
  return { h, reader, text, client, call }
}

describe("a text channel", () => {
  it("is shown as a text channel without voice fields, on the gateway and over REST", () => {
    const { call, client, h, text } = setup()
    const channels = client.events("GUILD_CREATE")[0]?.["channels"] as ReadonlyArray<Json>
    const shown = channels.find(({ id }) => id === text)
    assert.deepInclude(shown, { type: 0, name: "music", guild_id: h.guildId })
    for (const field of ["bitrate", "user_limit", "rtc_region"]) assert.notProperty(shown, field)
    assert.deepStrictEqual(call("GET", `/channels/${text}`).json, shown)
    const listed = call("GET", `/guilds/${h.guildId}/channels`).json as unknown as ReadonlyArray<Json>
    assert.deepStrictEqual(listed.map(({ type }) => type), [2, 2, 0])
    h.core.createChannel({ guildId: h.guildId, name: "more", kind: "text" })
    assert.deepInclude(client.events("CHANNEL_CREATE")[0], { type: 0, name: "more" })
    const { channels: kept } = h.core.snapshot()
    assert.deepInclude(kept.find(({ id }) => id === text), { kind: "text", e2ee: "never" })
  })

  it("has messages and commands like any other channel", () => {
    const { call, client, h, reader, text } = setup()
    const guest = h.core.createUser({ name: "guest" })
    h.core.write({ userId: guest.id, channelId: text, content: "!play" })
    assert.deepInclude(client.events("MESSAGE_CREATE")[0], { content: "!play", channel_id: text })
    assert.strictEqual(call("POST", `/channels/${text}/messages`, { content: "Playing" }).status, 200)
    assert.deepStrictEqual(h.core.messagesOf(text).map(({ content }) => content), ["!play", "Playing"])
    assert.deepStrictEqual(h.core.messagesOf(h.lobby), [])
    h.core.type({ userId: guest.id, botId: reader.id, channelId: text, path: ["play"], values: {} })
    assert.deepInclude(client.events("INTERACTION_CREATE")[0]?.["channel"], { id: text, type: 0 })
  })

  it("has no voice: nobody can join it or be moved to it, and voice faults find nothing there", () => {
    const { call, client, h, text } = setup()
    h.join(client, text)
    assert.deepStrictEqual(client.events("VOICE_STATE_UPDATE"), [])
    assert.strictEqual(h.core.counters().get("voice-state-ignored:text-channel"), 1)
    const guest = h.core.createUser({ name: "guest" })
    const refused = h.core.participants.join({ userId: guest.id, channelId: text })
    assert.strictEqual(Result.isFailure(refused) ? refused.failure : undefined, "text-channel")
    const joined = h.core.participants.join({ userId: guest.id, channelId: h.lobby })
    assert(Result.isSuccess(joined))
    assert.isFalse(joined.success.move(text))
    assert.isFalse(h.core.moveUser(guest.id, text))
    const moved = call("PATCH", `/guilds/${h.guildId}/members/${guest.id}`, { channel_id: text })
    assert.strictEqual(moved.json["code"], 50024)
    assert.strictEqual(joined.success.channelId, h.lobby)
    assert.isFalse(h.core.moveServer(text))
    assert.isFalse(h.core.parkChannel(text))
    assert.isFalse(h.core.fillChannel(text, true))
    assert.deepStrictEqual(h.violations(), [])
  })
})
