import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import * as Permissions from "../../../../src/emulator/core/Permissions.ts"
import { Intents } from "../../../../src/protocol/GatewayPayload.ts"
import * as Harness from "../Harness.ts"

type Json = { readonly [key: string]: unknown }

const setup = (isModerator = true) => {
  const h = Harness.make()
  const guest = h.core.createUser({ name: "guest" })
  if (isModerator) h.core.setModerator(h.bot.id, true)
  const client = h.login({ intents: Intents.Guilds })
  client.take()
  const call = (method: string, path: string, body?: unknown) => {
    const text = body === undefined ? undefined : JSON.stringify(body)
    const answer = h.core.rest({ method, path: `/guilds/${h.guildId}${path}`, authorization: h.bot.token, body: text })
    return { status: answer.status, json: answer.body as Json }
  }
  return { h, guest, client, call }
}

describe("a role", () => {
  it("can be created, assigned, removed, changed and deleted by a bot", () => {
    const { call, client, guest, h } = setup()
    const { json } = call("POST", "/roles", { name: "DJ", permissions: "0", colors: { primary_color: 255 } })
    assert.deepInclude(json, { name: "DJ", permissions: "0", color: 255, position: 1 })
    const id = String(json["id"])
    assert.deepStrictEqual(Harness.names(client.take()), ["GUILD_ROLE_CREATE", "GUILD_ROLE_UPDATE"])
    assert.strictEqual(call("PUT", `/members/${guest.id}/roles/${id}`).status, 204)
    assert.deepInclude(call("GET", `/members/${guest.id}`).json, { roles: [id] })
    assert.deepInclude(call("PATCH", `/members/${guest.id}`, { roles: [] }).json, { roles: [] })
    assert.deepInclude(call("PATCH", `/members/${guest.id}`, { roles: [id] }).json, { roles: [id] })
    assert.strictEqual(call("DELETE", `/members/${guest.id}/roles/${id}`).status, 204)
    assert.deepInclude(call("GET", `/members/${guest.id}`).json, { roles: [] })
    assert.deepInclude(call("PATCH", `/roles/${id}`, { name: "VJ" }).json, { name: "VJ" })
    assert.deepInclude(call("GET", `/roles/${id}`).json, { name: "VJ" })
    assert.strictEqual(call("DELETE", `/roles/${id}`).status, 204)
    assert.strictEqual(call("GET", `/roles/${id}`).json["code"], 10011)
    assert.deepInclude(client.events("GUILD_ROLE_DELETE").at(-1), { guild_id: h.guildId, role_id: id })
  })

  it("cannot be granted from its own rank upwards, or with permissions that the bot does not have", () => {
    const { call, guest, h } = setup()
    const moderators = `${BigInt(h.guildId) + 1n}`
    assert.strictEqual(call("PUT", `/members/${guest.id}/roles/${moderators}`).json["code"], 50013)
    assert.strictEqual(call("PATCH", `/members/${guest.id}`, { roles: [moderators] }).json["code"], 50013)
    assert.strictEqual(call("PATCH", `/members/${guest.id}`, { roles: ["1"] }).json["code"], 50035)
    assert.strictEqual(call("DELETE", `/roles/${moderators}`).json["code"], 50013)
    assert.strictEqual(call("DELETE", `/roles/${h.guildId}`).json["code"], 50028)
    assert.strictEqual(call("PUT", `/members/${guest.id}/roles/1`).json["code"], 10011)
    assert.strictEqual(call("PUT", `/members/1/roles/${moderators}`).json["code"], 10007)
    assert.strictEqual(call("POST", "/roles", { permissions: "8" }).json["code"], 50013)
    assert.strictEqual(call("POST", "/roles", { name: "x".repeat(101) }).json["code"], 50035)
    assert.strictEqual(setup(false).call("POST", "/roles", { name: "DJ" }).json["code"], 50013)
  })

  it("grants its permissions to members as long as they have it", () => {
    const { guest, h } = setup(false)
    h.core.createRole(h.guildId, { name: "DJ", permissions: Permissions.of("MUTE_MEMBERS") })
    h.core.participants.join({ userId: guest.id, channelId: h.lobby })
    const mute = () => {
      const path = `/guilds/${h.guildId}/members/${guest.id}`
      return h.core.rest({ method: "PATCH", path, authorization: h.bot.token, body: "{\"mute\":true}" }).status
    }
    assert.strictEqual(mute(), 403)
    assert.isFalse(h.core.setRoles(h.bot.id, ["VJ"]))
    assert.isTrue(h.core.setRoles(h.bot.id, ["DJ"]))
    assert.strictEqual(mute(), 200)
    assert.isTrue(h.core.setRoles(h.bot.id, []))
    assert.strictEqual(mute(), 403)
  })

  it("stops affecting who may speak as soon as it is removed from a member", () => {
    const { client, h } = setup(false)
    const role = h.core.createRole(h.guildId, { name: "DJ", permissions: 0n })
    assert.isDefined(role)
    h.core.setRoles(h.bot.id, ["DJ"])
    const deny = String(Permissions.bits.SPEAK)
    h.core.setModerator(h.bot.id, true)
    const path = `/channels/${h.lobby}/permissions/${role.id}`
    const said = JSON.stringify({ type: 0, deny })
    assert.strictEqual(h.core.rest({ method: "PUT", path, authorization: h.bot.token, body: said }).status, 204)
    h.join(client, h.lobby)
    const suppressed = () => h.core.snapshot().voiceStates[0]?.suppress
    assert.isTrue(suppressed())
    h.core.setRoles(h.bot.id, [])
    assert.isFalse(suppressed())
  })
})

describe("the members of a guild", () => {
  it("can be listed and searched", () => {
    const { call, guest, h } = setup()
    const other = h.core.createUser({ name: "other", bot: true, privilegedIntents: true })
    const list = (path: string) => {
      const where = `/guilds/${h.guildId}${path}`
      const { body } = h.core.rest({ method: "GET", path: where, authorization: other.token, body: undefined })
      return Array.isArray(body) ? body.map(({ user }: { readonly user: { readonly id: string } }) => user.id) : []
    }
    const owner = h.core.ownerOf(h.guildId)?.id
    assert.sameMembers(list("/members?limit=10"), [owner, guest.id, h.bot.id, other.id])
    const [first, ...more] = list("/members?limit=10")
    assert.deepStrictEqual(list(`/members?limit=10&after=${first}`), more)
    assert.lengthOf(list("/members"), 1)
    assert.deepStrictEqual(list("/members/search?query=GU"), [guest.id])
    assert.deepStrictEqual(list("/members/search?query=nobody"), [])
    assert.strictEqual(call("GET", "/members?limit=1001").json["code"], 50035)
    // Without the intent for members.
    assert.strictEqual(call("GET", "/members?limit=10").json["code"], 50001)
  })

  it("can be kicked with permission, and a bot can leave by itself", () => {
    const { call, client, guest, h } = setup(false)
    assert.strictEqual(call("DELETE", `/members/${guest.id}`).json["code"], 50013)
    h.core.createRole(h.guildId, { name: "bouncer", permissions: Permissions.of("KICK_MEMBERS") })
    h.core.setRoles(h.bot.id, ["bouncer"])
    assert.strictEqual(call("DELETE", `/members/${guest.id}`).status, 204)
    assert.strictEqual(call("GET", `/members/${guest.id}`).json["code"], 10007)
    const path = `/users/@me/guilds/${h.guildId}`
    assert.strictEqual(h.core.rest({ method: "DELETE", path, authorization: h.bot.token, body: undefined }).status, 204)
    assert.deepStrictEqual(client.events("GUILD_DELETE"), [{ id: h.guildId }])
  })
})

describe("a stage instance", () => {
  it("starts with a topic, changes it, and ends", () => {
    const { client, h } = setup()
    const stage = h.core.createChannel({ guildId: h.guildId, name: "stage", kind: "stage" })
    const call = (method: string, path: string, body?: unknown) => {
      const text = body === undefined ? undefined : JSON.stringify(body)
      return h.core.rest({ method, path: `/stage-instances${path}`, authorization: h.bot.token, body: text })
    }
    const codeOf = ({ body }: { readonly body: unknown }) => (body as Json)["code"]
    assert.strictEqual(codeOf(call("GET", `/${stage}`)), 10067)
    assert.strictEqual(codeOf(call("POST", "", { channel_id: h.lobby, topic: "Radio" })), 50024)
    assert.strictEqual(codeOf(call("POST", "", { channel_id: stage })), 50035)
    assert.deepInclude(call("POST", "", { channel_id: stage, topic: "Radio" }).body, { topic: "Radio" })
    assert.strictEqual(codeOf(call("POST", "", { channel_id: stage, topic: "Radio" })), 150006)
    assert.deepInclude(call("PATCH", `/${stage}`, { topic: "News" }).body, { topic: "News", channel_id: stage })
    assert.strictEqual(call("DELETE", `/${stage}`).status, 204)
    assert.strictEqual(codeOf(call("DELETE", `/${stage}`)), 10067)
    assert.deepStrictEqual(
      Harness.names(client.take()).filter((name) => name?.startsWith("STAGE_")),
      ["STAGE_INSTANCE_CREATE", "STAGE_INSTANCE_UPDATE", "STAGE_INSTANCE_DELETE"]
    )
    h.core.setModerator(h.bot.id, false)
    assert.strictEqual(codeOf(call("POST", "", { channel_id: stage, topic: "Radio" })), 50013)
  })
})

describe("a participant", () => {
  it("cannot join a category", () => {
    const { guest, h } = setup()
    const category = h.core.createChannel({ guildId: h.guildId, name: "Rooms", kind: "category" })
    assert.isDefined(category)
    const joined = h.core.participants.join({ userId: guest.id, channelId: category })
    assert.isTrue(Result.isFailure(joined) && joined.failure === "text-channel")
  })
})
