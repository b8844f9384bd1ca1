import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import * as Permissions from "../../../../src/emulator/core/Permissions.ts"
import { Intents } from "../../../../src/protocol/GatewayPayload.ts"
import * as Harness from "../Harness.ts"

type Json = { readonly [key: string]: unknown }

const setup = (isModerator = true) => {
  const h = Harness.make()
  const client = h.login({ intents: Intents.Guilds | Intents.GuildVoiceStates })
  if (isModerator) h.core.setModerator(h.bot.id, true)
  client.take()
  const call = (method: string, path: string, body?: unknown) => {
    const text = body === undefined ? undefined : JSON.stringify(body)
    const answer = h.core.rest({ method, path, authorization: h.bot.token, body: text })
    return { status: answer.status, json: answer.body as Json }
  }
  const create = (body: unknown) => call("POST", `/guilds/${h.guildId}/channels`, body)
  const idOf = (answer: { readonly json: Json }) => String(answer.json["id"])
  return { h, client, call, create, idOf }
}

const [connect, manageRoles] = [String(Permissions.bits.CONNECT), String(Permissions.bits.MANAGE_ROLES)]

describe("a channel created by a bot", () => {
  it("has the requested settings, can be moved into, and can be deleted", () => {
    const { call, client, create, h, idOf } = setup()
    const told: Array<string> = []
    h.core.observe((happening) => {
      if ("name" in happening) told.push(`${happening._tag} ${happening.name}`)
    })
    const category = create({ name: "Rooms", type: 4 })
    assert.strictEqual(category.status, 201)
    assert.notProperty(category.json, "bitrate")
    const room = create({
      name: "guest's room",
      type: 2,
      parent_id: idOf(category),
      user_limit: 3,
      bitrate: 96_000,
      permission_overwrites: [{ id: h.guildId, type: 0, deny: connect }, { id: h.bot.id, type: 1, allow: connect }]
    })
    assert.deepInclude(room.json, { type: 2, name: "guest's room", user_limit: 3, bitrate: 96_000 })
    assert.deepInclude(room.json, { parent_id: idOf(category) })
    assert.deepStrictEqual(room.json["permission_overwrites"], [
      { id: h.guildId, type: 0, allow: "0", deny: connect },
      { id: h.bot.id, type: 1, allow: connect, deny: "0" }
    ])
    assert.deepStrictEqual(Harness.names(client.take()), ["CHANNEL_CREATE", "CHANNEL_CREATE"])

    const guest = h.core.createUser({ name: "guest" })
    const made = h.core.snapshot().channels.find(({ id }) => id === idOf(room))
    assert.isDefined(made)
    const refused = h.core.participants.join({ userId: guest.id, channelId: made.id })
    assert.isTrue(Result.isFailure(refused) && refused.failure === "no-permission")
    const joined = h.core.participants.join({ userId: guest.id, channelId: h.lobby })
    assert.isTrue(Result.isSuccess(joined))
    const member = `/guilds/${h.guildId}/members/${guest.id}`
    assert.strictEqual(call("PATCH", member, { channel_id: made.id }).status, 200)
    assert.strictEqual(Result.isSuccess(joined) ? joined.success.channelId : undefined, made.id)

    assert.strictEqual(call("DELETE", `/channels/${made.id}`).status, 200)
    assert.strictEqual(Result.isSuccess(joined) ? joined.success.channelId : undefined, undefined)
    assert.deepStrictEqual(told, ["ChannelCreated Rooms", "ChannelCreated guest's room", "ChannelDeleted guest's room"])
  })

  it("requires permissions and a valid form", () => {
    const { create, h, idOf } = setup()
    const without = setup(false)
    assert.strictEqual(without.create({ name: "room", type: 2 }).json["code"], 50013)
    const wrong = (body: Json, ...path: ReadonlyArray<string>) => {
      const { json, status } = create({ name: "room", type: 2, ...body })
      assert.deepStrictEqual([status, json["code"]], [400, 50035])
      assert.nestedProperty(json, `errors.${path.join(".")}._errors`)
    }
    wrong({ name: "" }, "name")
    wrong({ name: "x".repeat(101) }, "name")
    wrong({ type: 99 }, "type")
    wrong({ bitrate: 7_999 }, "bitrate")
    wrong({ bitrate: 96_001 }, "bitrate")
    wrong({ user_limit: 100 }, "user_limit")
    wrong({ rtc_region: "nowhere" }, "rtc_region")
    wrong({ parent_id: "1" }, "parent_id")
    wrong({ parent_id: h.lobby }, "parent_id")
    wrong({ permission_overwrites: [{ type: 0 }] }, "permission_overwrites", "0", "id")
    assert.strictEqual(create({ name: "x", type: 2, permission_overwrites: [{ id: "1" }] }).json["code"], 10009)
    // A bot cannot grant permissions that it does not have.
    const give = (allow: string) =>
      create({ name: "x", type: 2, permission_overwrites: [{ id: h.guildId, type: 0, allow }] }).json["code"]
    assert.strictEqual(give(String(Permissions.bits.VIEW_GUILD_INSIGHTS)), 50013)
    assert.strictEqual(give(manageRoles), 50013)
    const category = idOf(create({ name: "Rooms", type: 4 }))
    for (let i = 0; i < 50; i++) create({ name: `${i}`, parent_id: category })
    wrong({ parent_id: category }, "parent_id")
  })

  it("inherits its category's permissions, and has a lowercase name with hyphens if it is a text channel", () => {
    const { call, create, h, idOf } = setup()
    const overwrites = [{ id: h.guildId, type: 0, allow: "0", deny: connect }]
    const category = create({ name: "Rooms", type: 4, permission_overwrites: overwrites })
    const text = create({ name: "Song Requests", topic: "songs", parent_id: idOf(category) })
    assert.deepInclude(text.json, { type: 0, name: "song-requests", topic: "songs" })
    assert.deepStrictEqual(text.json["permission_overwrites"], overwrites)
    assert.strictEqual(call("DELETE", `/channels/${idOf(category)}`).status, 200)
    assert.deepInclude(call("GET", `/channels/${idOf(text)}`).json, { parent_id: null })
  })

  it("can be moved to another position and category", () => {
    const { call, create, h, idOf } = setup()
    const overwrites = [{ id: h.guildId, type: 0, allow: "0", deny: connect }]
    const category = idOf(create({ name: "Rooms", type: 4, permission_overwrites: overwrites }))
    const move = { id: h.other, position: 7, parent_id: category, lock_permissions: true }
    assert.strictEqual(call("PATCH", `/guilds/${h.guildId}/channels`, [move]).status, 204)
    const moved = call("GET", `/channels/${h.other}`).json
    assert.deepInclude(moved, { position: 7, parent_id: category })
    assert.deepStrictEqual(moved["permission_overwrites"], overwrites)
    assert.strictEqual(call("PATCH", `/guilds/${h.guildId}/channels`, [{ id: "1" }]).json["code"], 10003)
  })
})

describe("a permission overwrite", () => {
  it("set by a bot applies to everyone, unless a member has another one", () => {
    const { call, client, h } = setup()
    const path = `/channels/${h.lobby}/permissions`
    const guest = h.core.createUser({ name: "guest" })
    const may = () => {
      const joined = h.core.participants.join({ userId: guest.id, channelId: h.lobby })
      if (Result.isSuccess(joined)) joined.success.leave()
      return Result.isSuccess(joined)
    }
    assert.isTrue(may())
    client.take()
    // Without this, the bot could not remove the overwrite again.
    assert.strictEqual(call("PUT", `${path}/${h.bot.id}`, { type: 1, allow: connect }).status, 204)
    assert.strictEqual(call("PUT", `${path}/${h.guildId}`, { type: 0, deny: connect }).status, 204)
    assert.deepStrictEqual(Harness.names(client.take()), ["CHANNEL_UPDATE", "CHANNEL_UPDATE"])
    assert.isFalse(may())
    assert.strictEqual(call("PUT", `${path}/${guest.id}`, { type: 1, allow: Number(connect) }).status, 204)
    assert.isTrue(may())
    assert.strictEqual(call("DELETE", `${path}/${guest.id}`).status, 204)
    assert.isFalse(may())
    assert.strictEqual(call("DELETE", `${path}/${guest.id}`).json["code"], 10009)
    assert.strictEqual(call("PUT", `${path}/1`, { type: 1 }).json["code"], 10009)
    assert.strictEqual(call("PUT", `${path}/${guest.id}`, { type: 1, allow: "all" }).json["code"], 50035)
    assert.strictEqual(call("DELETE", `${path}/${h.guildId}`).status, 204)
    assert.isTrue(may())
  })

  it("that denies everyone to connect locks out the bot that set it", () => {
    const { call, h } = setup()
    const path = `/channels/${h.lobby}`
    assert.strictEqual(call("PUT", `${path}/permissions/${h.guildId}`, { type: 0, deny: connect }).status, 204)
    assert.strictEqual(call("DELETE", `${path}/permissions/${h.guildId}`).json["code"], 50001)
    assert.strictEqual(call("PATCH", path, { name: "room" }).json["code"], 50001)
    assert.strictEqual(call("DELETE", path).json["code"], 50001)
    h.core.createRole(h.guildId, { name: "admin", permissions: Permissions.bits.ADMINISTRATOR })
    assert.isTrue(h.core.setRoles(h.bot.id, ["admin"]))
    assert.strictEqual(call("DELETE", path).status, 200)
  })

  it("silences members who are in the channel at once, and lets them speak again", () => {
    const { call, client, h } = setup()
    h.join(client, h.lobby)
    const path = `/channels/${h.lobby}`
    const deny = String(Permissions.bits.SPEAK)
    assert.strictEqual(call("PATCH", path, { permission_overwrites: [{ id: h.guildId, type: 0, deny }] }).status, 200)
    assert.deepInclude(client.events("VOICE_STATE_UPDATE").at(-1), { suppress: true })
    assert.strictEqual(call("PATCH", path, { permission_overwrites: [] }).status, 200)
    assert.deepInclude(client.events("VOICE_STATE_UPDATE").at(-1), { suppress: false })
  })

  it("can keep a bot from sending messages", () => {
    const { call, h } = setup()
    h.core.deny({ userId: h.bot.id, channelId: h.lobby, send: true })
    assert.strictEqual(call("POST", `/channels/${h.lobby}/messages`, { content: "Hello" }).json["code"], 50013)
    h.core.deny({ userId: h.bot.id, channelId: h.lobby })
    assert.strictEqual(call("POST", `/channels/${h.lobby}/messages`, { content: "Hello" }).status, 200)
  })

  it("that denies a bot to connect also prevents it from moving members there", () => {
    const { call, h } = setup()
    const guest = h.core.createUser({ name: "guest" })
    h.core.participants.join({ userId: guest.id, channelId: h.lobby })
    h.core.deny({ userId: h.bot.id, channelId: h.other, connect: true })
    const member = `/guilds/${h.guildId}/members/${guest.id}`
    assert.strictEqual(call("PATCH", member, { channel_id: h.other }).json["code"], 50001)
  })
})

describe("the status of a voice channel", () => {
  it("is announced to everybody, and removed when the last member leaves", () => {
    const { call, client, h } = setup(false)
    const path = `/channels/${h.lobby}/voice-status`
    // A bot outside the channel needs permission to manage it.
    assert.strictEqual(call("PUT", path, { status: "Playing" }).json["code"], 50013)
    h.join(client, h.lobby)
    assert.strictEqual(call("PUT", path, { status: "x".repeat(501) }).json["code"], 50035)
    assert.strictEqual(call("PUT", path, { status: "Playing" }).status, 204)
    const told = () => client.events("VOICE_CHANNEL_STATUS_UPDATE").at(-1)
    assert.deepStrictEqual(told(), { id: h.lobby, guild_id: h.guildId, status: "Playing" })
    assert.isTrue(h.core.kick(h.bot.id))
    assert.deepInclude(told(), { status: null })
  })
})
