import { assert, describe, it } from "@effect/vitest"
import { Intents } from "../../../../src/protocol/GatewayPayload.ts"
import * as Harness from "../Harness.ts"
import * as Sounds from "../sounds.ts"

type Json = { readonly [key: string]: unknown }

const file = Sounds.ogg(1)
const sound = Sounds.uri(file)

/** A bot that may create sounds, and one that may not. */
const setup = () => {
  const h = Harness.make()
  const maker = h.core.createUser({ name: "maker", bot: true })
  const role = h.core.createRole(h.guildId, { permissions: 1n << 43n })
  h.core.setRoles(maker.id, [role?.id ?? ""])
  const callAs = (token: string) => (method: string, path: string, body?: unknown) => {
    const sent = body === undefined ? undefined : JSON.stringify(body)
    const answer = h.core.rest({ method, path, authorization: token, body: sent })
    return { status: answer.status, json: answer.body as Json }
  }
  const client = h.login({ intents: Intents.Guilds | Intents.GuildExpressions })
  return {
    h,
    client,
    call: callAs(maker.token),
    callAsOther: callAs(h.bot.token),
    maker,
    path: `/guilds/${h.guildId}/soundboard-sounds`
  }
}

describe("soundboards", () => {
  it("can be listed, read, created, changed and deleted, which is announced", () => {
    const { call, callAsOther, client, h, maker, path } = setup()
    assert.deepStrictEqual(call("GET", "/soundboard-default-sounds").json, [
      { name: "quack", sound_id: "1", volume: 1, emoji_id: null, emoji_name: "🦆", available: true }
    ] as unknown)
    assert.deepStrictEqual(call("GET", path), { status: 200, json: { items: [] } })
    const { json: made, status } = call("POST", path, { name: "yay", sound, volume: 0.5, emoji_name: "🎉" })
    assert.strictEqual(status, 201)
    const { sound_id: id, user, ...looks } = made
    assert.deepStrictEqual(looks, {
      name: "yay",
      volume: 0.5,
      emoji_id: null,
      emoji_name: "🎉",
      guild_id: h.guildId,
      available: true
    })
    assert.deepInclude(user, { id: maker.id, username: "maker" })
    // Only a bot that may create sounds sees who created them.
    assert.deepStrictEqual(call("GET", path).json["items"], [made])
    assert.deepStrictEqual(callAsOther("GET", path).json["items"], [{ ...looks, sound_id: id }])
    assert.deepStrictEqual(call("GET", `${path}/${id}`), { status: 200, json: made })
    assert.deepStrictEqual(callAsOther("GET", `${path}/${id}`).json, { ...looks, sound_id: id })
    const changed = { ...made, name: "hooray", volume: 1, emoji_name: null }
    assert.deepStrictEqual(call("PATCH", `${path}/${id}`, { name: "hooray", volume: null, emoji_name: null }), {
      status: 200,
      json: changed
    })
    assert.deepStrictEqual(call("PATCH", `${path}/${id}`, {}).json, changed)
    assert.strictEqual(call("DELETE", `${path}/${id}`).status, 204)
    assert.deepInclude(call("GET", `${path}/${id}`), { status: 404, json: { message: "Unknown sound", code: 10097 } })
    assert.deepStrictEqual(client.events("GUILD_SOUNDBOARD_SOUND_CREATE"), [made])
    assert.deepStrictEqual(client.events("GUILD_SOUNDBOARD_SOUND_UPDATE"), [changed, changed])
    assert.deepStrictEqual(client.events("GUILD_SOUNDBOARD_SOUND_DELETE"), [{ guild_id: h.guildId, sound_id: id }])
    assert.deepStrictEqual(h.violations(), [])
  })

  it("are announced only with the intent for expressions", () => {
    const { call, h, path } = setup()
    const client = h.login({ intents: Intents.Guilds | Intents.GuildVoiceStates })
    call("POST", path, { name: "yay", sound })
    assert.deepStrictEqual(client.take(), [])
  })

  it("come with the guild, and in answer to op 31", () => {
    const { call, client, h, path } = setup()
    const { user: _, ...made } = call("POST", path, { name: "yay", sound }).json
    const late = h.connect()
    late.send(Harness.identify(h.bot.token, Intents.Guilds))
    const [guild] = late.events("GUILD_CREATE")
    assert.deepStrictEqual(guild?.["soundboard_sounds"], [made])
    assert.deepStrictEqual(guild?.["features"], ["SOUNDBOARD"])
    client.take()
    client.send({ op: 31, d: { guild_ids: [h.guildId, "1"] } })
    assert.deepStrictEqual(client.events("SOUNDBOARD_SOUNDS"), [{ guild_id: h.guildId, soundboard_sounds: [made] }])
    for (const d of [{ guild_ids: ["1"] }, { guild_ids: h.guildId }, {}, null]) client.send({ op: 31, d })
    assert.lengthOf(client.take(), 1)
    assert.strictEqual(h.core.counters().get("gateway-ignored:op31"), 4)
    assert.deepStrictEqual(h.violations(), [])
  })

  it("are not sent during an outage", () => {
    const { client, h } = setup()
    h.core.setAvailable(h.guildId, false)
    client.take()
    client.send({ op: 31, d: { guild_ids: [h.guildId] } })
    assert.deepStrictEqual(client.take(), [])
  })

  it("require permissions", () => {
    const { call, callAsOther, h, path } = setup()
    const { sound_id: id } = call("POST", path, { name: "yay", sound }).json
    const missing = { status: 403, json: { message: "Missing Permissions", code: 50013 } }
    assert.deepStrictEqual(callAsOther("POST", path, { name: "yay", sound }), missing)
    assert.deepStrictEqual(callAsOther("PATCH", `${path}/${id}`, { name: "boo" }), missing)
    assert.deepStrictEqual(callAsOther("DELETE", `${path}/${id}`), missing)
    // A moderator manages all sounds; others who may create sounds manage only their own.
    h.core.setModerator(h.bot.id, true)
    const { sound_id: other } = callAsOther("POST", path, { name: "boo", sound }).json
    assert.deepStrictEqual(call("DELETE", `${path}/${other}`), missing)
    assert.strictEqual(callAsOther("PATCH", `${path}/${id}`, { name: "boo" }).status, 200)
    assert.strictEqual(callAsOther("DELETE", `${path}/${id}`).status, 204)
    assert.strictEqual(call("GET", "/guilds/1/soundboard-sounds").json["code"], 10004)
  })

  it("report what is wrong with a request", () => {
    const { call, client, h, path } = setup()
    const codeOf = (body: unknown) => call("POST", path, body).json["code"]
    const yay = { name: "yay", sound }
    for (const body of [{ name: "yay" }, { sound }, { ...yay, name: "y" }, { ...yay, name: "y".repeat(33) }]) {
      assert.strictEqual(codeOf(body), 50035)
    }
    for (const volume of [-0.1, 1.1, "loud"]) assert.strictEqual(codeOf({ ...yay, volume }), 50035)
    const { errors, message } = call("POST", path, { ...yay, volume: 2 }).json
    assert.strictEqual(message, "Invalid Form Body")
    assert.deepStrictEqual(errors, {
      volume: { _errors: [{ code: "NUMBER_TYPE_MAX", message: "float value should be less than or equal to 1." }] }
    } as unknown)
    assert.strictEqual(codeOf({ ...yay, emoji_id: "1" }), 10014)
    for (const id of ["one", true, {}]) assert.strictEqual(codeOf({ ...yay, emoji_id: id }), 50035)
    for (const name of ["no emoji", "", 5]) assert.strictEqual(codeOf({ ...yay, emoji_name: name }), 50151)
    for (const text of ["AAAA", "data:audio/ogg,AAAA", "data:audio/ogg;base64,", "data:audio/ogg;base64,?", 5]) {
      assert.strictEqual(codeOf({ ...yay, sound: text }), 50110, String(text))
    }
    assert.strictEqual(codeOf({ ...yay, sound: Sounds.uri(Buffer.from("RIFF")) }), 50123)
    assert.strictEqual(codeOf({ ...yay, sound: Sounds.uri(Sounds.ogg(5.3)) }), 50124)
    assert.strictEqual(codeOf({ ...yay, sound: Sounds.uri(Sounds.ogg(0)) }), 50192)
    assert.strictEqual(codeOf({ ...yay, sound: Sounds.uri(Sounds.ogg(1, 530_000)) }), 50045)
    const { sound_id: id } = call("POST", path, yay).json
    assert.strictEqual(call("PATCH", `${path}/${id}`, { name: null }).json["code"], 50035)
    assert.strictEqual(call("PATCH", `${path}/${id}`, { volume: 2 }).json["code"], 50035)
    assert.lengthOf(client.events("GUILD_SOUNDBOARD_SOUND_CREATE"), 1)
    assert.lengthOf(client.events("GUILD_SOUNDBOARD_SOUND_UPDATE"), 0)
    assert.deepStrictEqual(h.violations(), [])
  })

  it("hold eight sounds", () => {
    const { call, path } = setup()
    for (let i = 0; i < 8; i++) assert.strictEqual(call("POST", path, { name: `sound ${i}`, sound }).status, 201)
    assert.deepStrictEqual(call("POST", path, { name: "one more", sound }), {
      status: 400,
      json: { message: "Maximum number of soundboard sounds reached (8)", code: 30045 }
    })
  })

  it("show emoji of their guild", () => {
    const { call, path } = setup()
    const emojis = path.replace("soundboard-sounds", "emojis")
    const { id: emoji } = call("POST", emojis, { name: "note", image: "data:image/png;base64,AAAA" }).json
    const { sound_id: id, ...made } = call("POST", path, { name: "yay", sound, emoji_id: emoji, emoji_name: null }).json
    assert.deepInclude(made, { emoji_id: emoji, emoji_name: null })
    const patched = call("PATCH", `${path}/${id}`, { emoji_name: "🎉" }).json
    assert.deepInclude(patched, { emoji_id: null, emoji_name: "🎉" })
  })

  it("serve their files to everybody", () => {
    const { call, h, path } = setup()
    const { sound_id: id } = call("POST", path, { name: "yay", sound: Sounds.uri(Sounds.mp3(20), "audio/mpeg") }).json
    const get = (method: string, of: unknown, range?: string) =>
      h.core.rest({ method, path: `/soundboard-sounds/${of}`, authorization: undefined, body: undefined, range })
    const { bytes, headers, status } = get("GET", id)
    assert.strictEqual(status, 200)
    assert.deepStrictEqual(Buffer.from(bytes ?? []), Buffer.from(Sounds.mp3(20)))
    assert.strictEqual(headers?.["content-type"], "audio/mpeg")
    assert.strictEqual(get("GET", id, "bytes=0-9").bytes?.length, 10)
    assert.deepStrictEqual([get("HEAD", id), get("PUT", id)].map((answer) => answer.status), [200, 405])
    // Discord's own sounds have no files.
    assert.deepStrictEqual([get("GET", "1"), get("GET", "2")].map((answer) => answer.status), [404, 404])
    call("DELETE", `${path}/${id}`)
    assert.strictEqual(get("GET", id).status, 404)
  })
})
