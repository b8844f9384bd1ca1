import { assert, describe, it } from "@effect/vitest"
import * as Body from "../../../../src/emulator/core/http/Body.ts"
import type { Begun, Typed } from "../../../../src/emulator/core/interactions/Interactions.ts"
import * as Harness from "../Harness.ts"

type Json = { readonly [key: string]: unknown }

/** Adds the descriptions that Discord requires for slash commands and their options. */
const described = (one: Json, isOption = false): Json => ({
  ...(isOption || one["type"] === undefined ? { description: "It" } : {}),
  ...one,
  ...(Array.isArray(one["options"])
    ? { options: one["options"].map((option: unknown) => Body.isObject(option) ? described(option, true) : option) }
    : {})
})

const setup = () => {
  const h = Harness.make()
  const guest = h.core.createUser({ name: "guest" })
  const client = h.login()
  const call = (method: string, path: string, body?: unknown, authorization?: string) => {
    const { body: answer, status } = h.core.rest({
      method,
      path: `/api/v10${path}`,
      authorization,
      body: typeof body === "string" || body === undefined ? body : JSON.stringify(body)
    })
    const json: Json = typeof answer === "object" ? { ...answer } : {}
    return { status, json }
  }
  const register = (...commands: ReadonlyArray<Json>) =>
    call(
      "PUT",
      `/applications/${h.bot.id}/commands`,
      commands.map((command) => described(command)),
      `Bot ${h.bot.token}`
    )
  const type = (path: ReadonlyArray<string>, values: Typed["values"] = {}) =>
    h.core.type({ userId: guest.id, botId: h.bot.id, channelId: h.lobby, path, values })
  /** The latest interaction, with functions that answer it as the bot. */
  const following = (begun: Begun) => {
    if ("problem" in begun) return assert.fail(begun.problem)
    const created: Json = { ...client.events("INTERACTION_CREATE").at(-1) }
    const { data, id, token } = created
    const answer = (body: unknown, query = "") => call("POST", `/interactions/${id}/${token}/callback${query}`, body)
    const webhook = `/webhooks/${h.bot.id}/${token}`
    const contents = () => begun.messages().map(({ content }) => content)
    return { begun, created, data: { ...(data as Json) }, answer, webhook, contents }
  }
  const typed = (path: ReadonlyArray<string> = ["play"], values?: Typed["values"]) => following(type(path, values))
  const suggest = (path: ReadonlyArray<string>, focused: string, values: Typed["values"] = {}) =>
    h.core.suggest({ userId: guest.id, botId: h.bot.id, channelId: h.lobby, path, values, focused })
  const problem = (path: ReadonlyArray<string>, values?: Typed["values"]) => {
    const begun = type(path, values)
    return "problem" in begun ? begun.problem : ""
  }
  return { h, guest, client, call, register, type, typed, suggest, following, problem }
}

describe("Interactions", () => {
  it("a command reaches the bot, and the bot's answer reaches the user", () => {
    const { call, guest, h, typed } = setup()
    const { answer, begun, contents, created, data, webhook } = typed(["play"], {
      song: "x",
      loud: true,
      times: 2,
      gain: 0.5
    })
    assert.deepInclude(created, { type: 2, guild_id: h.guildId, channel_id: h.lobby, application_id: h.bot.id })
    assert.deepInclude((created["member"] as Json)["user"], { id: guest.id })
    assert.deepStrictEqual(data["options"], [
      { name: "song", type: 3, value: "x" },
      { name: "loud", type: 5, value: true },
      { name: "times", type: 4, value: 2 },
      { name: "gain", type: 10, value: 0.5 }
    ])
    const seen: Array<unknown> = []
    begun.watch(() => seen.push([begun.progress(), contents()]))
    assert.strictEqual(answer({ type: 4, data: { content: "Playing x", flags: 64 } }).status, 204)
    assert.deepStrictEqual(seen, [["answered", ["Playing x"]]])
    assert.isTrue(begun.messages()[0]?.isEphemeral)
    // Only the first answer is accepted.
    assert.strictEqual(answer({ type: 4, data: { content: "again" } }).json["code"], 40060)
    const { json } = call("PATCH", `${webhook}/messages/@original`, { content: "Playing y" })
    assert.deepInclude(json, { content: "Playing y", flags: 64, application_id: h.bot.id })
    const more = call("POST", webhook, { content: "and z" })
    assert.deepStrictEqual(contents(), ["Playing y", "and z"])
    const id = String(more.json["id"])
    assert.deepInclude(call("GET", `${webhook}/messages/${id}`).json, { id, content: "and z", edited_timestamp: null })
    assert.strictEqual(call("DELETE", `${webhook}/messages/%40original`).status, 204)
    assert.deepStrictEqual(contents(), ["and z"])
    assert.strictEqual(call("GET", `${webhook}/messages/@original`).json["code"], 10008)
    assert.deepStrictEqual(h.violations(), [])
  })

  it("an answer is returned to a bot that asks with `with_response`, as `true` or `1`", () => {
    const { typed } = setup()
    const status = (query: string) => typed().answer({ type: 5 }, query).status
    assert.deepStrictEqual(
      ["?with_response=true", "?with_response=1", "?with_response=false", "?with_response=0", ""].map(status),
      [200, 200, 204, 204, 204]
    )
  })

  it("a deferred answer is empty, and its first edit does not count as one", () => {
    const { call, typed } = setup()
    const { answer, begun, contents, webhook } = typed()
    const { json, status } = answer({ type: 5 }, "?with_response=true")
    assert.strictEqual(status, 200)
    assert.deepInclude(json["interaction"], { type: 2, response_message_loading: true })
    assert.deepInclude((json["resource"] as Json)["message"], { flags: 128 })
    assert.strictEqual(begun.progress(), "deferred")
    assert.isTrue(begun.messages()[0]?.isThinking)
    call("PATCH", `${webhook}/messages/@original`, { content: "done" })
    assert.deepStrictEqual(contents(), ["done"])
    assert.isUndefined(begun.messages()[0]?.editedMs)
    call("PATCH", `${webhook}/messages/@original`, { content: "done!" })
    assert.isDefined(begun.messages()[0]?.editedMs)
    // Content sent along with the deferral is not part of the later answer.
    const early = typed()
    early.answer({ type: 5, data: { content: "Wait", embeds: [{ title: "x" }] } })
    const edited = call("PATCH", `${early.webhook}/messages/@original`, { embeds: [{ title: "y" }] }).json
    assert.deepInclude(edited, { content: "", embeds: [{ title: "y" }] })
  })

  it("a deferred answer may become a poll, and a finished answer may not", () => {
    const { call, typed } = setup()
    const poll = { question: { text: "Again?" }, answers: [{ poll_media: { text: "Yes" } }] }
    for (const [method, path] of [["PATCH", "/messages/@original"], ["POST", ""]] as const) {
      const { answer, begun, webhook } = typed()
      answer({ type: 5 })
      const { json, status } = call(method, webhook + path, { poll })
      assert.strictEqual(status, 200)
      assert.deepNestedInclude(json, { "poll.question.text": "Again?" })
      assert.lengthOf(begun.messages(), 1)
      const other = { ...poll, question: { text: "Really?" } }
      const edited = call("PATCH", `${webhook}/messages/@original`, { content: "x", poll: other }).json
      assert.deepNestedInclude(edited, { content: "x", "poll.question.text": "Again?" })
    }
  })

  it("an answer cannot be emptied, neither by an edit nor by a button", () => {
    const { call, client, guest, typed } = setup()
    const thinking = typed()
    thinking.answer({ type: 5 })
    assert.strictEqual(call("PATCH", `${thinking.webhook}/messages/@original`, {}).json["code"], 50006)
    assert.strictEqual(thinking.begun.progress(), "deferred")
    const { answer, begun, contents, webhook } = typed()
    const components = [{ type: 1, components: [{ type: 2, style: 1, custom_id: "clear" }] }]
    answer({ type: 4, data: { content: "x", components } })
    assert.strictEqual(
      call("PATCH", `${webhook}/messages/@original`, { content: "", components: [] }).json["code"],
      50006
    )
    const pressed = begun.press(guest.id, "clear", [])
    assert(!("problem" in pressed))
    const { id, token }: Json = { ...client.events("INTERACTION_CREATE").at(-1) }
    const update = (data: Json) => call("POST", `/interactions/${id}/${token}/callback`, { type: 7, data })
    assert.strictEqual(update({ content: "", components: [] }).json["code"], 50006)
    assert.strictEqual(pressed.progress(), "waiting")
    assert.strictEqual(update({ content: "cleared", components: [] }).status, 204)
    assert.deepStrictEqual(contents(), ["cleared"])
  })

  it("the first follow-up after a deferral becomes the answer", () => {
    const { call, typed } = setup()
    const { answer, begun, contents, webhook } = typed()
    answer({ type: 5, data: { flags: 64 } })
    const { json } = call("POST", webhook, { content: "done" })
    assert.deepInclude(json, { id: begun.messages()[0]?.id, content: "done", flags: 64 })
    assert.isUndefined(begun.messages()[0]?.editedMs)
    call("POST", webhook, { content: "and more" })
    assert.deepStrictEqual(contents(), ["done", "and more"])
  })

  it("an answer has at most 2000 characters", () => {
    const { call, typed } = setup()
    const { answer, begun, contents, webhook } = typed()
    const long = "x".repeat(2_001)
    assert.strictEqual(answer({ type: 4, data: { content: long } }).json["code"], 50035)
    assert.strictEqual(begun.progress(), "waiting")
    answer({ type: 4, data: { content: "x" } })
    assert.strictEqual(call("POST", webhook, { content: long }).json["code"], 50035)
    assert.strictEqual(call("PATCH", `${webhook}/messages/@original`, { content: long }).json["code"], 50035)
    assert.deepStrictEqual(contents(), ["x"])
  })

  it("nothing can be started or answered in a deleted channel, or started by a user who does not see the channel", () => {
    const { call, client, guest, h, problem, typed } = setup()
    const components = [{ type: 1, components: [{ type: 2, style: 1, custom_id: "go" }] }]
    const { answer, begun, webhook } = typed()
    answer({ type: 4, data: { content: "x", flags: 64, components } })
    h.core.deny({ userId: guest.id, channelId: h.lobby, view: true })
    assert.strictEqual(problem(["play"]), "the user cannot see the channel")
    assert.deepStrictEqual(begun.press(guest.id, "go", []), { problem: "the user cannot see the channel" })
    h.core.deny({ userId: guest.id, channelId: h.lobby })
    const late = typed()
    h.core.deleteChannel(h.lobby)
    assert.deepStrictEqual(begun.press(guest.id, "go", []), { problem: "its channel no longer exists" })
    const before = client.events("MESSAGE_CREATE").length
    assert.strictEqual(late.answer({ type: 4, data: { content: "x" } }).json["code"], 10003)
    assert.strictEqual(call("POST", webhook, { content: "x" }).json["code"], 10003)
    assert.lengthOf(client.events("MESSAGE_CREATE"), before)
  })

  it("a bot has three seconds to answer, and fifteen minutes for follow-ups", () => {
    const { call, h, typed } = setup()
    const late = typed()
    assert.strictEqual(call("POST", late.webhook, { content: "too early" }).json["code"], 10015)
    h.core.advance(3_000)
    assert.strictEqual(late.begun.progress(), "expired")
    assert.strictEqual(late.answer({ type: 4, data: { content: "late" } }).json["code"], 10062)
    const { answer, contents, webhook } = typed()
    answer({ type: 4, data: { content: "in time" } })
    h.core.advance(903_000 - 1)
    assert.strictEqual(call("POST", webhook, { content: "still" }).status, 200)
    h.core.advance(903_000)
    assert.strictEqual(call("POST", webhook, { content: "over" }).json["code"], 50027)
    assert.deepStrictEqual(contents(), ["in time", "still"])
  })

  it("a command accepts the registered subcommands, options, choices, users and channels", () => {
    const { guest, h, problem, register, typed } = setup()
    const option = (type: number, name: string, more: Json = {}) => ({ type, name, description: "it", ...more })
    register(
      { name: "play", options: [option(3, "song", { required: true }), option(10, "gain")] },
      { name: "mode", options: [option(3, "mode", { choices: [{ name: "Off", value: "off" }] })] },
      {
        name: "queue",
        options: [
          option(1, "clear"),
          option(2, "entry", { options: [option(1, "move", { options: [option(4, "to")] })] })
        ]
      },
      { name: "radio", options: [option(1, "on"), option(1, "off")] },
      { name: "who", options: [option(6, "user"), option(7, "channel")] },
      {
        name: "level",
        options: [
          option(4, "percent", { min_value: 0, max_value: 200 }),
          option(3, "why", { min_length: 2, max_length: 4 })
        ]
      }
    )
    assert.deepStrictEqual(typed(["play"], { song: "x", gain: 2 }).data["options"], [
      { name: "song", type: 3, value: "x" },
      { name: "gain", type: 10, value: 2 }
    ])
    assert.deepStrictEqual(typed(["queue", "clear"]).data["options"], [{ name: "clear", type: 1, options: [] }])
    assert.deepStrictEqual(typed(["queue", "entry", "move"], { to: 3 }).data["options"], [
      { name: "entry", type: 2, options: [{ name: "move", type: 1, options: [{ name: "to", type: 4, value: 3 }] }] }
    ])
    const { data } = typed(["who"], { user: guest.id, channel: h.lobby })
    const resolved = data["resolved"] as { readonly [kind: string]: Json }
    assert.deepInclude(resolved["users"]?.[guest.id], { username: "guest" })
    assert.isDefined(resolved["members"]?.[guest.id])
    assert.deepInclude(resolved["channels"]?.[h.lobby], { id: h.lobby })
    assert.include(problem(["skip"]), "not registered such a command")
    assert.include(problem(["play"]), "\"song\" is missing")
    assert.include(problem(["play"], { song: "x", speed: 2 }), "no option \"speed\"")
    assert.include(problem(["play"], { song: 1 }), "must be a string")
    assert.include(problem(["play"], { song: "x", gain: true }), "must be a number")
    assert.include(problem(["queue", "entry", "move"], { to: 0.5 }), "a whole number")
    assert.include(problem(["mode"], { mode: "on" }), "no choice \"on\"")
    assert.deepStrictEqual(typed(["level"], { percent: 200, why: "four" }).data["options"], [
      { name: "percent", type: 4, value: 200 },
      { name: "why", type: 3, value: "four" }
    ])
    assert.include(problem(["level"], { percent: -1 }), "\"percent\" must be at least 0")
    assert.include(problem(["level"], { percent: 201 }), "\"percent\" must be at most 200")
    assert.include(problem(["level"], { why: "x" }), "\"why\" must have at least 2 characters")
    assert.include(problem(["level"], { why: "fiver" }), "\"why\" must have at most 4 characters")
    assert.include(problem(["queue"]), "none was given")
    assert.include(problem(["radio"]), "none was given")
    assert.include(problem(["queue", "drop"]), "no subcommand \"drop\"")
    assert.include(problem(["who"], { user: "1" }), "no user has the id 1")
    assert.include(problem(["who"], { channel: "1" }), "no channel has the id 1")
  })

  it("a command accepts roles, mentionables, and channels of the right type", () => {
    const { guest, h, problem, register, typed } = setup()
    const option = (name: string, type: number, more: Json = {}) => ({ name, type, ...more })
    register({
      name: "allow",
      options: [option("role", 8), option("who", 9), option("where", 7, { channel_types: [0, 13] })]
    })
    const role = h.core.createRole(h.guildId, { name: "DJ" })
    assert.isDefined(role)
    const { data } = typed(["allow"], { role: role.id, who: guest.id })
    assert.deepNestedInclude(data["resolved"], {
      [`roles.${role.id}.name`]: "DJ",
      [`users.${guest.id}.username`]: "guest"
    })
    const where = { where: String(h.core.createChannel({ guildId: h.guildId, name: "stage", kind: "stage" })) }
    // discord.py needs the permissions.
    const { channels } = typed(["allow"], where).data["resolved"] as {
      readonly channels: Readonly<Record<string, Json>>
    }
    assert.match(String(channels[where.where]?.["permissions"]), /^\d+$/)
    assert.deepNestedInclude(typed(["allow"], { who: role.id }).data["resolved"], { [`roles.${role.id}.name`]: "DJ" })
    assert.strictEqual(problem(["allow"], { role: guest.id }), `no role has the id ${guest.id}`)
    assert.strictEqual(problem(["allow"], { who: "1" }), "no user or role has the id 1")
    assert.strictEqual(
      problem(["allow"], { where: h.lobby }),
      "its option \"where\" does not accept a channel of that type"
    )
  })

  it("a command is available only to users who have its permissions", () => {
    const { guest, h, problem, register } = setup()
    register(
      { name: "skip", default_member_permissions: 16_777_216 },
      { name: "reset", default_member_permissions: "0" }
    )
    const others = "the bot has registered it for members with permissions that this user lacks"
    assert.deepStrictEqual([problem(["skip"]), problem(["reset"])], [others, others])
    h.core.createRole(h.guildId, { name: "DJ", permissions: 1n << 24n })
    h.core.setRoles(guest.id, ["DJ"])
    assert.deepStrictEqual([problem(["skip"]), problem(["reset"])], ["", others])
    h.core.createRole(h.guildId, { name: "admin", permissions: 1n << 3n })
    h.core.setRoles(guest.id, ["admin"])
    assert.deepStrictEqual([problem(["skip"]), problem(["reset"])], ["", ""])
    assert.strictEqual(register({ name: "skip", default_member_permissions: "all" }).json["code"], 50035)
  })

  it("a command works in direct messages with the bot if it is registered for them", () => {
    const { following, guest, h, register } = setup()
    register({ name: "help" }, { name: "play", contexts: [0] }, { name: "skip", dm_permission: false })
    const channelId = h.core.direct(guest.id, h.bot.id)
    assert.isDefined(channelId)
    const type = (name: string, user = guest) =>
      h.core.type({ userId: user.id, botId: h.bot.id, channelId, path: [name], values: {} })
    const { answer, contents, created } = following(type("help"))
    assert.deepInclude(created, { channel_id: channelId, context: 1 })
    assert.deepInclude(created["user"], { id: guest.id })
    assert.notProperty(created, "member")
    assert.notProperty(created, "guild_id")
    assert.strictEqual(answer({ type: 4, data: { content: "Help", flags: 64 } }).status, 204)
    assert.deepStrictEqual(contents(), ["Help"])
    const elsewhere = { problem: "the bot has not registered it for direct messages" }
    assert.deepStrictEqual([type("play"), type("skip")], [elsewhere, elsewhere])
    const stranger = h.core.createUser({ name: "stranger" })
    assert.deepStrictEqual(type("help", stranger), { problem: "the user is not part of these direct messages" })
  })

  it("a form accepts files, which are available as long as the bot can answer", () => {
    const { following, h, typed } = setup()
    const { answer, begun } = typed()
    const components = [{ type: 18, label: "Song", component: { type: 19, custom_id: "song" } }]
    assert.strictEqual(answer({ type: 9, data: { custom_id: "form", title: "Form", components } }).status, 204)
    const data = new TextEncoder().encode("song")
    const song = { name: "song.ogg", data, contentType: undefined, description: undefined }
    assert.deepInclude(begun.submit({ song: [] }), { problem: "its input \"song\" is missing" })
    const sent = following(begun.submit({ song: [song] }))
    const labels = sent.data["components"] as ReadonlyArray<{ readonly component: { readonly values: [string] } }>
    const id = labels[0]?.component.values[0]
    const attachments = (sent.data["resolved"] as Json)["attachments"] as Readonly<Record<string, Json>>
    assert.deepInclude(attachments[id ?? ""], { filename: "song.ogg", size: 4 })
    const path = new URL(String(attachments[id ?? ""]?.["url"])).pathname
    const get = () => h.core.rest({ method: "GET", path, authorization: undefined, body: undefined })
    assert.deepStrictEqual(get().bytes, data)
    h.core.advance(15 * 60_000)
    assert.strictEqual(get().status, 404)
  })

  it("a guild command takes precedence over a global command of the same name", () => {
    const { call, h, register, typed } = setup()
    register({ name: "play" }, { name: "stop" })
    const { json } = call(
      "POST",
      `/applications/${h.bot.id}/guilds/${h.guildId}/commands`,
      { name: "play", description: "plays" },
      `Bot ${h.bot.token}`
    )
    assert.deepInclude(typed(["play"]).data, { id: json["id"], guild_id: h.guildId })
    assert.notProperty(typed(["stop"]).data, "guild_id")
  })

  it("a command without a type is a slash command, and unknown types are refused", () => {
    const { call, h, problem, register, typed } = setup()
    assert.strictEqual(register({ name: "play", type: null, description: "It", options: null }).status, 200)
    assert.strictEqual(typed(["play"]).data["type"], 1)
    const commands = `/applications/${h.bot.id}/commands`
    const bot = `Bot ${h.bot.token}`
    const skipping = { name: "skip", description: "It" }
    const skip = call("POST", commands, { ...skipping, type: null, integration_types: null, contexts: null }, bot)
    assert.deepInclude(skip.json, { type: 1, integration_types: [0], contexts: null })
    const again = call("POST", commands, skipping, bot)
    assert.strictEqual(again.json["id"], skip.json["id"])
    for (const type of [0, 5, 1.5, "1", true, {}]) {
      assert.strictEqual(call("POST", commands, { name: "no", type }, bot).json["code"], 50035)
      assert.strictEqual(register({ name: "no", type }).json["code"], 50035)
    }
    assert.strictEqual(register({ name: "play" }, { name: "Look at", type: 2 }, { name: "start", type: 4 }).status, 200)
    assert.strictEqual(problem(["Look at"]), "the bot has not registered such a command")
    // A command of another type may have the same name.
    register({ name: "play" }, { name: "play", type: 2 })
    assert.lengthOf(
      h.core.rest({ method: "GET", path: commands, authorization: bot, body: undefined })
        .body as unknown as ReadonlyArray<Json>,
      2
    )
  })

  it("a user can press a button of an answer, which the bot can then change", () => {
    const { client, h, typed } = setup()
    const { answer, begun, contents } = typed()
    const button = { type: 2, style: 1, custom_id: "pause", label: "Pause" }
    const menu = { type: 3, custom_id: "which", options: [{ label: "A", value: "a" }] }
    const components = [{ type: 1, components: [button, { ...button, custom_id: "no", disabled: true }] }, {
      type: 1,
      components: [menu]
    }]
    answer({ type: 4, data: { content: "Playing", components } })
    const pressed = begun.press(h.bot.id, "pause", [])
    assert(!("problem" in pressed))
    const { id, token, ...created }: Json = { ...client.events("INTERACTION_CREATE").at(-1) }
    assert.deepInclude(created, { type: 3 })
    assert.deepInclude(created["data"], { custom_id: "pause", component_type: 2 })
    assert.deepInclude(created["message"], { content: "Playing" })
    const reply = h.core.rest({
      method: "POST",
      path: `/interactions/${id}/${token}/callback`,
      authorization: undefined,
      body: JSON.stringify({ type: 7, data: { content: "Paused" } })
    })
    assert.strictEqual(reply.status, 204)
    assert.deepStrictEqual(contents(), ["Paused"])
    assert.strictEqual(pressed.progress(), "answered")
    assert.deepStrictEqual(pressed.messages(), [])
    begun.press(h.bot.id, "which", ["a"])
    assert.deepInclude(client.events("INTERACTION_CREATE").at(-1)?.["data"], { component_type: 3, values: ["a"] })
    for (const [customId, said] of [["no", "is disabled"], ["none", "has a component"]] as const) {
      const refused = begun.press(h.bot.id, customId, [])
      assert.include("problem" in refused ? refused.problem : "", said)
    }
  })

  it("a user can press a button that accompanies a text, even if it is nested", () => {
    const { client, h, typed } = setup()
    const { answer, begun } = typed()
    const button = { type: 2, style: 1, custom_id: "more", label: "More" }
    const section = { type: 9, components: [{ type: 10, content: "Playing" }], accessory: button }
    answer({ type: 4, data: { flags: 1 << 15, components: [{ type: 17, components: [section] }] } })
    assert.notProperty(begun.press(h.bot.id, "more", []), "problem")
    assert.deepInclude(client.events("INTERACTION_CREATE").at(-1)?.["data"], { custom_id: "more", component_type: 2 })
  })

  it("invalid answers and unknown tokens are refused as Discord refuses them", () => {
    const { call, h, problem, typed } = setup()
    const one = typed()
    for (const type of [0, 1, 6, 7, 8, 9, "4", undefined]) {
      assert.strictEqual(one.answer({ type }).json["code"], 50035)
    }
    assert.strictEqual(one.answer({ type: 4, data: { content: "" } }).json["code"], 50006)
    for (const body of ["{", "[]", "1", "--form\r\nno json"]) assert.strictEqual(one.answer(body).json["code"], 50109)
    assert.strictEqual(call("POST", "/interactions/1/none/callback", { type: 5 }).json["code"], 10062)
    assert.strictEqual(call("POST", `/webhooks/${h.bot.id}/none`, { content: "x" }).json["code"], 50027)
    assert.strictEqual(call("POST", one.webhook, { content: "too early" }).json["code"], 10015)
    const form =
      "--b\r\nContent-Disposition: form-data; name=\"payload_json\"\r\nContent-Type: application/json\r\n\r\n" +
      `${JSON.stringify({ type: 4, data: { content: "with a file" } })}\r\n--b\r\nbytes\r\n--b--`
    assert.strictEqual(one.answer(form).status, 204)
    assert.deepStrictEqual(one.contents(), ["with a file"])
    h.core.removeFromGuild(h.bot.id)
    assert.include(problem(["play"]), "is logged in, but does not receive events from there")
    h.core.closeGateway(h.bot.id, 4004, "")
    assert.include(problem(["play"]), "is no longer logged in")
  })

  it("a command accepts files, which are available as long as the bot can answer", () => {
    const { call, h, problem, register, typed } = setup()
    register({ name: "play", options: [{ name: "song", type: 11, required: true }] })
    const song = { name: "song.ogg", description: "It", contentType: undefined, data: Uint8Array.of(1, 2, 3) }
    assert.strictEqual(problem(["play"], { song: "song.ogg" }), "its option \"song\" must be a file")
    const large = { ...song, data: new Uint8Array(10 * 1024 * 1024 + 1) }
    assert.strictEqual(problem(["play"], { song: large }), "a file can have at most 10485760 bytes")
    const { data } = typed(["play"], { song })
    const [option] = data["options"] as ReadonlyArray<Json>
    const { attachments } = data["resolved"] as { readonly attachments: { readonly [id: string]: Json } }
    const file = attachments[String(option?.["value"])]
    assert.deepInclude(option, { name: "song", type: 11, value: file?.["id"] })
    assert.deepInclude(file, { filename: "song.ogg", description: "It", size: 3, ephemeral: true })
    const { pathname } = new URL(String(file?.["url"]))
    assert.strictEqual(call("GET", pathname, undefined).status, 200)
    h.core.advance(15 * 60_000)
    assert.strictEqual(call("GET", pathname, undefined).status, 404)
  })

  it("a file can be given without a registered option, and is not kept if no bot receives it", () => {
    const { h, problem, typed } = setup()
    const song = { name: "song.ogg", description: undefined, contentType: undefined, data: Uint8Array.of(1) }
    const { data } = typed(["play"], { song })
    assert.deepInclude((data["options"] as ReadonlyArray<Json>)[0], { name: "song", type: 11 })
    h.core.removeFromGuild(h.bot.id)
    assert.include(problem(["play"], { song }), "does not receive events from there")
  })

  it("nothing that a bot sends makes the emulator throw", () => {
    const { call, guest, h, problem, register, typed } = setup()
    const nested = (depth: number) => `${"[".repeat(depth)}${"]".repeat(depth)}`
    const rows = (depth: number) =>
      `${"{\"type\":1,\"components\":[".repeat(depth)}{"type":2,"style":1,"custom_id":"go"}${"]}".repeat(depth)}`
    const { answer, begun, webhook } = typed()
    const asJson = (response: { readonly json: unknown }) => JSON.stringify(response.json)
    // The nesting is too deep to be answered or shown to the bot again.
    for (const body of [rows(2_000), nested(30_000), rows(60)]) {
      const response = answer(`{"type":4,"data":{"content":"x","components":[${body}]}}`, "?with_response=true")
      assert.include(asJson(response), "50109")
    }
    assert.strictEqual(begun.progress(), "waiting")
    const brackets = nested(400).replaceAll("[", "[\\\"")
    const many = Array.from({ length: 30_000 }, () => 0)
    const refused = answer({ type: 4, data: { content: brackets, components: [null, { type: 1, components: many }] } })
    assert.strictEqual(refused.json["code"], 50035)
    answer({ type: 4, data: { content: brackets, embeds: [] } })
    assert.strictEqual(call("POST", webhook, `{"content":"y","components":[${rows(40)}]}`).json["code"], 50035)
    call("POST", webhook, `{"content":"y","components":[${rows(1)}]}`)
    assert.strictEqual(begun.messages()[0]?.content, brackets)
    assert.notProperty(begun.press(guest.id, "go", []), "problem")
    assert.property(begun.press(guest.id, "stop", []), "problem")
    const commands = `/applications/${h.bot.id}/commands`
    const all = call("PUT", commands, `[{"name":"play","options":${nested(30_000)}}]`, `Bot ${h.bot.token}`)
    assert.strictEqual(all.json["code"], 50109)
    register({ name: "play", options: [null, 1, { name: "constructor", type: 3, required: true }] })
    assert.strictEqual(problem(["play"]), "its option \"constructor\" is missing")
    assert.strictEqual(problem(["play"], { constructor: "x" }), "")
  })

  it("a deleted message cannot be changed by its button", () => {
    const { call, client, guest, typed } = setup()
    const { answer, begun, contents, webhook } = typed()
    answer({
      type: 4,
      data: { content: "x", components: [{ type: 1, components: [{ type: 2, style: 1, custom_id: "go" }] }] }
    })
    assert.notProperty(begun.press(guest.id, "go", []), "problem")
    const { id, token }: Json = { ...client.events("INTERACTION_CREATE").at(-1) }
    call("DELETE", `${webhook}/messages/@original`)
    assert.strictEqual(call("POST", `/interactions/${id}/${token}/callback`, { type: 7, data: {} }).json["code"], 10008)
    assert.deepStrictEqual(contents(), [])
  })

  it("a user cannot press a button of a message that only another user sees", () => {
    const { guest, h, typed } = setup()
    const { answer, begun } = typed()
    const other = h.core.createUser({ name: "other" })
    const components = [{ type: 1, components: [{ type: 2, style: 1, custom_id: "go" }] }]
    answer({ type: 4, data: { content: "x", flags: 64, components } })
    assert.deepStrictEqual(begun.press(other.id, "go", []), {
      problem: "no message of the bot has a component \"go\" that this user can see"
    })
    assert.notProperty(begun.press(guest.id, "go", []), "problem")
  })

  it("nothing can be typed or pressed during an outage of the guild", () => {
    const { client, guest, h, problem, typed } = setup()
    const { answer, begun } = typed()
    answer({
      type: 4,
      data: { content: "x", components: [{ type: 1, components: [{ type: 2, style: 1, custom_id: "go" }] }] }
    })
    h.core.setAvailable(h.guildId, false)
    const before = client.events("INTERACTION_CREATE").length
    assert.strictEqual(problem(["play"]), "the guild is unavailable")
    assert.deepStrictEqual(begun.press(guest.id, "go", []), { problem: "the guild is unavailable" })
    assert.lengthOf(client.events("INTERACTION_CREATE"), before)
    h.core.setAvailable(h.guildId, true)
    assert.strictEqual(problem(["play"]), "")
  })

  it("a bot is asked for suggestions while a user types", () => {
    const { call, following, guest, problem, register, suggest, typed } = setup()
    register({
      name: "queue",
      options: [{
        type: 1,
        name: "play",
        options: [
          { type: 3, name: "song", required: true, autocomplete: true, min_length: 3 },
          { type: 4, name: "at", required: true, autocomplete: true },
          { type: 6, name: "who" },
          { type: 3, name: "plain" }
        ]
      }]
    })
    const path = ["queue", "play"]
    const { answer, begun, created, data, webhook } = following(suggest(path, "song", { song: "ne", who: guest.id }))
    assert.deepInclude(created, { type: 4 })
    assert.deepStrictEqual(data["options"], [{
      name: "play",
      type: 1,
      options: [{ name: "song", type: 3, value: "ne", focused: true }, { name: "who", type: 6, value: guest.id }]
    }])
    assert.notProperty(data, "resolved")
    assert.isUndefined(begun.choices())
    const choices = [{ name: "Never", value: "never" }, { name: "Next", value: 2 }]
    // No message, no form, and nothing but a valid list of choices.
    const long = "x".repeat(101)
    const wrong = [
      { type: 4, data: { content: "x" } },
      { type: 5 },
      { type: 9, data: {} },
      { type: 8 },
      { type: 8, data: { choices: {} } },
      { type: 8, data: { choices: Array.from({ length: 26 }, () => choices[0]) } },
      { type: 8, data: { choices: [...choices, null] } },
      { type: 8, data: { choices: [{ name: "", value: "x" }] } },
      { type: 8, data: { choices: [{ name: long, value: "x" }] } },
      { type: 8, data: { choices: [{ name: "x", value: long }] } },
      { type: 8, data: { choices: [{ name: "x", value: true }] } }
    ]
    for (const body of wrong) assert.strictEqual(answer(body).json["code"], 50035, JSON.stringify(body))
    assert.strictEqual(begun.progress(), "waiting")
    assert.strictEqual(answer({ type: 8, data: { choices } }).status, 204)
    assert.deepStrictEqual(begun.choices(), choices)
    assert.strictEqual(answer({ type: 8, data: { choices } }).json["code"], 40060)
    assert.strictEqual(call("POST", webhook, { content: "x" }).json["code"], 10015)
    // A number is text while it is being typed, and may still be empty.
    const typing = (values: Typed["values"]) => following(suggest(path, "at", values)).data["options"]
    for (const [at, value] of [[undefined, ""], [1, "1"], ["1x", "1x"]] as const) {
      assert.deepStrictEqual(typing(at === undefined ? {} : { at }), [{
        name: "play",
        type: 1,
        options: [{ name: "at", type: 4, value, focused: true }]
      }])
    }
    const refused = (focused: string, values?: Typed["values"]) => {
      const begun = suggest(path, focused, values)
      return "problem" in begun ? begun.problem : ""
    }
    assert.include(refused("plain"), "without autocomplete")
    assert.include(refused("constructor"), "no option \"constructor\"")
    assert.include(refused("none"), "no option \"none\"")
    assert.include(refused("song", { at: "x" }), "a whole number")
    assert.include(problem(path), "\"song\" is missing")
    // The final value does not have to be one of the choices.
    assert.deepInclude(typed(path, { song: "another", at: 0 }).created, { type: 2 })
  })

  it("a bot without registered commands can suggest for any option, and has three seconds to do so", () => {
    const { following, h, suggest } = setup()
    const { answer, begun, data } = following(suggest(["play"], "song"))
    assert.deepStrictEqual(data["options"], [{ name: "song", type: 3, value: "", focused: true }])
    h.core.advance(3_000)
    assert.strictEqual(begun.progress(), "expired")
    assert.strictEqual(answer({ type: 8, data: { choices: [] } }).json["code"], 10062)
  })

  it("a user can fill in the form that the bot opens in answer to a command", () => {
    const { call, following, guest, typed } = setup()
    const command = typed()
    const components = [
      { type: 1, components: [{ type: 4, style: 1, custom_id: "song", label: "Song", min_length: 2, max_length: 4 }] },
      { type: 10, content: "and" },
      { type: 18, label: "Who", component: { type: 5, custom_id: "who", required: false } }
    ]
    const modal = { custom_id: "form", title: "Play", components }
    assert.deepStrictEqual(command.begun.submit({}), { problem: "the bot has not opened a form" })
    assert.strictEqual(command.answer({ type: 9, data: { ...modal, title: "" } }).json["code"], 50035)
    assert.strictEqual(command.answer({ type: 9, data: modal }).status, 204)
    assert.deepStrictEqual(command.begun.modal(), { customId: "form", title: "Play", components })
    assert.strictEqual(command.begun.progress(), "answered")
    assert.deepStrictEqual(command.begun.submit({ song: "x" }), {
      problem: "its input \"song\" must have at least 2 characters"
    })
    const form = following(command.begun.submit({ song: "abc", who: [guest.id] }))
    assert.deepInclude(form.created, { type: 5 })
    assert.notProperty(form.created, "message")
    assert.deepInclude(form.data, {
      custom_id: "form",
      components: [
        { type: 1, id: 1, components: [{ type: 4, id: 1, custom_id: "song", value: "abc" }] },
        { type: 10, id: 2 },
        { type: 18, id: 3, component: { type: 5, id: 3, custom_id: "who", values: [guest.id] } }
      ]
    })
    assert.deepInclude((form.data["resolved"] as Json)["users"], {
      [guest.id]: (form.created["member"] as Json)["user"]
    })
    assert.deepStrictEqual(command.begun.submit({ song: "abc" }), { problem: "the form was already submitted" })
    // There is no message to update, and a form cannot open another form.
    for (const type of [6, 7, 9]) assert.strictEqual(form.answer({ type, data: modal }).json["code"], 50035)
    form.answer({ type: 4, data: { content: "Playing abc" } })
    assert.deepStrictEqual(form.contents(), ["Playing abc"])
    // Follow-ups to the command itself are possible as well.
    assert.strictEqual(call("POST", command.webhook, { content: "more" }).status, 200)
    assert.deepStrictEqual(command.contents(), ["more"])
  })

  it("a form that a button opens can change the message of that button", () => {
    const { following, guest, typed } = setup()
    const { answer, begun, contents } = typed()
    const components = [{ type: 1, components: [{ type: 2, style: 1, custom_id: "ask" }] }]
    answer({ type: 4, data: { content: "x", components } })
    const button = following(begun.press(guest.id, "ask", []))
    button.answer({
      type: 9,
      data: {
        custom_id: "form",
        title: "Ask",
        components: [{ type: 1, components: [{ type: 4, custom_id: "what", required: false }] }]
      }
    })
    const form = following(button.begun.submit({}))
    assert.deepInclude(form.created["message"], { content: "x" })
    form.answer({ type: 7, data: { content: "y", components: [] } })
    assert.deepStrictEqual(contents(), ["y"])
  })

  it("the original answer to a button is the bot's new message, or the message that the button changes", () => {
    const { call, following, guest, typed } = setup()
    const { answer, begun, contents } = typed()
    answer({
      type: 4,
      data: { content: "x", components: [{ type: 1, components: [{ type: 2, style: 1, custom_id: "go" }] }] }
    })
    const edited = (type: number, content: string) => {
      const press = following(begun.press(guest.id, "go", []))
      press.answer({ type, data: { content: "first" } })
      assert.strictEqual(call("PATCH", `${press.webhook}/messages/@original`, { content }).status, 200)
      return press.contents()
    }
    assert.deepStrictEqual(edited(5, "done"), ["done"])
    assert.deepStrictEqual(edited(4, "said"), ["said"])
    assert.deepStrictEqual(contents(), ["x"])
    assert.deepStrictEqual(edited(6, "silently"), [])
    assert.deepStrictEqual(contents(), ["silently"])
    assert.deepStrictEqual(edited(7, "updated"), [])
    assert.deepStrictEqual(contents(), ["updated"])
  })

  it("a select menu of users, roles or channels resolves what was chosen", () => {
    const { following, guest, h, typed } = setup()
    const { answer, begun } = typed()
    const menus = [5, 6, 7, 8].map((type) => ({ type: 1, components: [{ type, custom_id: `menu${type}` }] }))
    answer({ type: 4, data: { content: "x", components: menus } })
    const named = (customId: string, id: string) => following(begun.press(guest.id, customId, [id])).data["resolved"]
    assert.property((named("menu5", guest.id) as Json)["users"], guest.id)
    assert.property((named("menu7", guest.id) as Json)["members"], guest.id)
    assert.property((named("menu8", h.lobby) as Json)["channels"], h.lobby)
    const problem = (customId: string, values: ReadonlyArray<string>) => {
      const pressed = begun.press(guest.id, customId, values)
      return "problem" in pressed ? pressed.problem : ""
    }
    assert.include(problem("menu5", [h.lobby]), `no user has the id ${h.lobby}`)
    assert.include(problem("menu6", ["1"]), "no role has the id 1")
    assert.strictEqual(problem("menu5", []), "its component \"menu5\" must have at least 1 selected")
    assert.strictEqual(problem("menu5", [guest.id, h.bot.id]), "its component \"menu5\" must have at most 1 selected")
  })

  it("a user cannot choose an option that a menu does not have", () => {
    const { guest, typed } = setup()
    const { answer, begun } = typed()
    const menu = { type: 3, custom_id: "which", min_values: 0, options: [{ label: "A", value: "a" }] }
    answer({ type: 4, data: { content: "x", components: [{ type: 1, components: [menu] }] } })
    assert.deepStrictEqual(begun.press(guest.id, "which", ["b"]), {
      problem: "its component \"which\" has no choice \"b\""
    })
    assert.notProperty(begun.press(guest.id, "which", ["a"]), "problem")
    assert.notProperty(begun.press(guest.id, "which", []), "problem")
  })

  it("a user cannot type a number that JSON cannot represent", () => {
    const { problem, typed } = setup()
    for (const gain of [NaN, Infinity, -Infinity]) {
      assert.strictEqual(problem(["play"], { gain }), "its option \"gain\" must be a number")
    }
    assert.deepStrictEqual(typed(["play"], { gain: -0.5 }).data["options"], [{ name: "gain", type: 10, value: -0.5 }])
  })
})
