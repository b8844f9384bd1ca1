import { assert, describe, it } from "@effect/vitest"
import { Intents } from "../../../../src/protocol/GatewayPayload.ts"
import * as Harness from "../Harness.ts"

type Json = { readonly [key: string]: unknown }

const setup = () => {
  const h = Harness.make()
  const guest = h.core.createUser({ name: "guest" })
  const bot = h.core.createUser({ name: "reader", bot: true, privilegedIntents: true })
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
  const write = (content: string, replyTo?: string) => {
    const written = h.core.write({ userId: guest.id, channelId: h.lobby, content, replyTo })
    return "problem" in written ? assert.fail(written.problem) : written
  }
  const contents = () => h.core.messagesOf(h.lobby).map(({ content }) => content)
  return { h, guest, bot, call, path, write, contents }
}

describe("messages over REST", () => {
  it("hide the same content as on the gateway from a bot that may not have the content intent", () => {
    const { call, guest, h, path, write } = setup()
    const bot = h.core.createUser({ name: "blind", bot: true, moderator: true })
    const secret = write("secret")
    write(`<@${bot.id}> play`)
    const own = call("POST", path, { content: "mine", message_reference: { message_id: secret.id } }, bot).json
    assert.deepInclude(own, { content: "mine" })
    assert.deepInclude(own["referenced_message"], { id: secret.id, content: "" })
    write("in reply", String(own["id"]))
    const contents = (where: string, as: typeof bot) =>
      (call("GET", where, undefined, as).json as unknown as ReadonlyArray<Json>).map(({ content }) => content)
    const all = ["in reply", "mine", `<@${bot.id}> play`, "secret"]
    assert.deepStrictEqual(contents(path, bot), all.with(3, ""))
    assert.deepStrictEqual(contents(path, guest), all)
    const nothing = { content: "", embeds: [], components: [], attachments: [] }
    const file = { name: "a.mp3", description: undefined, contentType: undefined, data: Uint8Array.of(1) }
    const other = h.core.createUser({ name: "other" })
    const sent = h.core.write({ userId: other.id, channelId: h.lobby, content: "x", files: [file] })
    assert(!("problem" in sent))
    assert.deepInclude(call("GET", `${path}/${sent.id}`, undefined, bot).json, nothing)
    call("PUT", `${path}/pins/${sent.id}`, undefined, bot)
    const { items } = call("GET", `${path}/pins`, undefined, bot).json as { readonly items: ReadonlyArray<Json> }
    assert.deepInclude(items[0]?.["message"], nothing)
    assert.deepStrictEqual(contents(`/channels/${h.lobby}/pins`, bot), [""])
    const direct = h.core.direct(other.id, bot.id)
    assert(direct !== undefined)
    h.core.write({ userId: other.id, channelId: direct, content: "directly" })
    assert.deepStrictEqual(contents(`/channels/${direct}/messages`, bot), ["directly"])
  })

  it("return their nonce, and are not repeated with the same nonce if that is enforced", () => {
    const { bot, call, contents, h, path } = setup()
    const client = h.login({ token: bot.token, intents: Intents.Guilds | Intents.GuildMessages })
    const { json } = call("POST", path, { content: "a", nonce: "one" })
    assert.strictEqual(json["nonce"], "one")
    assert.strictEqual(call("POST", path, { content: "b", nonce: 2 }).json["nonce"], 2)
    assert.deepStrictEqual(client.events("MESSAGE_CREATE").map(({ nonce }) => nonce), ["one", 2])
    assert.notProperty(call("GET", `${path}/${json["id"]}`).json, "nonce")
    call("PATCH", `${path}/${json["id"]}`, { content: "c" })
    assert.notProperty(client.events("MESSAGE_UPDATE")[0], "nonce")

    call("POST", path, { content: "d", nonce: "one" })
    const enforced = { content: "e", nonce: "one", enforce_nonce: true }
    const [, , again] = client.events("MESSAGE_CREATE")
    assert.deepInclude(call("POST", path, enforced).json, { id: again?.["id"], content: "d", nonce: "one" })
    const other = h.core.createUser({ name: "other", bot: true })
    assert.deepInclude(call("POST", path, { ...enforced, content: "f" }, other).json, { content: "f" })
    h.core.advance(5 * 60_000)
    assert.deepInclude(call("POST", path, enforced).json, { content: "e" })
    assert.deepStrictEqual(contents(), ["c", "b", "d", "f", "e"])
    // A message without a nonce does not match any nonce.
    const without = { content: "g", nonce: "undefined", enforce_nonce: true }
    call("POST", path, { content: "without" })
    assert.deepInclude(call("POST", path, without).json, { content: "g" })

    assert.deepStrictEqual(call("POST", path, { content: "x", nonce: "x".repeat(26) }).json["errors"], {
      nonce: { _errors: [{ code: "NONCE_TYPE_TOO_LONG", message: "Nonce must be 25 characters or fewer." }] }
    })
  })

  it("accept ids as numbers as well as strings", () => {
    const { bot, call, contents, guest, h, path, write } = setup()
    const moderator = h.core.createUser({ name: "moderator", bot: true, moderator: true })
    const [first, second] = [write("a"), write("b")]
    const reply = call("POST", path, `{"content":"x","message_reference":{"message_id":${first.id}}}`)
    assert.deepInclude(reply.json["message_reference"], { message_id: first.id })
    const body = `{"messages":[${first.id}, ${second.id}]}`
    assert.strictEqual(call("POST", `${path}/bulk-delete`, body, moderator).status, 204)
    assert.deepStrictEqual(contents(), ["x"])
    const { json } = call("POST", "/users/@me/channels", `{"recipient_id":${guest.id}}`)
    assert.strictEqual(json["id"], h.core.direct(guest.id, bot.id))
  })
})
