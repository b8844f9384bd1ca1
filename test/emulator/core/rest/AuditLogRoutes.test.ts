import { assert, describe, it } from "@effect/vitest"
import { Intents } from "../../../../src/protocol/GatewayPayload.ts"
import * as Harness from "../Harness.ts"

type Json = { readonly [key: string]: unknown }

interface Log {
  readonly audit_log_entries: ReadonlyArray<Json>
  readonly users: ReadonlyArray<Json>
  readonly webhooks: ReadonlyArray<Json>
  readonly threads: ReadonlyArray<Json>
}

const setup = (options?: Parameters<typeof Harness.make>[0]) => {
  const h = Harness.make(options)
  const guest = h.core.createUser({ name: "guest" })
  const other = h.core.createUser({ name: "other" })
  h.core.setModerator(h.bot.id, true)
  const call = (method: string, path: string, body?: unknown, reason?: string) => {
    const sent = body === undefined ? undefined : JSON.stringify(body)
    const at = /^\/(channels\/|webhooks|invites|stage)/.test(path) ? path : `/guilds/${h.guildId}${path}`
    const answer = h.core.rest({ method, path: at, authorization: h.bot.token, body: sent, reason })
    return { status: answer.status, json: answer.body as Json }
  }
  const log = (query = "") => call("GET", `/audit-logs${query}`).json as unknown as Log
  const owner = h.core.ownerOf(h.guildId)?.id
  return { h, guest, other, call, log, owner }
}

describe("the audit log", () => {
  it("merges moves to one channel and disconnections by one moderator, and announces only the first", () => {
    const { call, guest, h, log, other } = setup()
    for (const { id } of [guest, other]) h.core.participants.join({ userId: id, channelId: h.lobby })
    const client = h.login({ intents: Intents.GuildModeration })
    const move = (id: string, channel: string | null) => call("PATCH", `/members/${id}`, { channel_id: channel })
    assert.strictEqual(move(guest.id, h.other).status, 200)
    move(other.id, h.other)
    move(guest.id, h.lobby)
    move(other.id, null)
    move(guest.id, null)
    const entry = { user_id: h.bot.id, target_id: null }
    const told = client.events("GUILD_AUDIT_LOG_ENTRY_CREATE")
    assert.deepStrictEqual(
      told.map(({ id: _, ...rest }) => rest),
      [
        { ...entry, action_type: 26, options: { channel_id: h.other, count: "1" }, guild_id: h.guildId },
        { ...entry, action_type: 26, options: { channel_id: h.lobby, count: "1" }, guild_id: h.guildId },
        { ...entry, action_type: 27, options: { count: "1" }, guild_id: h.guildId }
      ]
    )
    assert.deepStrictEqual(log(`?user_id=${h.bot.id}`).audit_log_entries, [
      { ...entry, id: told[2]?.["id"], action_type: 27, options: { count: "2" } },
      { ...entry, id: told[1]?.["id"], action_type: 26, options: { channel_id: h.lobby, count: "1" } },
      { ...entry, id: told[0]?.["id"], action_type: 26, options: { channel_id: h.other, count: "2" } }
    ])
  })

  it("starts a new entry after the merge time of the profile", () => {
    const { guest, h, log } = setup({ profile: { auditLogMergeMs: 1_000 } })
    const kick = () => {
      h.core.participants.join({ userId: guest.id, channelId: h.lobby })
      h.core.kick(guest.id)
    }
    kick()
    h.core.advance(999)
    kick()
    h.core.advance(1_000)
    kick()
    const counts = log("?action_type=27").audit_log_entries.map(({ options }) => options)
    assert.deepStrictEqual(counts, [{ count: "1" }, { count: "2" }])
  })

  it("names who acted: a bot over REST with its reason, the user that a test names, or the owner", () => {
    const { call, guest, h, log, other, owner } = setup()
    h.core.participants.join({ userId: guest.id, channelId: h.lobby })
    call("PATCH", `/members/${guest.id}`, { mute: true }, "too%20loud")
    h.core.as(other.id, () => h.core.muteUser(guest.id, { mute: false, deaf: true }))
    h.core.setNick(guest.id, "DJ")
    // A change to the same value is not a change.
    h.core.setNick(guest.id, "DJ")
    call("PATCH", `/members/${guest.id}`, { mute: false })
    const of = { action_type: 24, target_id: guest.id }
    const found = log("?action_type=24")
    assert.deepStrictEqual(found.audit_log_entries.map(({ id: _, ...rest }) => rest), [
      { ...of, user_id: owner, changes: [{ key: "nick", new_value: "DJ" }] },
      {
        ...of,
        user_id: other.id,
        changes: [
          { key: "mute", old_value: true, new_value: false },
          { key: "deaf", old_value: false, new_value: true }
        ]
      },
      {
        ...of,
        user_id: h.bot.id,
        changes: [{ key: "mute", old_value: false, new_value: true }],
        reason: "too loud"
      }
    ])
    assert.sameMembers(found.users.map(({ id }) => id), [guest.id, other.id, owner, h.bot.id])
  })

  it("records what happens to members", () => {
    const { call, guest, h, log } = setup()
    const role = h.core.createRole(h.guildId, { name: "DJ" })
    h.core.participants.join({ userId: guest.id, channelId: h.lobby })
    const until = new Date(60_000).toISOString()
    call("PUT", `/members/${guest.id}/roles/${role?.id}`)
    call("DELETE", `/members/${guest.id}/roles/${role?.id}`)
    call("PATCH", `/members/${guest.id}`, { communication_disabled_until: until })
    call("DELETE", `/members/${guest.id}`)
    h.core.addToGuild(guest.id)
    call("PUT", `/bans/${guest.id}`, {})
    call("DELETE", `/bans/${guest.id}`)
    const of = { target_id: guest.id, user_id: h.bot.id }
    const roles = [{ id: role?.id, name: "DJ" }]
    assert.deepStrictEqual(
      log(`?user_id=${h.bot.id}`).audit_log_entries.toReversed().map(({ id: _, ...rest }) => rest),
      [
        { ...of, action_type: 25, changes: [{ key: "$add", new_value: roles }] },
        { ...of, action_type: 25, changes: [{ key: "$remove", new_value: roles }] },
        { ...of, action_type: 24, changes: [{ key: "communication_disabled_until", new_value: until }] },
        // The disconnection from voice that the time-out causes.
        { user_id: h.bot.id, target_id: null, action_type: 27, options: { count: "1" } },
        { ...of, action_type: 20 },
        { ...of, action_type: 22 },
        { ...of, action_type: 23 }
      ]
    )
  })

  it("records what happens to channels, roles and the rest of a guild, unless nothing changes", () => {
    const { call, guest, h, log } = setup()
    const { id: channel } = call("POST", "/channels", { name: "room", type: 2 }).json
    call("PATCH", `/channels/${channel}`, { name: "den", user_limit: 2 })
    call("PATCH", `/channels/${channel}`, { name: "den" })
    call("PUT", `/channels/${channel}/permissions/${guest.id}`, { type: 1, deny: "2097152" })
    call("PUT", `/channels/${channel}/permissions/${guest.id}`, { type: 1, allow: "2097152" })
    call("DELETE", `/channels/${channel}/permissions/${guest.id}`)
    call("PUT", `/channels/${channel}/voice-status`, { status: "on air" })
    call("PUT", `/channels/${channel}/voice-status`, { status: null })
    const { code } = call("POST", `/channels/${channel}/invites`, {}).json
    call("DELETE", `/invites/${code}`)
    const { id: webhook, token } = call("POST", `/channels/${channel}/webhooks`, { name: "hook" }).json
    call("PATCH", `/webhooks/${webhook}`, { name: "hooks" })
    // The user who does this is unknown.
    h.core.rest({ method: "DELETE", path: `/webhooks/${webhook}/${token}`, authorization: undefined, body: undefined })
    call("DELETE", `/channels/${channel}`)
    const { id: role } = call("POST", "/roles", { name: "DJ" }).json
    call("PATCH", `/roles/${role}`, { color: 1 })
    call("DELETE", `/roles/${role}`)
    call("PATCH", "", { name: "band" })
    const image = "data:image/png;base64,iVBORw0KGgo="
    const { id: emoji } = call("POST", "/emojis", { name: "skip", image }).json
    call("PATCH", `/emojis/${emoji}`, { name: "next" })
    call("DELETE", `/emojis/${emoji}`)
    const text = h.core.createChannel({ guildId: h.guildId, name: "text", kind: "text" })
    const { id: thread } = call("POST", `/channels/${text}/threads`, { name: "log", type: 11 }).json
    call("PATCH", `/channels/${thread}`, { locked: true })
    assert.deepStrictEqual(log("?action_type=111").threads.map(({ id }) => id), [thread])
    call("DELETE", `/channels/${thread}`)
    const stage = h.core.createChannel({ guildId: h.guildId, name: "stage", kind: "stage" })
    call("POST", "/stage-instances", { channel_id: stage, topic: "news" })
    call("PATCH", `/stage-instances/${stage}`, { topic: "more" })
    call("DELETE", `/stage-instances/${stage}`)
    const mine = log(`?limit=100&user_id=${h.bot.id}`).audit_log_entries.toReversed()
    const types = [
      10,
      11,
      13,
      14,
      15,
      192,
      193,
      40,
      42,
      50,
      51,
      12,
      30,
      31,
      32,
      1,
      60,
      61,
      62,
      110,
      111,
      112,
      83,
      84,
      85
    ]
    assert.deepStrictEqual(mine.map((entry) => entry["action_type"]), types)
    const of = (type: number) => mine.find((entry) => entry["action_type"] === type)
    assert.deepInclude(of(11), {
      target_id: channel,
      changes: [
        { key: "name", old_value: "room", new_value: "den" },
        { key: "user_limit", old_value: 0, new_value: 2 }
      ]
    })
    assert.deepInclude(of(14), {
      options: { id: guest.id, type: "1" },
      changes: [
        { key: "allow", old_value: "0", new_value: "2097152" },
        { key: "deny", old_value: "2097152", new_value: "0" }
      ]
    })
    assert.deepInclude(of(192), { target_id: channel, options: { channel_id: channel, status: "on air" } })
    assert.deepInclude(of(40), { target_id: null })
    assert.deepInclude(of(84), {
      options: { channel_id: stage },
      changes: [{ key: "topic", old_value: "news", new_value: "more" }]
    })
  })

  it("merges deleted messages of one author in one channel", () => {
    const { call, guest, h, log } = setup()
    const text = h.core.createChannel({ guildId: h.guildId, name: "text", kind: "text" })
    if (text === undefined) throw new Error("There is no channel.")
    const path = `/channels/${text}/messages`
    const write = () => {
      h.core.write({ userId: guest.id, channelId: text, content: "hello", files: [] })
      return String(h.core.messagesOf(text).at(-1)?.id)
    }
    const ids = [write(), write(), write(), write()]
    call("DELETE", `${path}/${ids[0]}`)
    call("DELETE", `${path}/${ids[1]}`)
    call("PUT", `${path}/pins/${ids[2]}`)
    call("POST", `${path}/bulk-delete`, { messages: [ids[2], ids[3]] })
    const { id: own } = call("POST", path, { content: "mine" }).json
    call("DELETE", `${path}/${own}`)
    const of = { target_id: guest.id, user_id: h.bot.id }
    const entries = log(`?user_id=${h.bot.id}`).audit_log_entries
    assert.deepStrictEqual(entries.toReversed().map(({ id: _, ...rest }) => rest), [
      { ...of, action_type: 72, options: { channel_id: text, count: "2" } },
      { ...of, action_type: 74, options: { channel_id: text, message_id: ids[2] } },
      { ...of, target_id: text, action_type: 73, options: { count: "2" } }
    ])
  })

  it("requires permission to view it, and keeps entries for 45 days", () => {
    const { call, guest, h, log } = setup()
    const client = h.login({ intents: Intents.GuildModeration })
    h.core.setNick(guest.id, "one")
    h.core.setModerator(h.bot.id, false)
    h.core.setNick(guest.id, "two")
    assert.lengthOf(client.events("GUILD_AUDIT_LOG_ENTRY_CREATE"), 1)
    assert.strictEqual(call("GET", "/audit-logs").json["code"], 50013)
    h.core.setModerator(h.bot.id, true)
    assert.lengthOf(log("?action_type=24").audit_log_entries, 2)
    h.core.advance(45 * 24 * 3_600_000)
    assert.deepStrictEqual(log().audit_log_entries, [])
  })

  it("is read in pages, in both directions", () => {
    const { call, guest, h, log } = setup()
    for (let i = 0; i < 5; i++) h.core.setNick(guest.id, `name ${i}`)
    const ids = (query: string) => log(`?action_type=24${query}`).audit_log_entries.map(({ id }) => id)
    const all = ids("")
    assert.lengthOf(all, 5)
    assert.deepStrictEqual(ids("&limit=2"), all.slice(0, 2))
    assert.deepStrictEqual(ids(`&limit=2&before=${all[1]}`), all.slice(2, 4))
    assert.deepStrictEqual(ids(`&limit=2&after=${all[4]}`), [all[3], all[2]])
    const codes = ["limit=0", "limit=101", "before=x", "user_id=x", "action_type=x"].map((query) =>
      call("GET", `/audit-logs?${query}`).json["code"]
    )
    assert.deepStrictEqual(codes, [50035, 50035, 50035, 50035, 50035])
  })
})
