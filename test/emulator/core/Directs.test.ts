import { assert, describe, it } from "@effect/vitest"
import { Intents } from "../../../src/protocol/GatewayPayload.ts"
import type { UserId } from "../../../src/protocol/Identifier.ts"
import * as Harness from "./Harness.ts"

type Json = { readonly [key: string]: unknown }

const setup = (intents: number = Intents.Guilds | Intents.DirectMessages | Intents.DirectMessageReactions) => {
  const h = Harness.make()
  const guest = h.core.createUser({ name: "guest" })
  // Not even a moderator has a moderator's rights in direct messages.
  const dj = h.core.createUser({ name: "dj", bot: true, moderator: true })
  const client = h.login({ token: dj.token, intents })
  const call = (method: string, path: string, body?: unknown, as: { readonly token: string } = dj) => {
    const answer = h.core.rest({
      method,
      path,
      authorization: as.token,
      body: body === undefined ? undefined : JSON.stringify(body)
    })
    return { status: answer.status, json: answer.body as Json }
  }
  const opened = call("POST", "/users/@me/channels", { recipient_id: guest.id }).json
  const path = `/channels/${opened["id"]}`
  const channelId = h.core.direct(guest.id, dj.id)
  assert(channelId !== undefined)
  const write = (content: string, userId: UserId = guest.id) => h.core.write({ userId, channelId, content })
  return { h, guest, dj, client, call, opened, path, channelId, write }
}

describe("direct messages", () => {
  it("open once for both users, and are hidden from everybody else", () => {
    const { call, channelId, dj, guest, h, opened, path } = setup()
    assert.deepInclude(opened, { type: 1, id: channelId })
    assert.deepStrictEqual((opened["recipients"] as ReadonlyArray<Json>).map(({ username }) => username), ["guest"])
    assert.strictEqual(call("POST", "/users/@me/channels", { recipient_id: guest.id }).json["id"], channelId)
    const other = call("POST", "/users/@me/channels", { recipient_id: dj.id }, guest).json
    assert.deepInclude(other, { id: channelId })
    assert.deepStrictEqual((other["recipients"] as ReadonlyArray<Json>).map(({ id }) => id), [dj.id])
    assert.deepStrictEqual(call("GET", path).json, opened)
    assert.deepStrictEqual(call("DELETE", path).json, opened)
    assert.isTrue(h.core.hasChannel(channelId))
    for (const [method, of] of [["GET", path], ["DELETE", path], ["POST", `${path}/messages`]] as const) {
      assert.strictEqual(call(method, of, { content: "x" }, h.bot).json["code"], 10003)
    }
    for (const id of [dj.id, "1", undefined]) {
      assert.strictEqual(call("POST", "/users/@me/channels", { recipient_id: id }).json["code"], 50033)
    }
    assert.strictEqual(call("POST", "/users/@me/channels", { recipient_id: h.bot.id }).status, 200)
    assert.isUndefined(h.core.direct(guest.id, "1" as UserId))
    assert.notInclude(h.core.snapshot().channels.map(({ id }) => id), channelId)
  })

  it("reach a bot that has the intent, with their content and without a guild", () => {
    const { call, client, guest, h, path, write } = setup()
    const written = write("!play")
    assert(!("problem" in written))
    const [created] = client.events("MESSAGE_CREATE")
    assert.deepInclude(created, { content: "!play", channel_type: 1 })
    assert.deepInclude(created?.["author"], { id: guest.id })
    for (const field of ["guild_id", "member"]) assert.notProperty(created, field)
    const reply = call("POST", `${path}/messages`, { content: "ok", message_reference: { message_id: written.id } })
    assert.notProperty(reply.json["message_reference"], "guild_id")
    h.core.react({
      userId: guest.id,
      channelId: written.where.channel.id,
      messageId: written.id,
      emoji: "⏭",
      isOn: true
    })
    assert.deepInclude(client.events("MESSAGE_REACTION_ADD")[0], { user_id: guest.id })
    assert.notProperty(client.events("MESSAGE_REACTION_ADD")[0], "guild_id")
    const listed = call("GET", `${path}/messages`).json as unknown as ReadonlyArray<Json>
    assert.deepStrictEqual(listed.map(({ content }) => content), ["ok", "!play"])
    const stranger = h.core.createUser({ name: "stranger" })
    assert.deepStrictEqual(write("x", stranger.id), { problem: "the user is not part of these direct messages" })
    const deaf = setup(Intents.Guilds | Intents.GuildMessages)
    deaf.write("x")
    assert.deepStrictEqual(deaf.client.events("MESSAGE_CREATE"), [])
  })

  it("reach the first shard only", () => {
    const { client, dj, h, write } = setup()
    const second = h.connect()
    second.send({
      ...Harness.identify(dj.token, Intents.DirectMessages),
      d: {
        ...Harness.identify(dj.token, Intents.DirectMessages).d,
        shard: [1, 2]
      }
    })
    write("x")
    assert.deepStrictEqual(second.events("MESSAGE_CREATE"), [])
    assert.lengthOf(client.events("MESSAGE_CREATE"), 1)
  })

  it("can be pinned by both users, but nobody can delete what the other wrote", () => {
    const { call, client, path, write } = setup()
    const [written, other] = [write("x"), write("y")]
    assert(!("problem" in written) && !("problem" in other))
    const one = `${path}/messages/${written.id}`
    for (
      const [method, of, body] of [
        ["DELETE", one],
        ["DELETE", `${one}/reactions`],
        ["DELETE", `${one}/reactions/a:1`],
        ["POST", `${path}/messages/bulk-delete`, { messages: [written.id, other.id] }]
      ] as const
    ) {
      assert.strictEqual(call(method, of, body).json["code"], 50003, of)
    }
    assert.strictEqual(call("PUT", `${path}/messages/pins/${written.id}`).status, 204)
    assert.notProperty(client.events("CHANNEL_PINS_UPDATE")[0], "guild_id")
    assert.deepInclude(client.events("CHANNEL_PINS_UPDATE")[0], { channel_id: written.where.channel.id })
    assert.strictEqual(call("POST", `${path}/typing`).status, 204)
  })

  it("cannot be sent from one bot to another", () => {
    const { call, h } = setup()
    const { json } = call("POST", "/users/@me/channels", { recipient_id: h.bot.id })
    assert.strictEqual(call("POST", `/channels/${json["id"]}/messages`, { content: "x" }).json["code"], 50007)
  })

  it("have buttons, whose interactions name the user without a guild", () => {
    const { call, channelId, client, dj, guest, h, path } = setup()
    const components = [{ type: 1, components: [{ type: 2, style: 1, custom_id: "stop" }] }]
    call("POST", `${path}/messages`, { content: "Playing", components })
    const pressed = h.core.pressIn(channelId, guest.id, "stop", [])
    assert(!("problem" in pressed))
    const created: Json = { ...client.events("INTERACTION_CREATE")[0] }
    assert.deepInclude(created, { context: 1, authorizing_integration_owners: { 0: "0" } })
    assert.deepInclude(created["user"], { id: guest.id })
    assert.deepInclude(created["channel"], { type: 1, id: channelId })
    for (const field of ["guild_id", "guild", "member", "guild_locale"]) assert.notProperty(created, field)
    const callback = `/interactions/${created["id"]}/${created["token"]}/callback`
    assert.strictEqual(call("POST", callback, { type: 7, data: { content: "Stopped", components: [] } }).status, 204)
    assert.deepStrictEqual(h.core.messagesOf(channelId).map(({ content }) => content), ["Stopped"])
    const stranger = h.core.createUser({ name: "stranger" })
    call("POST", `${path}/messages`, { content: "Playing", components })
    assert.deepStrictEqual(h.core.pressIn(channelId, stranger.id, "stop", []), {
      problem: "the user is not part of these direct messages"
    })
    h.core.closeGateway(dj.id, 4004, "")
    assert.deepStrictEqual(h.core.pressIn(channelId, guest.id, "stop", []), {
      problem: "\"dj\" is no longer logged in",
      isAway: true
    })
    assert.deepStrictEqual(h.violations(), [])
  })
})
