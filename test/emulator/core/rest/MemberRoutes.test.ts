import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import * as Permissions from "../../../../src/emulator/core/Permissions.ts"
import { Intents } from "../../../../src/protocol/GatewayPayload.ts"
import * as Harness from "../Harness.ts"

type Json = { readonly [key: string]: unknown }

const setup = () => {
  const h = Harness.make()
  const guest = h.core.createUser({ name: "guest" })
  const moderator = h.core.createUser({ name: "moderator", bot: true, moderator: true, privilegedIntents: true })
  const client = h.login({
    token: moderator.token,
    intents: Intents.Guilds | Intents.GuildMembers | Intents.GuildVoiceStates
  })
  const patch = (id: string, body: unknown, as: { readonly token: string } = moderator) => {
    const path = `/guilds/${h.guildId}/members/${id}`
    const text = typeof body === "string" ? body : JSON.stringify(body)
    const answer = h.core.rest({ method: "PATCH", path, authorization: as.token, body: text })
    return { status: answer.status, json: answer.body as Json }
  }
  return { h, guest, moderator, client, patch }
}

describe("a member", () => {
  it("can be given a nickname by a moderator, which is announced", () => {
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

  it("can change its own nickname, and nothing else", () => {
    const { client, h, patch } = setup()
    const owner = h.core.ownerOf(h.guildId)?.token
    assert.deepInclude(patch("@me", { nick: "DJ", mute: true }, h.bot).json, { nick: "DJ", mute: false })
    assert.deepInclude(client.events("GUILD_MEMBER_UPDATE").at(-1), { nick: "DJ" })
    assert.strictEqual(patch("@me", { nick: "x".repeat(33) }, h.bot).json["code"], 50035)
    assert.deepInclude(patch("@me", {}, h.bot).json, { nick: "DJ" })
    // The path as discord.js writes it.
    assert.deepInclude(patch("%40me", { nick: null }, h.bot).json, { nick: null })
    const path = `/guilds/${h.guildId}/roles/${h.guildId}`
    const body = JSON.stringify({ permissions: String(Permissions.everyone & ~Permissions.bits.CHANGE_NICKNAME) })
    assert.strictEqual(h.core.rest({ method: "PATCH", path, authorization: owner, body }).status, 200)
    assert.strictEqual(patch("@me", { nick: "DJ" }, h.bot).json["code"], 50013)
    assert.strictEqual(patch("@me", { bio: "plays" }, h.bot).status, 200)
  })

  it("can change its own nickname at the path that discord.py uses as well", () => {
    const { client, h, patch } = setup()
    assert.deepStrictEqual(patch("@me/nick", { nick: "DJ" }, h.bot), { status: 200, json: { nick: "DJ" } })
    assert.deepInclude(client.events("GUILD_MEMBER_UPDATE").at(-1), { nick: "DJ" })
    assert.strictEqual(patch("@me/nick", { nick: "x".repeat(33) }, h.bot).json["code"], 50035)
    assert.deepStrictEqual(patch("@me/nick", { nick: "" }, h.bot).json, { nick: null })
  })

  it("in a time-out is disconnected from voice and cannot join until it is over", () => {
    const { client, guest, h, moderator, patch } = setup()
    const join = () => h.core.participants.join({ userId: guest.id, channelId: h.lobby })
    const joined = join()
    assert(Result.isSuccess(joined))
    const at = (ms: number) => ({ communication_disabled_until: new Date(ms).toISOString() })
    assert.strictEqual(patch(guest.id, at(60_000), h.bot).json["code"], 50013)
    assert.strictEqual(patch(guest.id, at(28 * 24 * 3_600_000 + 1)).json["code"], 50035)
    assert.strictEqual(patch(guest.id, { communication_disabled_until: "soon" }).json["code"], 50035)
    assert.strictEqual(joined.success.channelId, h.lobby)
    // Nor can a moderator time out one of the same rank.
    assert.strictEqual(patch(moderator.id, at(60_000)).json["code"], 50013)

    const until = { communication_disabled_until: "1970-01-01T00:01:00.000Z" }
    assert.deepInclude(patch(guest.id, at(60_000)).json, until)
    assert.deepInclude(client.events("GUILD_MEMBER_UPDATE").at(-1), until)
    assert.isUndefined(joined.success.channelId)
    assert.deepStrictEqual(join(), Result.fail("no-permission"))
    h.core.advance(59_999)
    assert.deepStrictEqual(join(), Result.fail("no-permission"))
    h.core.advance(60_000)
    assert.isTrue(Result.isSuccess(join()))
    assert.lengthOf(client.events("GUILD_MEMBER_UPDATE"), 1)

    // A later time-out replaces the earlier one, and can be removed.
    patch(guest.id, at(70_000))
    patch(guest.id, at(90_000))
    h.core.advance(80_000)
    assert.deepStrictEqual(join(), Result.fail("no-permission"))
    assert.deepInclude(patch(guest.id, { communication_disabled_until: null }).json, {
      communication_disabled_until: null
    })
    assert.isTrue(Result.isSuccess(join()))
    // A time-out that is already over has no effect.
    assert.deepInclude(patch(guest.id, at(10)).json, { communication_disabled_until: "1970-01-01T00:00:00.010Z" })
    assert.isTrue(Result.isSuccess(join()))
  })

  it("who is an administrator cannot be timed out", () => {
    const { guest, h, patch } = setup()
    h.core.createRole(h.guildId, { name: "admin", permissions: 1n << 3n })
    h.core.setRoles(guest.id, ["admin"])
    assert.strictEqual(patch(guest.id, { communication_disabled_until: null }).json["code"], 50013)
    assert.isTrue(h.core.timeOut(guest.id, 60_000))
    assert.isTrue(Result.isSuccess(h.core.participants.join({ userId: guest.id, channelId: h.lobby })))
  })

  it("can be moved to a channel whose id is given as a number", () => {
    const { guest, h, patch } = setup()
    const joined = h.core.participants.join({ userId: guest.id, channelId: h.lobby })
    assert(Result.isSuccess(joined))
    assert.strictEqual(patch(guest.id, `{"channel_id":${h.other}}`).status, 200)
    assert.strictEqual(joined.success.channelId, h.other)
    assert.strictEqual(patch(guest.id, "{\"channel_id\":1}").json["code"], 10003)
  })

  it("is changed completely or not at all", () => {
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

  it("is not changed by values of the wrong type", () => {
    const { client, guest, h, moderator, patch } = setup()
    const error = (path: string, { json }: { readonly json: Json }) => {
      const fields = json["errors"] as { readonly [field: string]: { readonly _errors: ReadonlyArray<Json> } }
      return [json["code"], fields[path]?._errors[0]?.["code"]]
    }
    assert.deepStrictEqual(error("nick", patch(guest.id, { nick: 5 })), [50035, "STRING_TYPE_CONVERT"])
    assert.deepStrictEqual(error("nick", patch("@me", { nick: ["DJ"] }, h.bot)), [50035, "STRING_TYPE_CONVERT"])
    assert.deepStrictEqual(error("nick", patch(guest.id, { nick: "x".repeat(33) })), [50035, "BASE_TYPE_MAX_LENGTH"])
    const stage = h.core.createChannel({ guildId: h.guildId, name: "stage", kind: "stage" })
    assert(stage !== undefined)
    const joined = h.core.participants.join({ userId: guest.id, channelId: stage })
    assert(Result.isSuccess(joined))
    const before = client.events("VOICE_STATE_UPDATE").length
    const path = `/guilds/${h.guildId}/voice-states/${guest.id}`
    const change = (body: unknown) => {
      const answer = h.core.rest({ method: "PATCH", path, authorization: moderator.token, body: JSON.stringify(body) })
      return { status: answer.status, json: (answer.body ?? {}) as Json }
    }
    for (const suppress of [0, "false", {}]) {
      assert.deepStrictEqual(error("suppress", change({ suppress })), [50035, "BOOLEAN_TYPE_CONVERT"])
    }
    for (const time of [5, true, "soon", ""]) {
      assert.deepStrictEqual(
        error("request_to_speak_timestamp", change({ suppress: false, request_to_speak_timestamp: time })),
        [50035, "DATE_TIME_TYPE_PARSE"]
      )
    }
    assert.lengthOf(client.events("VOICE_STATE_UPDATE"), before)
    assert.strictEqual(change({ suppress: false, request_to_speak_timestamp: null }).status, 204)
    assert.lengthOf(client.events("VOICE_STATE_UPDATE"), before + 1)
  })
})
