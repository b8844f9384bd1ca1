import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { Intents } from "../../../../src/protocol/GatewayPayload.ts"
import type { UserId } from "../../../../src/protocol/Identifier.ts"
import * as Harness from "../Harness.ts"

type Json = { readonly [key: string]: unknown }

const withContent = Intents.Guilds | Intents.GuildMessages | Intents.GuildMessageReactions | Intents.MessageContent

const setup = (intents: number = withContent) => {
  const h = Harness.make()
  const guest = h.core.createUser({ name: "guest" })
  const bot = h.core.createUser({ name: "reader", bot: true, privilegedIntents: true })
  const client = h.login({ token: bot.token, intents })
  const call = (method: string, path: string, body?: unknown, as = bot) => {
    const { body: answer, status } = h.core.rest({
      method,
      path: `/api/v10${path}`,
      authorization: `Bot ${as.token}`,
      body: typeof body === "string" || body === undefined ? body : JSON.stringify(body)
    })
    return { status, json: answer as Json }
  }
  const path = `/channels/${h.lobby}/messages`
  const write = (content: string, userId: UserId = guest.id, replyTo?: string) => {
    const written = h.core.write({ userId, channelId: h.lobby, content, replyTo })
    return "problem" in written ? assert.fail(written.problem) : written
  }
  const problem = (content: string, options: { readonly userId?: UserId; readonly replyTo?: string } = {}) => {
    const written = h.core.write({ userId: guest.id, channelId: h.lobby, content, ...options })
    return "problem" in written ? written.problem : ""
  }
  const contents = () => h.core.messagesOf(h.lobby).map(({ content }) => content)
  return { h, guest, bot, client, call, path, write, problem, contents }
}

describe("Messages", () => {
  it("reach bots with the intent, which can reply, edit, react and delete", () => {
    const { bot, call, client, contents, guest, h, path, write } = setup()
    const seen: Array<ReadonlyArray<string>> = []
    const unwatch = h.core.watchMessages(h.lobby, () => seen.push(contents()))
    const { id } = write("!play song")
    const [created] = client.events("MESSAGE_CREATE")
    assert.deepInclude(created, {
      id,
      content: "!play song",
      channel_id: h.lobby,
      guild_id: h.guildId,
      type: 0,
      mentions: []
    })
    assert.deepInclude(created?.["author"], { id: guest.id, bot: false })
    assert.notProperty(created?.["member"], "user")
    assert.property(created?.["member"], "roles")

    const reply = call("POST", path, { content: "Playing", message_reference: { message_id: id } })
    assert.strictEqual(reply.status, 200)
    assert.deepInclude(reply.json, { content: "Playing", type: 19, edited_timestamp: null })
    assert.deepInclude(reply.json["referenced_message"], { id, content: "!play song" })
    assert.deepInclude((reply.json["mentions"] as ReadonlyArray<Json>)[0], { id: guest.id })
    assert.deepInclude(client.events("MESSAGE_CREATE").at(-1), { content: "Playing" })
    const own = String(reply.json["id"])
    assert.strictEqual(call("PATCH", `${path}/${own}`, { content: "Paused" }).status, 200)
    assert.deepInclude(client.events("MESSAGE_UPDATE").at(-1), { id: own, content: "Paused" })
    assert.isNotNull(call("GET", `${path}/${own}`).json["edited_timestamp"])
    assert.deepStrictEqual(contents(), ["!play song", "Paused"])

    const emoji = encodeURIComponent("✅")
    assert.strictEqual(call("PUT", `${path}/${id}/reactions/${emoji}/@me`).status, 204)
    assert.strictEqual(call("PUT", `${path}/${id}/reactions/${emoji}/@me`).status, 204)
    assert.deepInclude(client.events("MESSAGE_REACTION_ADD")[0], { user_id: bot.id, message_id: id })
    assert.lengthOf(client.events("MESSAGE_REACTION_ADD"), 1)
    const [reaction] = call("GET", `${path}/${id}`).json["reactions"] as ReadonlyArray<Json>
    assert.deepInclude(reaction, { count: 1, me: true, emoji: { id: null, name: "✅" } })
    assert.deepStrictEqual([...h.core.messagesOf(h.lobby)[0]?.reactions.keys() ?? []], ["✅"])
    call("DELETE", `${path}/${id}/reactions/${emoji}/@me`)
    assert.notProperty(call("GET", `${path}/${id}`).json, "reactions")
    assert.lengthOf(client.events("MESSAGE_REACTION_REMOVE"), 1)

    assert.strictEqual(call("DELETE", `${path}/${own}`).status, 204)
    assert.deepInclude(client.events("MESSAGE_DELETE")[0], { id: own, channel_id: h.lobby, guild_id: h.guildId })
    assert.deepStrictEqual(contents(), ["!play song"])
    assert.strictEqual(call("GET", `${path}/${own}`).json["code"], 10008)
    assert.strictEqual(call("POST", `/channels/${h.lobby}/typing`).status, 204)
    assert.deepStrictEqual(seen.map((all) => all.length), [1, 2, 2, 2, 2, 1])
    unwatch()
    write("unseen")
    assert.lengthOf(seen, 6)
    assert.deepStrictEqual(h.violations(), [])
  })

  it("hide their content from bots without the intent, except mentions, replies to the bot and its own messages", () => {
    const { bot, call, client, path, write } = setup(Intents.Guilds | Intents.GuildMessages)
    write("secret")
    write(`<@${bot.id}> play`)
    write("for somebody else <@1>")
    call("POST", path, { content: "mine" })
    const { id } = write("mine, too", bot.id)
    write("in reply", undefined, id)
    assert.deepStrictEqual(client.events("MESSAGE_CREATE").map(({ content }) => content), [
      "",
      `<@${bot.id}> play`,
      "",
      "mine",
      "mine, too",
      "in reply"
    ])
  })

  it("are hidden from bots without the intent or access to the channel, and refused during an outage", () => {
    const without = setup(Intents.Guilds)
    without.write("x")
    assert.deepStrictEqual(without.client.events("MESSAGE_CREATE"), [])
    const { bot, call, client, h, path, problem, write } = setup()
    h.core.deny({ userId: bot.id, channelId: h.lobby, view: true })
    write("x")
    assert.deepStrictEqual(client.events("MESSAGE_CREATE"), [])
    assert.strictEqual(call("POST", path, { content: "x" }).json["code"], 50001)
    h.core.setAvailable(h.guildId, false)
    assert.strictEqual(problem("x"), "the guild is unavailable")
  })

  it("are refused where Discord would refuse them", () => {
    const { call, guest, h, path, problem, write } = setup()
    assert.include(problem(" \n"), "the message is empty")
    assert.include(problem("x".repeat(2_001)), "at most 2000 characters")
    assert.include(problem("x", { replyTo: "1" }), "does not exist")
    const stranger = h.core.createUser({ name: "stranger", guilds: [] })
    assert.include(problem("x", { userId: stranger.id }), "not a member")
    h.core.deny({ userId: guest.id, channelId: h.lobby, view: true })
    assert.include(problem("x"), "cannot see the channel")
    h.core.deny({ userId: guest.id, channelId: h.lobby })
    const { id } = write("x")
    const codes = (method: string, path: string, body?: unknown) => call(method, path, body).json["code"]
    assert.strictEqual(codes("POST", path, {}), 50006)
    assert.strictEqual(codes("POST", path, { content: "x".repeat(2_001) }), 50035)
    assert.strictEqual(codes("POST", path, { content: "x", message_reference: { message_id: "1" } }), 50035)
    const lenient = { message_id: "1", fail_if_not_exists: false }
    assert.strictEqual(call("POST", path, { content: "x", message_reference: lenient }).status, 200)
    assert.strictEqual(codes("PATCH", `${path}/${id}`, { content: "y" }), 50005)
    assert.strictEqual(codes("DELETE", `${path}/${id}`), 50013)
    assert.strictEqual(codes("POST", `${path}/bulk-delete`, { messages: [id, "1"] }), 50013)
    assert.strictEqual(codes("POST", "/channels/1/messages", { content: "x" }), 10003)
    assert.strictEqual(codes("GET", `${path}?limit=0`), 50035)
    assert.strictEqual(codes("GET", `${path}?limit=101`), 50035)
    // The ephemeral flag has no effect on a message to everybody.
    assert.notProperty(call("POST", path, { content: "x", flags: 64 }).json, "code")
  })

  it("have the time of their last edit, and cannot be edited to nothing", () => {
    const { call, client, h, path } = setup()
    const { json } = call("POST", path, { content: "x" })
    const one = `${path}/${json["id"]}`
    const since = (message: Json | undefined) =>
      Date.parse(String(message?.["edited_timestamp"])) - Date.parse(String(json["timestamp"]))
    assert.isNull(json["edited_timestamp"])
    h.core.advance(1_500)
    assert.strictEqual(since(call("PATCH", one, { content: "y" }).json), 1_500)
    h.core.advance(4_000)
    for (const body of [{ content: "" }, { content: null }, { content: " \n", embeds: [] }]) {
      assert.strictEqual(call("PATCH", one, body).json["code"], 50006)
    }
    assert.deepInclude(call("GET", one).json, { content: "y" })
    assert.strictEqual(since(call("GET", one).json), 1_500)
    assert.strictEqual(call("PATCH", one, { content: "", embeds: [{ title: "z" }] }).status, 200)
    assert.strictEqual(since(client.events("MESSAGE_UPDATE").at(-1)), 4_000)
    assert.strictEqual(call("PATCH", one, { embeds: [] }).json["code"], 50006)
    const components = [{ type: 1, components: [{ type: 2, style: 1, custom_id: "skip" }] }]
    assert.strictEqual(call("PATCH", one, { embeds: [], components }).status, 200)
    assert.strictEqual(call("PATCH", one, { components: [] }).json["code"], 50006)
    assert.lengthOf(client.events("MESSAGE_UPDATE"), 3)
    assert.strictEqual(call("POST", path, { content: " " }).json["code"], 50006)
  })

  it("are listed newest first, deleted in bulk by a moderator, and limited to 1000 in a channel", () => {
    const { call, contents, h, path, write } = setup()
    const ids = Array.from({ length: 60 }, (_, i) => write(String(i)).id)
    const listed = (query: string) =>
      (call("GET", `${path}${query}`).json as unknown as ReadonlyArray<Json>).map(({ content }) => content)
    assert.lengthOf(listed(""), 50)
    assert.deepStrictEqual(listed("?limit=2"), ["59", "58"])
    assert.deepStrictEqual(listed(`?limit=2&before=${ids[58]}`), ["57", "56"])
    assert.deepStrictEqual(listed(`?limit=2&after=${ids[10]}`), ["12", "11"])
    const moderator = h.core.createUser({ name: "moderator", bot: true, moderator: true })
    assert.strictEqual(call("POST", `${path}/bulk-delete`, { messages: ids.slice(1) }, moderator).status, 204)
    assert.deepStrictEqual(contents(), ["0"])
    assert.strictEqual(call("DELETE", `${path}/${ids[0]}`, undefined, moderator).status, 204)
    for (let i = 0; i < 1_010; i++) write(String(i))
    assert.lengthOf(contents(), 1_000)
    assert.strictEqual(contents()[0], "10")
  })

  it("keep the message they reply to, but not the deleted messages before it", () => {
    const { call, h, path, write } = setup()
    let last = write("first")
    for (let i = 0; i < 2_000; i++) last = write(`reply ${i}`, undefined, last.id)
    let length = 0
    for (let one = last.replyTo; one !== undefined; one = one.replyTo) length++
    // Those of the channel, the latest dropped one, and the one that it replied to.
    assert.strictEqual(length, 999 + 2)
    const [oldest] = h.core.messagesOf(h.lobby)
    const { json } = call("GET", `${path}/${oldest?.id}`)
    assert.deepInclude(json, { type: 19, content: "reply 1000" })
    assert.deepInclude(json["referenced_message"], { type: 19, content: "reply 999" })
    assert.deepNestedInclude(json, { "referenced_message.message_reference.message_id": oldest?.replyTo?.replyTo?.id })
  })

  it("make room in the limit of a channel when they are deleted", () => {
    const { call, contents, path, write } = setup()
    write("kept")
    for (let i = 0; i < 1_000; i++) {
      const { json } = call("POST", path, { content: "x" })
      call("DELETE", `${path}/${json["id"]}`)
    }
    assert.deepStrictEqual(contents(), ["kept"])
  })

  it("are deleted with their channel", () => {
    const { call, contents, h, path, write } = setup()
    const message = write("x")
    let changes = 0
    h.core.watchMessages(h.lobby, () => changes++)
    h.core.deleteChannel(h.lobby)
    assert.strictEqual(changes, 1)
    assert.deepStrictEqual(contents(), [])
    assert.isTrue(message.isDeleted)
    assert.strictEqual(call("GET", path).json["code"], 10003)
  })

  it("are announced together when they are deleted in bulk", () => {
    const { client, h, path, write } = setup()
    const moderator = h.core.createUser({ name: "moderator", bot: true, moderator: true })
    const ids = [write("a").id, write("b").id]
    let changes = 0
    h.core.watchMessages(h.lobby, () => changes++)
    const authorization = `Bot ${moderator.token}`
    const body = JSON.stringify({ messages: [...ids, "1"] })
    h.core.rest({ method: "POST", path: `${path}/bulk-delete`, authorization, body })
    assert.deepStrictEqual(client.events("MESSAGE_DELETE_BULK"), [{ ids, channel_id: h.lobby, guild_id: h.guildId }])
    assert.deepStrictEqual(client.events("MESSAGE_DELETE"), [])
    assert.strictEqual(changes, 1)
  })

  it("show the members that they mention on the gateway only", () => {
    const { call, client, guest, path, write } = setup()
    write(`<@${guest.id}>`)
    const namedIn = (message: Json | undefined) => message?.["mentions"] as ReadonlyArray<Json>
    const named = namedIn(client.events("MESSAGE_CREATE")[0])[0]
    assert.deepInclude(named, { id: guest.id })
    assert.notProperty(named?.["member"], "user")
    assert.property(named?.["member"], "roles")
    const { json } = call("POST", path, { content: `<@${guest.id}>` })
    assert.notProperty(namedIn(json)[0], "member")
  })

  it("can be listed around a message", () => {
    const { call, path, write } = setup()
    const ids = Array.from({ length: 10 }, (_, i) => write(String(i)).id)
    const around = (at: number, limit: number) =>
      (call("GET", `${path}?around=${ids[at]}&limit=${limit}`).json as unknown as ReadonlyArray<Json>)
        .map(({ content }) => content)
    assert.deepStrictEqual(around(5, 3), ["6", "5", "4"])
    assert.deepStrictEqual(around(0, 3), ["1", "0"])
    assert.deepStrictEqual(around(9, 4), ["9", "8", "7"])
  })

  it("keep their flags, and can suppress embeds", () => {
    const { call, path } = setup()
    const text = (content: string) => ({ type: 10, content })
    const { json } = call("POST", path, { components: [text("x")], flags: (1 << 12) | (1 << 15) | 1 })
    assert.strictEqual(json["flags"], (1 << 12) | (1 << 15))
    const one = `${path}/${json["id"]}`
    assert.strictEqual(call("PATCH", one, { flags: 1 << 2 }).json["flags"], (1 << 2) | (1 << 12) | (1 << 15))
    assert.strictEqual(call("PATCH", one, { components: [text("y")] }).json["flags"], (1 << 2) | (1 << 12) | (1 << 15))
    assert.strictEqual(call("PATCH", one, { flags: 0 }).json["flags"], (1 << 12) | (1 << 15))
  })

  it("show a reply to a reply one level deep, and only the content that the bot may read", () => {
    const { bot, call, client, h, path, write } = setup(Intents.Guilds | Intents.GuildMessages)
    const reply = write("reply", undefined, write("secret").id)
    const { json } = call("POST", path, { content: "x", message_reference: { message_id: reply.id } })
    const referenced = json["referenced_message"] as Json
    assert.deepInclude(referenced, { id: reply.id, type: 19 })
    assert.property(referenced, "message_reference")
    assert.notProperty(referenced, "referenced_message")
    const other = h.core.createUser({ name: "other" })
    write(`<@${bot.id}>`, other.id, reply.id)
    const last = client.events("MESSAGE_CREATE").at(-1)
    assert.deepInclude(last, { content: `<@${bot.id}>` })
    assert.deepInclude(last?.["referenced_message"], { id: reply.id, content: "" })
  })

  it("show a custom emoji by name and id", () => {
    const { call, client, path, write } = setup()
    const { id } = write("x")
    const emojiOf = (text: string) => {
      call("PUT", `${path}/${id}/reactions/${encodeURIComponent(text)}/@me`)
      return client.events("MESSAGE_REACTION_ADD").at(-1)?.["emoji"]
    }
    assert.deepStrictEqual(emojiOf("dance:123"), { id: "123", name: "dance" })
    assert.deepStrictEqual(emojiOf("a:jump:45"), { id: "45", name: "jump", animated: true })
    const reactions = call("GET", `${path}/${id}`).json["reactions"] as ReadonlyArray<Json>
    assert.deepStrictEqual(reactions.map(({ emoji }) => emoji), [
      { id: "123", name: "dance" },
      { id: "45", name: "jump", animated: true }
    ])
  })

  it("come with the permissions of members to write them and of moderators to delete them", () => {
    const { client } = setup()
    const may = (role: Json, bit: bigint) => (BigInt(String(role["permissions"])) & bit) !== 0n
    const { roles }: Json = { ...client.events("GUILD_CREATE")[0] }
    const [everyone, moderators] = roles as ReadonlyArray<Json>
    assert(everyone !== undefined && moderators !== undefined)
    // ADD_REACTIONS, EMBED_LINKS, ATTACH_FILES, USE_APPLICATION_COMMANDS
    for (const bit of [6n, 14n, 15n, 31n]) assert.isTrue(may(everyone, 1n << bit))
    // MANAGE_MESSAGES
    assert.isFalse(may(everyone, 1n << 13n))
    assert.isTrue(may(moderators, 1n << 13n))
  })

  it("have buttons that anybody can press, and include public answers to commands", () => {
    const { bot, call, client, contents, guest, h, path } = setup()
    const row = (customId: string) => ({ type: 1, components: [{ type: 2, style: 1, custom_id: customId }] })
    const { json } = call("POST", path, { content: "Now playing", components: [row("skip")] })
    const pressed = h.core.pressIn(h.lobby, guest.id, "skip", [])
    assert(!("problem" in pressed))
    const press: Json = { ...client.events("INTERACTION_CREATE").at(-1) }
    assert.deepInclude(press, { type: 3, application_id: bot.id })
    assert.deepInclude(press["message"], { id: json["id"], content: "Now playing" })
    call("POST", `/interactions/${press["id"]}/${press["token"]}/callback`, { type: 7, data: { content: "Skipped" } })
    assert.deepStrictEqual(contents(), ["Skipped"])
    assert.deepInclude(client.events("MESSAGE_UPDATE").at(-1), { id: json["id"], content: "Skipped" })
    const missing = h.core.pressIn(h.lobby, guest.id, "stop", [])
    assert.include("problem" in missing ? missing.problem : "", "\"stop\"")

    const typed = (flags: number, content: string) => {
      const begun = h.core.type({ userId: guest.id, botId: bot.id, channelId: h.lobby, path: ["play"], values: {} })
      assert(!("problem" in begun))
      let changes = 0
      begun.watch(() => changes++)
      const { id, token }: Json = { ...client.events("INTERACTION_CREATE").at(-1) }
      const answered = call("POST", `/interactions/${id}/${token}/callback?with_response=true`, {
        type: 4,
        data: { content, flags }
      })
      const { message } = answered.json["resource"] as { readonly message: Json }
      return { begun, id: String(message["id"]), changes: () => changes }
    }
    const open = typed(0, "for all")
    typed(64, "for one")
    assert.deepStrictEqual(contents(), ["Skipped", "for all"])
    assert.deepInclude(client.events("MESSAGE_CREATE").at(-1), { id: open.id, type: 20 })
    // Some libraries edit an answer as an ordinary message.
    const before = open.changes()
    call("PATCH", `${path}/${open.id}`, { content: "changed" })
    assert.strictEqual(open.begun.messages()[0]?.content, "changed")
    assert.isAbove(open.changes(), before)
  })

  it.prop("never make the emulator throw, whatever a bot sends", [Schema.Json, Schema.String], ([body, text]) => {
    const { call, path, write } = setup()
    const { id } = write("x")
    for (const sent of [body, { content: text, message_reference: body, components: body, embeds: body }]) {
      for (
        const [method, where] of [
          ["POST", path],
          ["PATCH", `${path}/${id}`],
          ["POST", `${path}/bulk-delete`],
          ["PUT", `${path}/${id}/reactions/${text}/@me`],
          ["PUT", `${path}/${id}/reactions/%E0%A4%A/@me`],
          ["GET", `${path}?limit=${text}&before=${text}&after=${text}`]
        ] as const
      ) {
        assert.isAtLeast(call(method, where, sent).status, 200)
      }
    }
  })
})
