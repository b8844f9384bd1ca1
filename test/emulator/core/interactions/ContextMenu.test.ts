import { assert, describe, it } from "@effect/vitest"
import type { Chosen } from "../../../../src/emulator/core/interactions/Interactions.ts"
import { Intents } from "../../../../src/protocol/GatewayPayload.ts"
import * as Harness from "../Harness.ts"

type Json = { readonly [key: string]: unknown }

const setup = () => {
  const h = Harness.make()
  const [guest, friend] = [h.core.createUser({ name: "guest" }), h.core.createUser({ name: "friend" })]
  // Without the intent for message content.
  const client = h.login({ intents: Intents.Guilds | Intents.GuildMessages })
  const call = (method: string, path: string, body?: unknown) => {
    const answer = h.core.rest({
      method,
      path,
      authorization: `Bot ${h.bot.token}`,
      body: body === undefined ? undefined : JSON.stringify(body)
    })
    return { status: answer.status, json: answer.body as Json }
  }
  const choose = (on: Chosen["on"], name = "Queue this") =>
    h.core.choose({ userId: guest.id, botId: h.bot.id, channelId: h.lobby, name, on })
  const problem = (on: Chosen["on"], name?: string) => {
    const begun = choose(on, name)
    return "problem" in begun ? begun.problem : ""
  }
  const register = (...commands: ReadonlyArray<Json>) => call("PUT", `/applications/${h.bot.id}/commands`, commands)
  return { h, guest, friend, client, call, choose, problem, register }
}

describe("a context menu", () => {
  it("of a user tells the bot who the user is", () => {
    const { call, choose, client, friend, guest, h } = setup()
    const begun = choose({ user: friend.id })
    assert(!("problem" in begun))
    const created: Json = { ...client.events("INTERACTION_CREATE")[0] }
    assert.deepInclude((created["member"] as Json)["user"], { id: guest.id })
    const data = created["data"] as Json & { readonly resolved: Record<string, Record<string, Json>> }
    assert.deepInclude<Json>(data, { name: "Queue this", type: 2, target_id: friend.id })
    assert.deepInclude(data.resolved["users"]?.[friend.id], { username: "friend" })
    assert.property(data.resolved["members"]?.[friend.id], "roles")
    const path = `/interactions/${created["id"]}/${created["token"]}/callback?with_response=true`
    const { resource } = call("POST", path, { type: 4, data: { content: "ok" } }).json as { readonly resource: Json }
    assert.deepInclude(resource["message"], { type: 23 })
    const { interaction_metadata: about } = resource["message"] as Json
    assert.deepInclude((about as Json)["target_user"], { id: friend.id })
    assert.deepStrictEqual(h.violations(), [])
  })

  it("of a message gives the bot its content, whatever its intents", () => {
    const { call, choose, client, friend, h } = setup()
    const message = h.core.write({ userId: friend.id, channelId: h.lobby, content: "a song" })
    assert(!("problem" in message))
    assert.deepInclude(client.events("MESSAGE_CREATE")[0], { content: "" })
    choose({ message: message.id })
    const created: Json = { ...client.events("INTERACTION_CREATE")[0] }
    const data = created["data"] as Json & { readonly resolved: { readonly messages: Record<string, Json> } }
    assert.deepInclude<Json>(data, { type: 3, target_id: message.id })
    assert.deepInclude(data.resolved.messages[message.id], { content: "a song", channel_id: h.lobby })
    const path = `/interactions/${created["id"]}/${created["token"]}/callback?with_response=true`
    const { resource } = call("POST", path, { type: 4, data: { content: "ok" } }).json as { readonly resource: Json }
    const { interaction_metadata: about } = resource["message"] as Json
    assert.strictEqual((about as Json)["target_message_id"], message.id)
  })

  it("offers only the commands that the bot has registered for its kind", () => {
    const { client, friend, h, problem, register } = setup()
    assert.strictEqual(register({ name: "Queue this", type: 3 }, { name: "greet", description: "x" }).status, 200)
    assert.strictEqual(problem({ user: friend.id }), "the bot has not registered such a command")
    assert.strictEqual(problem({ user: friend.id }, "greet"), "the bot has not registered such a command")
    assert.strictEqual(problem({ message: "1" }), "no message in the channel has the id 1")
    const message = h.core.write({ userId: friend.id, channelId: h.lobby, content: "x" })
    assert(!("problem" in message))
    assert.strictEqual(problem({ message: message.id }), "")
    const created: Json = { ...client.events("INTERACTION_CREATE")[0] }
    const registered = h.core.rest({
      method: "GET",
      path: `/applications/${h.bot.id}/commands`,
      authorization: h.bot.token,
      body: undefined
    }).body as ReadonlyArray<Json>
    assert.strictEqual((created["data"] as Json)["id"], registered[0]?.["id"])
    h.core.deleteChannel(h.lobby)
    assert.strictEqual(problem({ message: message.id }), "its channel no longer exists")
  })

  it("is registered without a description and without options", () => {
    const { register } = setup()
    assert.strictEqual(register({ name: "Greet", type: 2, description: "" }).status, 200)
    for (const more of [{ description: "x" }, { options: [{ type: 3, name: "a", description: "b" }] }]) {
      assert.strictEqual(register({ name: "Greet", type: 2, ...more }).json["code"], 50035)
    }
  })
})
