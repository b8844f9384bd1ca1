import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import { Intents } from "../../../../src/protocol/GatewayPayload.ts"
import * as Harness from "../Harness.ts"

type Json = { readonly [key: string]: unknown }

const setup = () => {
  const h = Harness.make()
  const guest = h.core.createUser({ name: "guest" })
  const moderator = h.core.createUser({ name: "moderator", bot: true, moderator: true, privilegedIntents: true })
  const client = h.login({ token: moderator.token, intents: Intents.Guilds | Intents.GuildMembers })
  const patch = (id: string, body: unknown, as: { readonly token: string } = moderator) => {
    const path = `/guilds/${h.guildId}/members/${id}`
    const text = typeof body === "string" ? body : JSON.stringify(body)
    const answer = h.core.rest({ method: "PATCH", path, authorization: as.token, body: text })
    return { status: answer.status, json: answer.body as Json }
  }
  return { h, guest, moderator, client, patch }
}

describe("a member", () => {
  it("gets a nickname from a moderator, and its guild is told", () => {
    const { client, guest, h, patch } = setup()
    assert.deepInclude(patch(guest.id, { nick: "DJ" }).json, { nick: "DJ" })
    assert.deepInclude(client.events("GUILD_MEMBER_UPDATE").at(-1), { guild_id: h.guildId, nick: "DJ" })
    assert.strictEqual(patch(guest.id, { nick: "x".repeat(33) }).json["code"], 50035)
    assert.strictEqual(patch(guest.id, { nick: 1 }).json["code"], 50035)
    assert.strictEqual(patch(guest.id, { nick: "VJ" }, h.bot).json["code"], 50013)
    assert.lengthOf(client.events("GUILD_MEMBER_UPDATE"), 1)
    for (const none of ["", null]) {
      assert.deepInclude(patch(guest.id, { nick: "x".repeat(32) }).json, { nick: "x".repeat(32) })
      assert.deepInclude(patch(guest.id, { nick: none }).json, { nick: null })
      assert.deepInclude(client.events("GUILD_MEMBER_UPDATE").at(-1), { nick: null })
    }
  })

  it("gives one to itself, and nothing else", () => {
    const { client, h, patch } = setup()
    assert.deepInclude(patch("@me", { nick: "DJ", mute: true }, h.bot).json, { nick: "DJ", mute: false })
    assert.deepInclude(client.events("GUILD_MEMBER_UPDATE").at(-1), { nick: "DJ" })
    assert.strictEqual(patch("@me", { nick: "x".repeat(33) }, h.bot).json["code"], 50035)
    assert.deepInclude(patch("@me", {}, h.bot).json, { nick: "DJ" })
    // as discord.js writes it
    assert.deepInclude(patch("%40me", { nick: null }, h.bot).json, { nick: null })
  })

  it("gives one to itself at the path of discord.py, too", () => {
    const { client, h, patch } = setup()
    assert.deepStrictEqual(patch("@me/nick", { nick: "DJ" }, h.bot), { status: 200, json: { nick: "DJ" } })
    assert.deepInclude(client.events("GUILD_MEMBER_UPDATE").at(-1), { nick: "DJ" })
    assert.strictEqual(patch("@me/nick", { nick: "x".repeat(33) }, h.bot).json["code"], 50035)
    assert.deepStrictEqual(patch("@me/nick", { nick: "" }, h.bot).json, { nick: null })
  })

  it("is moved to a channel whose id is a number", () => {
    const { guest, h, patch } = setup()
    const joined = h.core.participants.join({ userId: guest.id, channelId: h.lobby })
    assert(Result.isSuccess(joined))
    assert.strictEqual(patch(guest.id, `{"channel_id":${h.other}}`).status, 200)
    assert.strictEqual(joined.success.channelId, h.other)
    assert.strictEqual(patch(guest.id, "{\"channel_id\":1}").json["code"], 10003)
  })

  it("is changed in all that was asked for, or in nothing", () => {
    const { client, guest, h, patch } = setup()
    assert.strictEqual(patch(guest.id, { nick: "DJ", mute: true }).json["code"], 40032)
    const joined = h.core.participants.join({ userId: guest.id, channelId: h.lobby })
    assert(Result.isSuccess(joined))
    assert.strictEqual(patch(guest.id, { channel_id: h.other, nick: 1 }).json["code"], 50035)
    assert.strictEqual(patch(guest.id, { mute: true, channel_id: "1" }).json["code"], 10003)
    assert.strictEqual(joined.success.channelId, h.lobby)
    assert.deepStrictEqual(client.events("GUILD_MEMBER_UPDATE"), [])
    assert.deepInclude(patch(guest.id, { channel_id: h.other, mute: true, nick: "DJ" }).json, {
      nick: "DJ",
      mute: true
    })
    assert.strictEqual(joined.success.channelId, h.other)
    patch(guest.id, { channel_id: null })
    assert.isUndefined(joined.success.channelId)
  })
})
