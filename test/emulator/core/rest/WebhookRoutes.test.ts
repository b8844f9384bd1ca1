import { assert, describe, it } from "@effect/vitest"
import { Intents } from "../../../../src/protocol/GatewayPayload.ts"
import * as Harness from "../Harness.ts"

type Json = { readonly [key: string]: unknown }

const setup = (isModerator = true) => {
  const h = Harness.make()
  const text = h.core.createChannel({ guildId: h.guildId, name: "text", kind: "text" })
  if (isModerator) h.core.setModerator(h.bot.id, true)
  const request = (authorization: string | undefined) => (method: string, path: string, body?: unknown) => {
    const sent = body === undefined ? undefined : JSON.stringify(body)
    const answer = h.core.rest({ method, path, authorization, body: sent })
    return { status: answer.status, json: answer.body as Json }
  }
  return { h, text, call: request(h.bot.token), anybody: request(undefined) }
}

describe("a webhook", () => {
  it("is announced in its channel, and deleted with it", () => {
    const { anybody, call, h, text } = setup()
    const client = h.login({ intents: Intents.GuildWebhooks })
    const { json } = call("POST", `/channels/${text}/webhooks`, { name: "radio" })
    const { id, token } = json
    assert.deepInclude(json, {
      type: 1,
      channel_id: text,
      guild_id: h.guildId,
      name: "radio",
      application_id: h.bot.id
    })
    call("PATCH", `/webhooks/${id}`, { name: "wireless", channel_id: h.lobby })
    const channels = () => client.events("WEBHOOKS_UPDATE").map((one) => one["channel_id"])
    assert.deepStrictEqual(channels(), [text, text, h.lobby])
    const open = anybody("GET", `/webhooks/${id}/${token}`).json
    assert.deepInclude(open, { name: "wireless", channel_id: h.lobby })
    assert.notProperty(open, "user")
    assert.strictEqual(anybody("PATCH", `/webhooks/${id}/${token}`, { name: "radio" }).json["name"], "radio")
    assert.strictEqual(call("DELETE", `/channels/${h.lobby}`).status, 200)
    assert.strictEqual(anybody("GET", `/webhooks/${id}/${token}`).json["code"], 10015)
    assert.deepStrictEqual(h.violations(), [])
  })

  it("lets anyone who knows its token write in its channel and the threads there", () => {
    const { anybody, call, h, text } = setup()
    const { id, token } = call("POST", `/channels/${text}/webhooks`, { name: "radio" }).json
    const thread = call("POST", `/channels/${text}/threads`, { name: "log", type: 11 }).json
    const path = `/webhooks/${id}/${token}`
    assert.deepStrictEqual(anybody("POST", path, { content: "la" }), { status: 204, json: undefined as never })
    const said = anybody("POST", `${path}?wait=true`, { content: "la", username: "newsreader" }).json
    assert.deepInclude(said, { webhook_id: id, application_id: h.bot.id, channel_id: text })
    assert.deepInclude(said["author"], { id, username: "newsreader", bot: true, discriminator: "0000" })
    const logged = anybody("POST", `${path}?wait=1&thread_id=${thread["id"]}`, { content: "la" }).json
    assert.strictEqual(logged["channel_id"], thread["id"])
    const codes = (answers: ReadonlyArray<{ readonly json: Json }>) => answers.map(({ json }) => json["code"])
    assert.deepStrictEqual(
      codes([
        anybody("POST", `${path}?thread_id=${h.lobby}`, { content: "la" }),
        anybody("POST", path, {}),
        anybody("POST", path, { content: "la", username: "Discord" }),
        anybody("POST", `/webhooks/${id}/other`, { content: "la" }),
        anybody("POST", `/webhooks/1/${token}`, { content: "la" }),
        anybody("PATCH", `${path}/messages/${logged["id"]}`, { content: "lala" }),
        call("PATCH", `/channels/${text}/messages/${said["id"]}`, { content: "lala" })
      ]),
      [10003, 50006, 50035, 50027, 10015, 10008, 50005]
    )
    assert.strictEqual(
      anybody("PATCH", `${path}/messages/${logged["id"]}?thread_id=${thread["id"]}`, { content: "lala" }).status,
      200
    )
    assert.notInclude(h.core.lastRefusal()?.detail ?? "", String(token))
    assert.strictEqual(anybody("POST", `${path}/slack`, { text: "la" }).status, 404)
    assert.notInclude(Array.from(h.core.counters().keys()).join(), String(token))
  })

  it("cannot write in a locked thread, and is refused values of the wrong type", () => {
    const { anybody, call, text } = setup()
    const { id, token } = call("POST", `/channels/${text}/webhooks`, { name: "radio" }).json
    const thread = call("POST", `/channels/${text}/threads`, { name: "log", type: 11 }).json
    const path = `/webhooks/${id}/${token}`
    const inThread = `thread_id=${thread["id"]}`
    const { json: said } = anybody("POST", `${path}?wait=true&${inThread}`, { content: "la" })
    const change = () => anybody("PATCH", `${path}/messages/${said["id"]}?${inThread}`, { content: "lala" })
    assert.strictEqual(change().status, 200)
    assert.strictEqual(call("PATCH", `/channels/${thread["id"]}`, { locked: true }).status, 200)
    assert.strictEqual(anybody("POST", `${path}?${inThread}`, { content: "la" }).json["code"], 160005)
    assert.strictEqual(change().json["code"], 160005)
    const roles = call("GET", `/channels/${text}`).json["guild_id"]
    for (
      const [method, route, body] of [
        ["POST", `/channels/${text}/webhooks`, { name: 5 }],
        ["PATCH", `/webhooks/${id}`, { name: ["radio"] }],
        ["POST", path, { content: "la", username: 5 }],
        ["POST", path, { content: 5 }],
        ["POST", `/channels/${text}/threads`, { name: 5, type: 11 }],
        ["PATCH", `/channels/${thread["id"]}`, { locked: "yes" }],
        ["PATCH", `/channels/${text}`, { name: 5 }],
        ["PATCH", `/channels/${text}`, { topic: 5 }],
        ["POST", `/guilds/${roles}/roles`, { name: 5 }],
        ["POST", `/guilds/${roles}/roles`, { hoist: 1 }],
        ["PATCH", `/guilds/${roles}`, { name: {} }]
      ] as const
    ) {
      assert.deepInclude(call(method, route, body), { status: 400 }, `${method} ${JSON.stringify(body)}`)
      assert.strictEqual(call(method, route, body).json["code"], 50035)
    }
    assert.strictEqual(call("GET", `/webhooks/${id}`).json["name"], "radio")
  })

  it("requires permission, and is limited to fifteen in a channel", () => {
    const { call, h, text } = setup()
    const path = `/channels/${text}/webhooks`
    const ids = Array.from({ length: 15 }, (_, i) => call("POST", path, { name: `radio ${i}` }).json["id"])
    assert.strictEqual(call("POST", path, { name: "radio" }).json["code"], 30007)
    assert.strictEqual(call("PATCH", `/webhooks/${ids[0]}`, { channel_id: "1" }).json["code"], 10003)
    const elsewhere = call("POST", `/channels/${h.lobby}/webhooks`, { name: "radio" }).json["id"]
    assert.strictEqual(call("PATCH", `/webhooks/${elsewhere}`, { channel_id: text }).json["code"], 30007)
    assert.strictEqual(call("PATCH", `/webhooks/${ids[0]}`, { channel_id: text }).status, 200)
    const category = h.core.createChannel({ guildId: h.guildId, name: "category", kind: "category" })
    assert.strictEqual(call("PATCH", `/webhooks/${ids[0]}`, { channel_id: category }).json["code"], 50024)
    h.core.setModerator(h.bot.id, false)
    const answers = [
      call("POST", path, { name: "radio" }),
      call("GET", path),
      call("GET", `/guilds/${h.guildId}/webhooks`),
      call("GET", `/webhooks/${ids[0]}`),
      call("DELETE", `/webhooks/${ids[0]}`)
    ]
    assert.deepStrictEqual(answers.map(({ json }) => json["code"]), [50013, 50013, 50013, 50013, 50013])
    assert.strictEqual(call("GET", "/webhooks/1").json["code"], 10015)
  })
})
