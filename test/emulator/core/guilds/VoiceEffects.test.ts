import { assert, describe, it } from "@effect/vitest"
import type * as Core from "../../../../src/emulator/core/Core.ts"
import { Intents } from "../../../../src/protocol/GatewayPayload.ts"
import * as Harness from "../Harness.ts"

type Json = { readonly [key: string]: unknown }

const event = "VOICE_CHANNEL_EFFECT_SEND"

/** A bot in the lobby, and a sound of its guild. */
const setup = () => {
  const h = Harness.make()
  const client = h.login()
  h.join(client, h.lobby)
  const made = h.core.createSound(h.guildId, { name: "yay", volume: 0.5 })
  const yay = made !== undefined && "id" in made ? made.id : ""
  const effects: Array<Core.Happening> = []
  h.core.observe((happening) => happening._tag === "EffectSent" ? effects.push(happening) : undefined)
  const call = (method: string, path: string, body?: Json) => {
    const sent = body === undefined ? undefined : JSON.stringify(body)
    const answer = h.core.rest({ method, path, authorization: h.bot.token, body: sent })
    return { status: answer.status, json: answer.body as Json | undefined }
  }
  const send = (body: Json, channel: string = h.lobby) =>
    call("POST", `/channels/${channel}/send-soundboard-sound`, body)
  const codeOf = (body: Json = { sound_id: "1" }, channel?: string) => send(body, channel).json?.["code"]
  return { h, client, call, send, codeOf, effects, yay }
}

/** Denies everyone a permission in the lobby, given by its bit. */
const deny = (h: Harness.Harness, bit: bigint) => {
  const owner = h.core.ownerOf(h.guildId)
  const path = `/channels/${h.lobby}/permissions/${h.guildId}`
  const body = JSON.stringify({ type: 0, allow: "0", deny: String(bit) })
  assert.strictEqual(h.core.rest({ method: "PUT", path, authorization: owner?.token, body }).status, 204)
}

describe("sounds that bots send", () => {
  it("are announced to the sender and to everybody in the channel", () => {
    const { client, effects, h, send, yay } = setup()
    const [there, elsewhere, deafToIt] = ["there", "elsewhere", "deaf to it"].map((name) => {
      const { token } = h.core.createUser({ name, bot: true })
      return h.login(name === "deaf to it" ? { token, intents: Intents.Guilds } : { token })
    })
    if (there === undefined || elsewhere === undefined || deafToIt === undefined) return assert.fail("there are three")
    for (const [one, channel] of [[there, h.lobby], [elsewhere, h.other], [deafToIt, h.lobby]] as const) {
      h.join(one, channel)
    }
    assert.deepStrictEqual(send({ sound_id: "1" }), { status: 204, json: undefined })
    assert.deepStrictEqual(send({ sound_id: yay, source_guild_id: null }), { status: 204, json: undefined })
    const both = { channel_id: h.lobby, guild_id: h.guildId, user_id: h.bot.id, animation_id: 0 }
    const expected = [
      { ...both, emoji: { animated: false, id: null, name: "🦆" }, animation_type: 1, sound_id: 1, sound_volume: 1 },
      { ...both, emoji: null, animation_type: null, sound_id: yay, sound_volume: 0.5 }
    ]
    assert.deepStrictEqual(client.events(event), expected)
    assert.deepStrictEqual(there.events(event), expected)
    for (const one of [elsewhere, deafToIt]) assert.lengthOf(one.events(event), 0)
    const where = { _tag: "EffectSent", userId: h.bot.id, guildId: h.guildId, channelId: h.lobby } as const
    assert.deepStrictEqual<ReadonlyArray<unknown>>(effects, [
      { ...where, sound: { id: "1", name: "quack", volume: 1, guildId: undefined }, emoji: "🦆" },
      { ...where, sound: { id: yay, name: "yay", volume: 0.5, guildId: h.guildId }, emoji: undefined }
    ])
    assert.deepStrictEqual(h.violations(), [])
  })

  it("require the sender to be in the channel", () => {
    const { client, effects, h, codeOf, send } = setup()
    h.join(client, h.other)
    assert.deepStrictEqual(send({ sound_id: "1" }), {
      status: 403,
      json: { message: "User must be in voice channel to send voice channel effect", code: 50168 }
    })
    h.join(client, null)
    assert.strictEqual(codeOf(), 50168)
    assert.deepStrictEqual(effects, [])
  })

  it("require a sender who is not deafened, and not muted by a moderator", () => {
    const { client, codeOf, h, send } = setup()
    const silenced = {
      status: 403,
      json: {
        message: "Cannot send voice effect when user is server muted, deafened, or suppressed",
        code: 50167
      }
    }
    h.join(client, h.lobby, { mute: true })
    assert.strictEqual(send({ sound_id: "1" }).status, 204)
    h.join(client, h.lobby, { deaf: true })
    assert.deepStrictEqual(send({ sound_id: "1" }), silenced)
    h.join(client, h.lobby)
    for (const flags of [{ mute: true }, { mute: false, deaf: true }]) {
      h.core.muteUser(h.bot.id, flags)
      assert.deepStrictEqual(send({ sound_id: "1" }), silenced)
    }
    h.core.muteUser(h.bot.id, { deaf: false })
    assert.strictEqual(send({ sound_id: "1" }).status, 204)
    // A missing permission to speak is reported first.
    h.core.deny({ userId: h.bot.id, channelId: h.lobby, speak: true })
    assert.strictEqual(codeOf(), 50013)
  })

  it("require permissions", () => {
    const { codeOf, h, yay } = setup()
    deny(h, 1n << 42n)
    assert.strictEqual(codeOf(), 50013)
    assert.strictEqual(codeOf({ sound_id: yay }), 50013)
    deny(h, 0n)
    assert.isUndefined(codeOf())
    h.core.deny({ userId: h.bot.id, channelId: h.lobby, view: true })
    assert.strictEqual(codeOf(), 50001)
  })

  it("come from this guild, or from another guild that is named", () => {
    const { client, codeOf, effects, h, yay } = setup()
    const second = h.core.createGuild({ name: "second" })
    const made = h.core.createSound(second, { name: "far" })
    const far = made !== undefined && "id" in made ? made.id : ""
    assert.strictEqual(codeOf({ sound_id: far }), 10097)
    assert.strictEqual(codeOf({ sound_id: far, source_guild_id: h.guildId }), 10097)
    assert.strictEqual(codeOf({ sound_id: far, source_guild_id: "1" }), 10097)
    assert.isUndefined(codeOf({ sound_id: far, source_guild_id: second }))
    assert.strictEqual(client.events(event).at(-1)?.["sound_id"], far)
    deny(h, 1n << 45n)
    assert.strictEqual(codeOf({ sound_id: far, source_guild_id: second }), 50013)
    assert.isUndefined(codeOf({ sound_id: yay }))
    assert.isUndefined(codeOf({ sound_id: yay, source_guild_id: h.guildId }))
    assert.isUndefined(codeOf())
    deny(h, 0n)
    h.core.removeFromGuild(h.bot.id, second)
    assert.strictEqual(codeOf({ sound_id: far, source_guild_id: second }), 10097)
    assert.lengthOf(effects, 4)
  })

  it("are named by an id, and can be sent in voice channels only", () => {
    const { client, codeOf, h, send } = setup()
    for (const body of [{}, { sound_id: "quack" }, { sound_id: "1", source_guild_id: "guild" }, { sound_id: {} }]) {
      assert.strictEqual(codeOf(body), 50035)
    }
    assert.strictEqual(codeOf({ sound_id: "2" }), 10097)
    assert.isUndefined(codeOf({ sound_id: 1 }))
    assert.deepStrictEqual(send({ sound_id: "quack" }).json?.["errors"], {
      sound_id: { _errors: [{ code: "NUMBER_TYPE_COERCE", message: "Value \"quack\" is not snowflake." }] }
    })
    for (const kind of ["stage", "text"] as const) {
      const channel = h.core.createChannel({ guildId: h.guildId, name: kind, kind })
      if (kind === "stage") h.join(client, channel ?? null)
      assert.strictEqual(codeOf(undefined, channel), 50024)
    }
    assert.strictEqual(codeOf(undefined, "1"), 10003)
  })

  it("are announced to the shard that has the guild", () => {
    const { client, h, send } = setup()
    const { d, op } = Harness.identify(h.bot.token)
    const shards = [0, 1].map((shard) => {
      const one = h.connect()
      one.send({ op, d: { ...d, shard: [shard, 2] } })
      return one
    })
    assert.strictEqual(send({ sound_id: "1" }).status, 204)
    assert.lengthOf(client.events(event), 1)
    const mine = Number((BigInt(h.guildId) >> 22n) % 2n)
    assert.deepStrictEqual(shards.map((one, shard) => [shard === mine, one.events(event).length]).toSorted(), [
      [false, 0],
      [true, 1]
    ])
  })

  it("are not announced during an outage", () => {
    const { client, effects, h, send } = setup()
    h.core.setAvailable(h.guildId, false)
    client.take()
    assert.strictEqual(send({ sound_id: "1" }).status, 204)
    assert.deepStrictEqual(client.take(), [])
    assert.lengthOf(effects, 1)
  })
})

describe("sounds and emoji", () => {
  it("show emoji of the guild", () => {
    const { call, client, effects, h, send } = setup()
    h.core.setModerator(h.bot.id, true)
    const emojis = `/guilds/${h.guildId}/emojis`
    const { json } = call("POST", emojis, { name: "note", image: "data:image/gif;base64,AAAA" })
    const id = String(json?.["id"])
    const made = h.core.createSound(h.guildId, { name: "la la", emoji: `a:note:${id}` })
    const sound = made !== undefined && "id" in made ? made : assert.fail("it is made")
    assert.deepStrictEqual(sound.emoji, { id, name: null })
    assert.strictEqual(send({ sound_id: sound.id }).status, 204)
    assert.deepInclude(client.events(event).at(-1), { emoji: { animated: true, id, name: "note" }, animation_type: 1 })
    // A deleted emoji is not shown any more.
    call("DELETE", `${emojis}/${id}`)
    assert.strictEqual(send({ sound_id: sound.id }).status, 204)
    assert.deepInclude(client.events(event).at(-1), { emoji: null, animation_type: null })
    assert.deepStrictEqual(effects.map((effect) => "emoji" in effect && effect.emoji), [`a:note:${id}`, undefined])
  })

  it("can come from users, who can also send emoji alone", () => {
    const { client, effects, h } = setup()
    const { id: userId } = h.core.createUser({ name: "guest" })
    const from = { userId, channelId: h.lobby }
    assert.strictEqual(h.core.sendEmoji(from, "👍"), "not-connected")
    h.core.participants.join(from)
    assert.isUndefined(h.core.sendEmoji(from, "👍", { type: 0, id: 7 }))
    assert.isUndefined(h.core.sendEmoji(from, "note:123"))
    const sent = { channel_id: h.lobby, guild_id: h.guildId, user_id: userId }
    assert.deepStrictEqual(client.events(event), [
      { ...sent, emoji: { animated: false, id: null, name: "👍" }, animation_type: 0, animation_id: 7 },
      { ...sent, emoji: { animated: false, id: "123", name: "note" }, animation_type: 1, animation_id: 0 }
    ])
    assert.deepInclude(effects.at(-1), { userId, sound: undefined, emoji: "note:123" })
    assert.strictEqual(h.core.sendEmoji(from, "thumb"), "no-emoji")
    h.core.muteUser(userId, { mute: true })
    assert.strictEqual(h.core.sendEmoji(from, "👍"), "silenced")
    h.core.muteUser(userId, { mute: false })
    h.core.deny({ userId, channelId: h.lobby, speak: true })
    assert.strictEqual(h.core.sendEmoji(from, "👍"), "silenced")
  })
})
