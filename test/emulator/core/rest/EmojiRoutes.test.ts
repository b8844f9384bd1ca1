import { assert, describe, it } from "@effect/vitest"
import { Intents } from "../../../../src/protocol/GatewayPayload.ts"
import * as Harness from "../Harness.ts"

type Json = { readonly [key: string]: unknown }

const [still, moving] = ["data:image/png;base64,AAAA", "data:image/gif;base64,AAAA"]

const setup = () => {
  const h = Harness.make()
  h.core.setModerator(h.bot.id, true)
  const call = (method: string, path: string, body?: unknown) => {
    const sent = body === undefined ? undefined : JSON.stringify(body)
    const answer = h.core.rest({ method, path, authorization: h.bot.token, body: sent })
    return { status: answer.status, json: answer.body as Json }
  }
  return { h, call, ofGuild: `/guilds/${h.guildId}/emojis`, ofApplication: `/applications/${h.bot.id}/emojis` }
}

describe("emoji", () => {
  it("require a name and an image", () => {
    const { call, h, ofGuild } = setup()
    const client = h.login({ intents: Intents.GuildExpressions })
    const bodies = [{ name: "note" }, { name: "note", image: 5 }, { name: "note", image: "AAAA" }, { image: still }]
    assert.deepStrictEqual(
      [...bodies, { name: "n", image: still }, { name: "a note", image: still }]
        .map((body) => call("POST", ofGuild, body).json["code"]),
      [50035, 50035, 50035, 50035, 50035, 50035]
    )
    assert.lengthOf(client.events("GUILD_EMOJIS_UPDATE"), 0)
    assert.deepInclude(call("POST", ofGuild, { name: "note", image: moving }).json, { name: "note", animated: true })
    assert.lengthOf(client.events("GUILD_EMOJIS_UPDATE"), 1)
  })

  it("are limited in number, in a guild separately for animated ones", () => {
    const { call, ofApplication, ofGuild } = setup()
    const fill = (path: string, image: string, count: number) => {
      for (let i = 0; i < count; i++) assert.strictEqual(call("POST", path, { name: "note", image }).status, 201)
      const { code, message } = call("POST", path, { name: "note", image }).json
      return [code, message]
    }
    assert.deepStrictEqual(fill(ofGuild, still, 50), [30008, "Maximum number of emojis reached (50)"])
    assert.deepStrictEqual(fill(ofGuild, moving, 50), [30018, "Maximum number of animated emojis reached (50)"])
    assert.deepStrictEqual(fill(ofApplication, moving, 2_000), [30008, "Maximum number of emojis reached (2000)"])
  })
})
