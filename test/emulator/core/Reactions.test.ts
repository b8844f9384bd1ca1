import { assert, describe, it } from "@effect/vitest"
import { Intents } from "../../../src/protocol/GatewayPayload.ts"
import * as Harness from "./Harness.ts"

type Json = { readonly [key: string]: unknown }

const setup = () => {
  const h = Harness.make()
  const guest = h.core.createUser({ name: "guest" })
  const friend = h.core.createUser({ name: "friend" })
  const dj = h.core.createUser({ name: "dj", bot: true, moderator: true, privilegedIntents: true })
  const client = h.login({
    token: dj.token,
    intents: Intents.Guilds | Intents.GuildMessages | Intents.GuildMessageReactions
  })
  const call = (method: string, path: string, as: { readonly token: string } = dj) => {
    const answer = h.core.rest({
      method,
      path,
      authorization: as.token,
      body: undefined
    })
    return { status: answer.status, json: answer.body as Json }
  }
  const messages = `/channels/${h.lobby}/messages`
  const write = (content = "x") => {
    const written = h.core.write({ userId: guest.id, channelId: h.lobby, content })
    return "problem" in written ? assert.fail(written.problem) : written
  }
  return { h, guest, friend, dj, client, call, messages, write }
}

describe("reactions", () => {
  it("from users are sent to bots, listed, and removed again", () => {
    const { call, client, dj, friend, guest, h, messages, write } = setup()
    const { id } = write()
    const react = (userId: typeof guest.id, isOn = true, emoji = "⏭") =>
      h.core.react({ userId, channelId: h.lobby, messageId: id, emoji, isOn })
    assert.notProperty(react(guest.id), "problem")
    react(friend.id)
    assert.deepInclude(client.events("MESSAGE_REACTION_ADD")[0], { user_id: guest.id, message_id: id })
    assert.deepInclude(client.events("MESSAGE_REACTION_ADD")[0]?.["member"], { nick: null })
    const path = `${messages}/${id}/reactions/${encodeURIComponent("⏭")}`
    const users = (query = "") => (call("GET", path + query).json as unknown as ReadonlyArray<Json>).map(({ id }) => id)
    assert.deepStrictEqual(users(), [guest.id, friend.id])
    assert.deepStrictEqual(users("?limit=1"), [guest.id])
    assert.deepStrictEqual(users(`?after=${guest.id}`), [friend.id])
    assert.strictEqual(call("GET", `${path}?limit=101`).json["code"], 50035)
    react(guest.id, false)
    assert.deepStrictEqual(users(), [friend.id])
    assert.lengthOf(client.events("MESSAGE_REACTION_REMOVE"), 1)
    // Ordered by user id, not by the time of the reaction.
    call("PUT", `${path}/@me`, h.bot)
    assert.deepStrictEqual(users(), [h.bot.id, friend.id])
    assert.deepStrictEqual(users(`?after=${h.bot.id}`), [friend.id])
    assert.deepStrictEqual(users(`?after=${dj.id}`), [])
    assert.deepStrictEqual(react(guest.id, true, ""), { problem: "the emoji is missing" })
    h.core.deny({ userId: friend.id, channelId: h.lobby, view: true })
    assert.deepStrictEqual(react(friend.id), { problem: "the user cannot see the channel" })
    assert.deepStrictEqual(react(guest.id, true, "ok"), { problem: "\"ok\" is not an emoji" })
    const missing = h.core.react({ userId: guest.id, channelId: h.lobby, messageId: dj.id, emoji: "⏭", isOn: true })
    assert.deepStrictEqual(missing, { problem: `no message in the channel has the id ${dj.id}` })
  })

  it("can be removed by moderators: one, all with one emoji, or all", () => {
    const { call, client, dj, guest, h, messages, write } = setup()
    const { id } = write()
    const shown = () => h.core.messagesOf(h.lobby)[0]?.reactions.size
    const react = (emoji: string) =>
      h.core.react({ userId: guest.id, channelId: h.lobby, messageId: id, emoji, isOn: true })
    for (const emoji of ["a:1", "b:2", "c:3"]) react(emoji)
    const path = `${messages}/${id}/reactions`
    for (const what of [`/a:1/${guest.id}`, "/a:1", ""]) {
      assert.strictEqual(call("DELETE", path + what, h.bot).json["code"], 50013)
    }
    call("PUT", `${path}/a:1/@me`, h.bot)
    // A user can always remove its own reaction.
    assert.strictEqual(call("DELETE", `${path}/a:1/${h.bot.id}`, h.bot).status, 204)
    assert.strictEqual(call("DELETE", `${path}/a:1/1`).json["code"], 10013)
    assert.strictEqual(call("DELETE", `${path}/a:1/${guest.id}`).status, 204)
    assert.deepInclude(client.events("MESSAGE_REACTION_REMOVE").at(-1), { user_id: guest.id })
    assert.strictEqual(shown(), 2)
    let changes = 0
    h.core.watchMessages(h.lobby, () => changes++)
    const where = { message_id: id, channel_id: h.lobby, guild_id: h.guildId }
    assert.strictEqual(call("DELETE", `${path}/b:2`, dj).status, 204)
    assert.deepStrictEqual(client.events("MESSAGE_REACTION_REMOVE_EMOJI"), [{
      ...where,
      emoji: { id: "2", name: "b" }
    }])
    assert.strictEqual(call("DELETE", path).status, 204)
    assert.deepStrictEqual(client.events("MESSAGE_REACTION_REMOVE_ALL"), [where])
    assert.strictEqual(shown(), 0)
    assert.strictEqual(changes, 2)
    assert.strictEqual(call("DELETE", `${messages}/1/reactions`).json["code"], 10008)
  })
})

describe("emoji", () => {
  it("can be Unicode emoji or custom emoji, and nothing else", () => {
    const { call, messages, write } = setup()
    const path = `${messages}/${write().id}/reactions`
    const put = (emoji: string) => call("PUT", `${path}/${encodeURIComponent(emoji)}/@me`)
    for (const emoji of ["⏭", "❤️", "👩🏽‍🚀", "🇩🇪", "3️⃣", "#⃣", "dance:1", "a:jump:2"]) {
      assert.strictEqual(put(emoji).status, 204, emoji)
    }
    for (const none of ["ok", "3", " ", ":1", "dance:", "dance:x", "\ufe0f", "ok👍", "👍👍"]) {
      assert.deepInclude(put(none), { status: 400 }, none)
      assert.strictEqual(put(none).json["code"], 10014, none)
      assert.strictEqual(call("GET", `${path}/${encodeURIComponent(none)}`).json["code"], 10014, none)
    }
  })

  it("count as the same emoji in different spellings", () => {
    const { call, client, guest, h, messages, write } = setup()
    const { id } = write()
    const react = (emoji: string, isOn = true) =>
      h.core.react({ userId: guest.id, channelId: h.lobby, messageId: id, emoji, isOn })
    const shown = () => Array.from(h.core.messagesOf(h.lobby)[0]?.reactions ?? [], ([name, { size }]) => [name, size])
    const path = (emoji: string) => `${messages}/${id}/reactions/${encodeURIComponent(emoji)}`
    for (
      const [one, other] of [["⏭", "⏭\ufe0f"], ["⏭\ufe0f", "⏭"], ["a:dance:1", "dance:1"], ["dance:1", "a:dance:1"]]
    ) {
      assert(one !== undefined && other !== undefined)
      react(one)
      call("PUT", `${path(other)}/@me`)
      react(other)
      assert.deepStrictEqual(shown(), [[one, 2]])
      assert.lengthOf(call("GET", path(other)).json as unknown as ReadonlyArray<Json>, 2)
      assert.deepStrictEqual(
        client.events("MESSAGE_REACTION_ADD").at(-1)?.["emoji"],
        client.events("MESSAGE_REACTION_ADD").at(-2)?.["emoji"]
      )
      react(other, false)
      assert.deepStrictEqual(shown(), [[one, 1]])
      call("DELETE", path(other))
      assert.deepStrictEqual(shown(), [])
    }
  })

  it("can be at most twenty different ones on a message", () => {
    const { call, guest, h, messages, write } = setup()
    const { id } = write()
    const path = `${messages}/${id}/reactions`
    for (let i = 1; i <= 20; i++) assert.strictEqual(call("PUT", `${path}/e:${i}/@me`).status, 204)
    assert.deepInclude(call("PUT", `${path}/e:21/@me`), { status: 403 })
    assert.strictEqual(call("PUT", `${path}/e:21/@me`).json["code"], 30010)
    const react = (emoji: string) =>
      h.core.react({ userId: guest.id, channelId: h.lobby, messageId: id, emoji, isOn: true })
    assert.deepStrictEqual(react("⏭"), { problem: "a message can have at most 20 different reactions" })
    assert.notProperty(react("a:e:20"), "problem")
    call("DELETE", `${path}/e:1`)
    assert.notProperty(react("⏭"), "problem")
  })
})

describe("pins", () => {
  it("are set, announced, listed and removed by moderators, at the current and the former paths", () => {
    const { call, client, h, messages, write } = setup()
    const [first, second] = [write("first"), write("second")]
    const old = `/channels/${h.lobby}/pins`
    assert.strictEqual(call("PUT", `${messages}/pins/${first.id}`, h.bot).json["code"], 50013)
    assert.strictEqual(call("PUT", `${messages}/pins/1`).json["code"], 10008)
    assert.strictEqual(call("PUT", `${messages}/pins/${second.id}`).status, 204)
    h.core.advance(1_000)
    assert.strictEqual(call("PUT", `${old}/${first.id}`).status, 204)
    const update = client.events("MESSAGE_UPDATE").at(-1)
    assert.deepInclude(update, { id: first.id, pinned: true, edited_timestamp: null })
    const { items } = call("GET", `${messages}/pins`).json as { readonly items: ReadonlyArray<Json> }
    assert.deepStrictEqual(items.map(({ message }) => (message as Json)["content"]), ["first", "second"])
    const told = client.events("CHANNEL_PINS_UPDATE")
    assert.deepStrictEqual(told.at(-1), {
      channel_id: h.lobby,
      guild_id: h.guildId,
      last_pin_timestamp: items[0]?.["pinned_at"]
    })
    // Pinning again changes nothing.
    call("PUT", `${old}/${first.id}`)
    assert.lengthOf(client.events("CHANNEL_PINS_UPDATE"), 2)
    const listed = call("GET", old).json as unknown as ReadonlyArray<Json>
    assert.deepStrictEqual(listed.map(({ content, pinned }) => [content, pinned]), [["first", true], ["second", true]])
    assert.deepInclude(call("GET", `${messages}/pins?limit=1`).json, { items: items.slice(0, 1), has_more: true })
    const before = encodeURIComponent(String(items[0]?.["pinned_at"]))
    assert.deepInclude(call("GET", `${messages}/pins?before=${before}`).json, {
      items: items.slice(1),
      has_more: false
    })
    for (const query of ["limit=0", "limit=51", "before=x"]) {
      assert.strictEqual(call("GET", `${messages}/pins?${query}`).json["code"], 50035)
    }
    assert.strictEqual(call("DELETE", `${messages}/pins/${first.id}`).status, 204)
    assert.deepInclude(client.events("CHANNEL_PINS_UPDATE").at(-1), { last_pin_timestamp: items[1]?.["pinned_at"] })
    assert.strictEqual(call("DELETE", `${old}/${second.id}`).status, 204)
    assert.deepInclude(client.events("CHANNEL_PINS_UPDATE").at(-1), { last_pin_timestamp: null })
    assert.deepStrictEqual(call("GET", old).json, [] as unknown as Json)
    assert.deepStrictEqual(h.violations(), [])
  })

  it("are announced by a system message that cannot be edited, pinned or replied to", () => {
    const { call, client, dj, h, messages, write } = setup()
    const { id } = write("first")
    call("PUT", `${messages}/pins/${id}`)
    const told = client.events("MESSAGE_CREATE").at(-1)
    assert.deepInclude(told, { type: 6, content: "", pinned: false, mentions: [] })
    assert.deepInclude(told?.["message_reference"], { message_id: id, channel_id: h.lobby })
    assert.notProperty(told, "referenced_message")
    assert.deepInclude(told?.["author"], { id: dj.id })
    assert.strictEqual(call("PATCH", `${messages}/${told?.["id"]}`, undefined).json["code"], 50021)
    assert.strictEqual(call("PUT", `${messages}/pins/${told?.["id"]}`).json["code"], 50021)
    const reply = h.core.rest({
      method: "POST",
      path: messages,
      authorization: dj.token,
      body: JSON.stringify({ content: "x", message_reference: { message_id: told?.["id"] } })
    })
    assert.deepNestedInclude(reply.body, {
      "errors.message_reference._errors[0].message": "Cannot reply to a system message"
    })
    assert.strictEqual(call("DELETE", `${messages}/pins/${id}`).status, 204)
    assert.strictEqual(call("DELETE", `${messages}/${told?.["id"]}`).status, 204)
    assert.lengthOf(h.core.messagesOf(h.lobby), 1)
  })

  it("are limited to 250 in a channel", () => {
    const { call, h, messages, write } = setup()
    for (let i = 0; i < 250; i++) call("PUT", `${messages}/pins/${write().id}`)
    const { id } = write()
    assert.strictEqual(call("PUT", `${messages}/pins/${id}`).json["code"], 30003)
    call("DELETE", `${messages}/${h.core.messagesOf(h.lobby)[0]?.id}`)
    assert.strictEqual(call("PUT", `${messages}/pins/${id}`).status, 204)
    assert.lengthOf((call("GET", `${messages}/pins`).json as { readonly items: ReadonlyArray<Json> }).items, 50)
  })
})
