import { assert, describe, it } from "@effect/vitest"
import { Intents } from "../../../../src/protocol/GatewayPayload.ts"
import * as Harness from "../Harness.ts"

type Json = { readonly [key: string]: unknown }

const setup = (isModerator = true) => {
  const h = Harness.make()
  const guest = h.core.createUser({ name: "guest" })
  const other = h.core.createUser({ name: "other", moderator: true })
  if (isModerator) h.core.setModerator(h.bot.id, true)
  const call = (method: string, path: string, body?: unknown) => {
    const sent = body === undefined ? undefined : JSON.stringify(body)
    const at = path.startsWith("/channels") || path.startsWith("/invites") ? path : `/guilds/${h.guildId}${path}`
    const answer = h.core.rest({ method, path: at, authorization: h.bot.token, body: sent, reason: "too%20loud" })
    return { status: answer.status, json: answer.body as Json }
  }
  return { h, guest, other, call }
}

const codes = (answers: ReadonlyArray<{ readonly json: Json }>) => answers.map(({ json }) => json["code"])

describe("a ban", () => {
  it("requires a higher role than the user's, and keeps the user out until it is lifted", () => {
    const { call, guest, h, other } = setup()
    const { token } = h.core.createUser({ name: "watcher", bot: true, privilegedIntents: true, moderator: true })
    const plain = h.core.createUser({ name: "plain", bot: true })
    const deaf = h.login({ token: plain.token, intents: Intents.GuildModeration })
    const client = h.login({ token, intents: Intents.GuildModeration | Intents.GuildMembers })
    const dispatched = () => Harness.names(client.take())
    assert.strictEqual(call("PUT", `/bans/${guest.id}`, {}).status, 204)
    assert.deepStrictEqual(dispatched(), ["GUILD_BAN_ADD", "GUILD_MEMBER_REMOVE", "GUILD_AUDIT_LOG_ENTRY_CREATE"])
    assert.deepInclude(call("GET", `/bans/${guest.id}`).json, { reason: "too loud" })
    assert.isFalse(h.core.addToGuild(guest.id))
    assert.deepStrictEqual(
      codes([
        call("PUT", `/bans/${other.id}`, {}),
        call("PUT", `/bans/${h.bot.id}`, {}),
        call("PUT", "/bans/1", {}),
        call("PUT", `/bans/${guest.id}`, { delete_message_seconds: 604_801 }),
        call("GET", `/bans/${other.id}`),
        call("DELETE", `/bans/${other.id}`),
        call("POST", "/bulk-ban", { user_ids: [] }),
        call("POST", "/bulk-ban", { user_ids: [other.id, "1"] })
      ]),
      [50013, 50013, 10013, 50035, 10026, 10026, 50035, 500000]
    )
    assert.strictEqual(call("DELETE", `/bans/${guest.id}`).status, 204)
    assert.deepStrictEqual(dispatched(), ["GUILD_BAN_REMOVE", "GUILD_AUDIT_LOG_ENTRY_CREATE"])
    // A bot that may neither ban nor see the audit log is not told.
    assert.deepStrictEqual(deaf.take(), [])
    assert.isTrue(h.core.addToGuild(guest.id))
    const without = setup(false)
    assert.deepStrictEqual(
      codes([
        without.call("PUT", `/bans/${without.guest.id}`, {}),
        without.call("GET", "/bans"),
        without.call("POST", "/bulk-ban", { user_ids: [without.guest.id] })
      ]),
      [50013, 50013, 50013]
    )
  })
})

describe("bans", () => {
  it("are listed by user id, in pages", () => {
    const { call, h } = setup()
    const ids = Array.from({ length: 4 }, (_, i) => h.core.createUser({ name: `guest ${i}` }).id)
    for (const id of ids.toReversed()) assert.strictEqual(call("PUT", `/bans/${id}`, {}).status, 204)
    const list = (query: string) => {
      const { json } = call("GET", `/bans${query}`)
      return (json as unknown as ReadonlyArray<{ readonly user: Json }>).map(({ user }) => user["id"])
    }
    const [first, second, third, fourth] = ids
    assert.deepStrictEqual(list(""), ids)
    assert.deepStrictEqual(list("?limit=2"), [first, second])
    assert.deepStrictEqual(list(`?limit=2&after=${second}`), [third, fourth])
    assert.deepStrictEqual(list(`?limit=2&before=${fourth}`), [second, third])
    assert.deepStrictEqual(list(`?before=${third}&after=${first}`), [first, second])
  })
})

describe("an invitation", () => {
  it("is reused unless a unique one is requested, and expires", () => {
    const { call, h } = setup()
    const path = `/channels/${h.lobby}/invites`
    const first = call("POST", path, {}).json
    assert.deepInclude(first, { max_age: 86_400, max_uses: 0, temporary: false, uses: 0 })
    assert.strictEqual(call("POST", path, {}).json["code"], first["code"])
    const other = call("POST", path, { unique: true, max_age: 60 }).json["code"]
    assert.notStrictEqual(other, first["code"])
    assert.strictEqual(call("GET", `/invites/${other}`).status, 200)
    h.core.advance(h.core.snapshot().nowMs + 60_000)
    assert.strictEqual(call("GET", `/invites/${other}`).json["code"], 10006)
    assert.strictEqual(call("POST", path, { max_age: -1 }).json["code"], 50035)
  })

  it("is announced to those who may manage the channel, and deleted with it", () => {
    const { call, h } = setup()
    const client = h.login({ intents: Intents.GuildInvites })
    const path = `/channels/${h.lobby}/invites`
    const { code } = call("POST", path, {}).json
    assert.deepInclude(client.events("INVITE_CREATE")[0], { code, channel_id: h.lobby, guild_id: h.guildId })
    h.core.setModerator(h.bot.id, false)
    call("POST", path, { unique: true })
    assert.lengthOf(client.events("INVITE_CREATE"), 1)
    assert.deepStrictEqual(
      codes([call("GET", path), call("DELETE", `/invites/${code}`)]),
      [50013, 50013]
    )
    h.core.deleteChannel(h.lobby)
    assert.strictEqual(call("GET", `/invites/${code}`).json["code"], 10006)
  })
})
