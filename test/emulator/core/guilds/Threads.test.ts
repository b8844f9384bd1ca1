import { assert, describe, it } from "@effect/vitest"
import * as Permissions from "../../../../src/emulator/core/Permissions.ts"
import { Intents } from "../../../../src/protocol/GatewayPayload.ts"
import type { ChannelId } from "../../../../src/protocol/Identifier.ts"
import * as Harness from "../Harness.ts"

type Json = { readonly [key: string]: unknown }

const setup = (isModerator = false) => {
  const h = Harness.make()
  const text = h.core.createChannel({ guildId: h.guildId, name: "text", kind: "text" })
  if (text === undefined) throw new Error("no such guild")
  const guest = h.core.createUser({ name: "guest", privilegedIntents: true })
  if (isModerator) h.core.setModerator(h.bot.id, true)
  const callAs = (token: string) => (method: string, path: string, body?: unknown) => {
    const sent = body === undefined ? undefined : JSON.stringify(body)
    const answer = h.core.rest({ method, path, authorization: token, body: sent })
    return { status: answer.status, json: answer.body as Json }
  }
  const call = callAs(h.bot.token)
  const start = (body: Json = { name: "log", type: 11 }): ChannelId => {
    const { json } = call("POST", `/channels/${text}/threads`, body)
    return String(json["id"]) as ChannelId
  }
  const login = (intents: number = Intents.Guilds | Intents.GuildMessages) => {
    const client = h.login({ intents })
    return client
  }
  return { h, text, guest, call, callAs, start, login, asGuest: callAs(guest.token) }
}

const list = (json: Json | undefined, field: string) => (json?.[field] ?? []) as ReadonlyArray<Json>

const codes = (answers: ReadonlyArray<{ readonly json: Json }>) => answers.map(({ json }) => json["code"])

describe("a thread", () => {
  it("is announced to users who see it, and its channel gets a message about it", () => {
    const { call, h, login, start, text } = setup()
    const client = login()
    const id = start()
    assert.deepStrictEqual(Harness.names(client.take()), ["THREAD_CREATE", "THREAD_MEMBERS_UPDATE", "MESSAGE_CREATE"])
    const [created] = client.events("THREAD_CREATE")
    assert.deepInclude(created, { id, type: 11, parent_id: text, owner_id: h.bot.id, newly_created: true })
    assert.deepInclude(created?.["member"], { id, user_id: h.bot.id })
    assert.deepInclude(created?.["thread_metadata"], { archived: false, locked: false, auto_archive_duration: 1440 })
    const [told] = client.events("MESSAGE_CREATE")
    assert.deepInclude(told, { type: 18, channel_id: text, content: "log" })
    assert.deepInclude(told?.["message_reference"], { channel_id: id })
    assert.strictEqual(call("GET", `/channels/${id}`).json["name"], "log")
    const channels = call("GET", `/guilds/${h.guildId}/channels`).json
    assert.notInclude(JSON.stringify(channels), `"${id}"`)
  })

  it("is listed in its guild unless it is archived", () => {
    const { call, h, login, start } = setup()
    const [open, old] = [start({ name: "open", type: 11 }), start({ name: "old", type: 11 })]
    assert.strictEqual(call("PATCH", `/channels/${old}`, { archived: true }).status, 200)
    login()
    const client = h.connect()
    client.send(Harness.identify(h.bot.token, Intents.Guilds))
    const threads = list(client.events("GUILD_CREATE").at(-1), "threads")
    assert.deepStrictEqual(threads.map(({ id }) => id), [open])
  })

  it("is archived after a time without activity, and reopened by a new message", () => {
    const { guest, h, login, start } = setup()
    const client = login()
    const id = start({ name: "log", type: 11, auto_archive_duration: 60 })
    const pass = (minutes: number) => {
      for (let i = 0; i < 2 * minutes; i++) {
        h.core.advance(h.core.snapshot().nowMs + 30_000)
        client.send(Harness.heartbeat)
      }
    }
    const events = () => Harness.names(client.take()).filter((name) => name !== "op11")
    pass(50)
    h.core.write({ userId: guest.id, channelId: id, content: "la" })
    client.take()
    pass(50)
    assert.deepStrictEqual(events(), [])
    pass(11)
    const archived = client.events("THREAD_UPDATE").at(-1)
    assert.deepInclude(archived?.["thread_metadata"], { archived: true })
    assert.deepInclude(archived, { message_count: 1, member_count: 2 })
    client.take()
    h.core.write({ userId: guest.id, channelId: id, content: "lala" })
    assert.deepStrictEqual(events(), ["THREAD_UPDATE", "THREAD_MEMBER_UPDATE", "MESSAGE_CREATE"])
  })

  it("in the archive can only be reopened, and only by moderators if it is locked", () => {
    const { asGuest, call, guest, h, start, text } = setup()
    const moderator = h.core.createUser({ name: "moderator", moderator: true })
    const id = start()
    const { json: message } = call("POST", `/channels/${id}/messages`, { content: "la" })
    const path = `/channels/${id}`
    assert.strictEqual(call("PATCH", path, { archived: true }).status, 200)
    assert.deepStrictEqual(
      codes([
        call("PATCH", `${path}/messages/${message["id"]}`, { content: "other" }),
        call("PUT", `${path}/messages/${message["id"]}/reactions/%E2%8F%AD/@me`),
        call("PATCH", path, { name: "other" }),
        asGuest("PUT", `${path}/thread-members/@me`),
        call("PATCH", path, { locked: true }),
        call("PATCH", path, { rate_limit_per_user: 5 }),
        call("DELETE", path)
      ]),
      [50083, 50083, 50083, 50083, 50013, 50013, 50013]
    )
    assert.strictEqual(asGuest("PATCH", path, { archived: false }).status, 200)
    assert.strictEqual(asGuest("PATCH", path, { name: "mine" }).json["code"], 50013)
    const asModerator = (method: string, sent: Json) =>
      h.core.rest({ method, path, authorization: moderator.token, body: JSON.stringify(sent) })
    assert.strictEqual(asModerator("PATCH", { locked: true, rate_limit_per_user: 5 }).status, 200)
    assert.strictEqual(call("POST", `${path}/messages`, { content: "la" }).json["code"], 160005)
    assert.strictEqual(call("PATCH", path, { archived: true }).json["code"], 50013)
    assert.deepInclude(h.core.write({ userId: guest.id, channelId: id, content: "la" }), {
      problem: "the thread is locked"
    })
    assert.strictEqual(asModerator("DELETE", {}).status, 200)
    assert.strictEqual(call("GET", path).json["code"], 10003)
    assert.strictEqual(call("GET", `/channels/${text}`).status, 200)
  })

  it("starts once from a message, which is flagged, needs a name, and exists in text channels only", () => {
    const { call, h, login, text } = setup()
    const client = login()
    const { json: message } = call("POST", `/channels/${text}/messages`, { content: "la" })
    const from = `/channels/${text}/messages/${message["id"]}/threads`
    client.take()
    assert.strictEqual(call("POST", from, { name: "log" }).json["id"], message["id"])
    assert.deepStrictEqual(Harness.names(client.take()), [
      "THREAD_CREATE",
      "THREAD_MEMBERS_UPDATE",
      "MESSAGE_UPDATE",
      "MESSAGE_CREATE"
    ])
    assert.deepInclude(client.events("MESSAGE_UPDATE").at(-1), { flags: 1 << 5 })
    const starter = client.events("MESSAGE_CREATE").at(-1)
    assert.deepInclude(starter, { type: 21, channel_id: message["id"] })
    assert.deepInclude(starter?.["message_reference"], { channel_id: text, message_id: message["id"] })
    assert.deepStrictEqual(
      codes([
        call("POST", from, { name: "log" }),
        call("POST", `/channels/${h.lobby}/threads`, { name: "log", type: 11 }),
        call("POST", `/channels/${text}/threads`, { type: 11 }),
        call("POST", `/channels/${text}/threads`, { name: "log", type: 10 }),
        call("POST", `/channels/${text}/threads`, { name: "log", auto_archive_duration: 5 }),
        call("PUT", `/channels/${text}/thread-members/@me`),
        call("PUT", `/channels/${message["id"]}/permissions/${h.guildId}`, { allow: "0", deny: "0" })
      ]),
      [160004, 50024, 50035, 50035, 50035, 50024, 50024]
    )
  })

  it("follows the permissions of its channel and SEND_MESSAGES_IN_THREADS", () => {
    const { call, h, start, text } = setup()
    const id = start()
    h.core.deny({ userId: h.bot.id, channelId: text, send: true })
    assert.strictEqual(call("POST", `/channels/${text}/messages`, { content: "la" }).json["code"], 50013)
    assert.strictEqual(call("POST", `/channels/${id}/messages`, { content: "la" }).status, 200)
    const everyone = `/channels/${text}/permissions/${h.guildId}`
    const moderator = h.core.createUser({ name: "moderator" })
    h.core.createRole(h.guildId, { name: "all", permissions: Permissions.of("ADMINISTRATOR") })
    h.core.setRoles(moderator.id, ["all"])
    const deny = (names: bigint) =>
      h.core.rest({
        method: "PUT",
        path: everyone,
        authorization: moderator.token,
        body: JSON.stringify({ type: 0, allow: "0", deny: String(names) })
      })
    deny(Permissions.of("SEND_MESSAGES_IN_THREADS", "CREATE_PUBLIC_THREADS", "CREATE_PRIVATE_THREADS"))
    assert.strictEqual(call("POST", `/channels/${id}/messages`, { content: "la" }).json["code"], 50013)
    assert.strictEqual(call("POST", `/channels/${text}/threads`, { name: "log" }).json["code"], 50013)
    assert.strictEqual(call("POST", `/channels/${text}/threads`, { name: "log", type: 11 }).json["code"], 50013)
    deny(Permissions.of("VIEW_CHANNEL"))
    assert.strictEqual(call("GET", `/channels/${id}`).json["code"], 50001)
  })

  it("is sent with its members to users who gain access to its channel", () => {
    const { h, login, start, text } = setup()
    const id = start()
    const client = login()
    h.core.deny({ userId: h.bot.id, channelId: text, view: true })
    h.core.deny({ userId: h.bot.id, channelId: h.lobby, view: true })
    client.take()
    h.core.deny({ userId: h.bot.id, channelId: text })
    const [sync] = client.events("THREAD_LIST_SYNC")
    assert.deepInclude(sync, { guild_id: h.guildId, channel_ids: [text] })
    assert.deepStrictEqual(list(sync, "threads").map((one) => one["id"]), [id])
    assert.deepStrictEqual(list(sync, "members").map((one) => one["user_id"]), [h.bot.id])
    h.core.deny({ userId: h.bot.id, channelId: h.lobby })
    assert.lengthOf(client.events("THREAD_LIST_SYNC"), 1)
  })

  it("is sent to users who gain access to its channel, whenever it was started", () => {
    const { asGuest, h, login, text } = setup()
    const client = login(Intents.Guilds)
    const hide = (view: boolean) => h.core.deny({ userId: h.bot.id, channelId: text, view })
    const shown = () => client.events("THREAD_LIST_SYNC").length
    hide(true)
    const start = (name: string) => asGuest("POST", `/channels/${text}/threads`, { name, type: 11 }).status
    assert.strictEqual(start("while it was hidden"), 201)
    hide(false)
    assert.strictEqual(shown(), 1)
    h.core.removeFromGuild(h.bot.id)
    hide(true)
    h.core.addToGuild(h.bot.id)
    assert.strictEqual(shown(), 1)
    hide(false)
    assert.strictEqual(shown(), 2)
  })

  it("can be private to its members, who are added by mentions as well", () => {
    const { asGuest, call, guest, h, login, start } = setup()
    const client = login(Intents.Guilds)
    const id = start({ name: "log", invitable: false })
    assert.deepInclude(call("GET", `/channels/${id}`).json, { type: 12 })
    const other = h.core.createUser({ name: "other" })
    const path = `/channels/${id}`
    assert.strictEqual(asGuest("GET", path).json["code"], 50001)
    assert.strictEqual(call("POST", `${path}/messages`, { content: `<@${guest.id}>, look` }).status, 200)
    assert.strictEqual(asGuest("GET", path).status, 200)
    assert.strictEqual(asGuest("PUT", `${path}/thread-members/${other.id}`).json["code"], 50013)
    assert.strictEqual(call("PUT", `${path}/thread-members/1`).json["code"], 10007)
    assert.strictEqual(call("PUT", `${path}/thread-members/${other.id}`).status, 204)
    assert.strictEqual(asGuest("DELETE", `${path}/thread-members/${other.id}`).json["code"], 50013)
    assert.strictEqual(call("DELETE", `${path}/thread-members/${other.id}`).status, 204)
    assert.strictEqual(call("GET", `${path}/thread-members/${other.id}`).json["code"], 10007)
    assert.strictEqual(call("GET", `${path}/thread-members/@me`).json["user_id"], h.bot.id)
    // Without the intent for members, the bot is told only about itself.
    assert.lengthOf(client.events("THREAD_MEMBERS_UPDATE"), 1)
    assert.strictEqual(call("GET", `${path}/thread-members`).json["code"], 50001)
    assert.lengthOf(asGuest("GET", `${path}/thread-members`).json as unknown as ReadonlyArray<Json>, 2)
    h.core.removeFromGuild(guest.id)
    assert.strictEqual(call("GET", `${path}/thread-members/${guest.id}`).json["code"], 10007)
  })

  it("is deleted as a thread, which is announced only to users who saw it", () => {
    const { guest, h, login, start } = setup()
    const client = login(Intents.Guilds)
    const watcher = h.login({ token: guest.token, intents: Intents.Guilds })
    const id = start({ name: "log", auto_archive_duration: 60 })
    client.take()
    assert.isTrue(h.core.deleteChannel(id))
    assert.deepStrictEqual(Harness.names(client.take()), ["THREAD_DELETE"])
    for (let i = 0; i < 130; i++) {
      h.core.advance(h.core.snapshot().nowMs + 30_000)
      for (const one of [client, watcher]) one.send(Harness.heartbeat)
    }
    assert.deepStrictEqual(Harness.names(client.take()).filter((name) => name !== "op11"), [])
    assert.deepStrictEqual(Harness.names(watcher.take()).filter((name) => name !== "op11"), [])
  })

  it("has no permission overwrites of its own", () => {
    const { guest, h, start } = setup()
    const id = start({ name: "log" })
    const watcher = h.login({ token: guest.token, intents: Intents.Guilds })
    assert.isFalse(h.core.deny({ userId: guest.id, channelId: id, view: true }))
    assert.deepStrictEqual(watcher.take(), [])
  })

  it("that is private does not add a bot that answers a command there", () => {
    const { asGuest, call, guest, h, login, text } = setup()
    const client = login(Intents.Guilds)
    const id = String(asGuest("POST", `/channels/${text}/threads`, { name: "log" }).json["id"]) as ChannelId
    const begun = h.core.type({ userId: guest.id, botId: h.bot.id, channelId: id, path: ["play"], values: {} })
    const [created] = client.events("INTERACTION_CREATE")
    const { id: interaction, token } = created ?? {}
    const answer = { type: 4, data: { content: `for <@${guest.id}>` } }
    assert.strictEqual(call("POST", `/interactions/${interaction}/${token}/callback`, answer).status, 204)
    assert.deepStrictEqual("problem" in begun ? [] : begun.messages().map(({ content }) => content), [
      answer.data.content
    ])
    assert.strictEqual(call("GET", `/channels/${id}`).json["code"], 50001)
    assert.strictEqual(asGuest("GET", `/channels/${id}`).json["member_count"], 1)
  })

  it("is listed in the archive", () => {
    const { asGuest, call, h, start, text } = setup(true)
    const ids = ["one", "two"].map((name) => start({ name, type: 11 }))
    const hidden = start({ name: "hidden" })
    for (const [i, id] of [...ids, hidden].entries()) {
      h.core.advance(h.core.snapshot().nowMs + 1_000 * (i + 1))
      call("PATCH", `/channels/${id}`, { archived: true })
    }
    const list = (which: string, query = "", ask = call) => {
      const { json } = ask("GET", `/channels/${text}/${which}${query}`)
      const threads = json["threads"] as ReadonlyArray<Json> | undefined
      return threads === undefined ? json["code"] : [threads.map(({ name }) => name), json["has_more"]]
    }
    assert.deepStrictEqual(list("threads/archived/public"), [["two", "one"], false])
    assert.deepStrictEqual(list("threads/archived/public", "?limit=1"), [["two"], true])
    assert.deepStrictEqual(list("threads/archived/private"), [["hidden"], false])
    assert.deepStrictEqual(list("users/@me/threads/archived/private"), [["hidden"], false])
    assert.strictEqual(list("threads/archived/private", "", asGuest), 50013)
    assert.deepStrictEqual(list("users/@me/threads/archived/private", "", asGuest), [[], false])
  })

  it("is listed in pages of the archive, even if several were archived in the same millisecond", () => {
    const { call, h, start, text } = setup()
    h.core.advance(1_000.5)
    const names = ["one", "two", "three", "four", "five"]
    for (const id of names.map((name) => start({ name, type: 11 }))) {
      call("PATCH", `/channels/${id}`, { archived: true })
    }
    const found: Array<unknown> = []
    let before = ""
    for (let page = 0; page < 3; page++) {
      const { json } = call("GET", `/channels/${text}/threads/archived/public?limit=2${before}`)
      const threads = list(json, "threads")
      found.push(...threads.map(({ name }) => name))
      const { archive_timestamp: at } = { ...(threads.at(-1)?.["thread_metadata"] as Json) }
      before = `&before=${at}`
    }
    assert.deepStrictEqual(found, names.toReversed())
  })

  it("is deleted with its channel, and listed by name until then", () => {
    const { call, h, start, text } = setup(true)
    const id = start()
    const found = () => h.core.snapshot().channels.find((one) => one.id === id)
    assert.deepInclude(found(), { kind: "thread", name: "log" })
    assert.strictEqual(call("DELETE", `/channels/${text}`).status, 200)
    assert.isUndefined(found())
    assert.strictEqual(call("GET", `/channels/${id}`).json["code"], 10003)
    assert.isFalse(h.core.hasChannel(id))
  })
})
