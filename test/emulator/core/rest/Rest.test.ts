import { assert, describe, it } from "@effect/vitest"
import * as Harness from "../Harness.ts"

const setup = () => {
  const h = Harness.make()
  h.core.setGatewayUrl("ws://127.0.0.1:1")
  const call = (method: string, path: string, body?: unknown, authorization: string = `Bot ${h.bot.token}`) =>
    h.core.rest({ method, path, authorization, body: body === undefined ? undefined : JSON.stringify(body) })
  return { h, call }
}

const codeOf = (response: { readonly body: unknown }) =>
  typeof response.body === "object" && response.body !== null && "code" in response.body
    ? response.body.code
    : undefined

describe("Rest", () => {
  it("returns the gateway's URL, with or without the API prefix, a query and a trailing slash", () => {
    const { call, h } = setup()
    assert.deepStrictEqual(
      h.core.rest({ method: "GET", path: "/gateway", authorization: undefined, body: undefined }),
      { status: 200, body: { url: "ws://127.0.0.1:1" } }
    )
    const expected = {
      status: 200,
      body: {
        url: "ws://127.0.0.1:1",
        shards: 1,
        session_start_limit: { total: 1000, remaining: 1000, reset_after: 86_400_000, max_concurrency: 1 }
      }
    }
    for (const path of ["/gateway/bot", "/api/v10/gateway/bot", "/api/gateway/bot?x=1", "/gateway/bot/"]) {
      assert.deepStrictEqual(call("GET", path), expected)
    }
    h.login()
    assert.deepNestedInclude(call("GET", "/gateway/bot").body, { "session_start_limit.remaining": 999 })
  })

  it("returns the bot, its application, guilds, channels, members and regions", () => {
    const { call, h } = setup()
    const get = (path: string) => {
      const response = call("GET", path)
      assert.strictEqual(response.status, 200, path)
      return response.body
    }
    assert.deepInclude(get("/users/@me"), { id: h.bot.id, username: "bot", bot: true })
    assert.deepInclude(get(`/users/${h.bot.id}`), { id: h.bot.id })
    assert.deepInclude(get("/applications/@me"), { id: h.bot.id })
    assert.deepInclude(get("/oauth2/applications/@me"), { id: h.bot.id })
    assert.deepInclude(get(`/guilds/${h.guildId}`), { id: h.guildId, name: "guild" })
    const channels = get(`/guilds/${h.guildId}/channels`)
    assert.isTrue(Array.isArray(channels) && channels.length === 2)
    assert.deepInclude(get(`/channels/${h.lobby}`), { id: h.lobby, type: 2 })
    assert.deepNestedInclude(get(`/guilds/${h.guildId}/members/${h.bot.id}`), { "user.id": h.bot.id })
    assert.deepStrictEqual(get("/voice/regions"), [
      { id: "here", name: "here", optimal: true, deprecated: false, custom: false }
    ])
    const sounds = get("/soundboard-default-sounds")
    assert.isTrue(Array.isArray(sounds) && sounds.length === 1)
    assert.deepStrictEqual(h.core.verdicts(), [])
  })

  it("keeps the commands that a bot registers, globally and in a guild", () => {
    const { call, h } = setup()
    const everywhere = `/applications/${h.bot.id}/commands`
    const inGuild = `/applications/${h.bot.id}/guilds/${h.guildId}/commands`
    const idsOf = (path: string): ReadonlyArray<unknown> => {
      const { body, status } = call("GET", path)
      assert.strictEqual(status, 200)
      return Array.isArray(body) ? body.map(({ id }) => id) : []
    }
    assert.deepStrictEqual(call("GET", everywhere), { status: 200, body: [] })
    const play = {
      name: "play",
      description: "plays",
      type: 1,
      options: [{ type: 3, name: "what", description: "it" }]
    }
    const first = call("PUT", everywhere, [play, { name: "stop", description: "stops" }])
    assert.strictEqual(first.status, 200)
    const [played, stopped]: ReadonlyArray<unknown> = Array.isArray(first.body) ? first.body : []
    assert.deepInclude(played, { ...play, application_id: h.bot.id })
    assert.deepInclude(stopped, { name: "stop", type: 1 })
    const [playId, stopId] = idsOf(everywhere)
    assert.notStrictEqual(playId, stopId)
    assert.strictEqual(call("PUT", everywhere, [play]).status, 200)
    assert.deepStrictEqual(idsOf(everywhere), [playId])

    assert.deepStrictEqual(idsOf(inGuild), [])
    const one = call("POST", inGuild, play)
    assert.strictEqual(one.status, 201)
    assert.deepInclude(one.body, { guild_id: h.guildId, name: "play" })
    const [inGuildId] = idsOf(inGuild)
    assert.strictEqual(call("DELETE", `${inGuild}/${String(inGuildId)}`).status, 204)
    assert.strictEqual(codeOf(call("DELETE", `${inGuild}/${String(inGuildId)}`)), 10063)
    assert.deepStrictEqual([idsOf(inGuild), idsOf(everywhere)], [[], [playId]])

    assert.strictEqual(codeOf(call("PUT", everywhere, [{ description: "no name" }])), 50035)
    assert.strictEqual(codeOf(call("PUT", everywhere, play)), 50109)
    assert.strictEqual(codeOf(call("POST", everywhere, [play])), 50109)
    assert.strictEqual(codeOf(call("GET", "/applications/1/commands")), 20012)
    assert.strictEqual(codeOf(call("GET", `/applications/${h.bot.id}/guilds/1/commands`)), 10004)
    assert.deepStrictEqual(h.core.verdicts(), [])
  })

  it("refuses wrong tokens, unknown paths, methods, ids and bodies as Discord does", () => {
    const { call, h } = setup()
    assert.deepStrictEqual(call("GET", "/users/@me", undefined, "Bot wrong"), {
      status: 401,
      body: { message: "401: Unauthorized", code: 0 }
    })
    assert.deepStrictEqual(h.violations(), ["bad-token"])
    assert.deepStrictEqual(call("POST", `/channels/${h.lobby}/followers`), {
      status: 404,
      body: { message: "404: Not Found", code: 0 }
    })
    assert.strictEqual(h.core.counters().get("rest-unknown:POST /channels/:/followers"), 1)
    assert.strictEqual(call("PUT", "/users/@me").status, 405)
    assert.strictEqual(codeOf(call("GET", "/guilds/1")), 10004)
    assert.strictEqual(codeOf(call("GET", "/channels/1")), 10003)
    assert.strictEqual(codeOf(call("GET", `/guilds/${h.guildId}/members/1`)), 10007)
    const stranger = h.core.createUser({ name: "stranger", guilds: [] })
    assert.strictEqual(codeOf(call("GET", `/guilds/${h.guildId}`, undefined, `Bot ${stranger.token}`)), 10004)
    h.core.deny({ userId: h.bot.id, channelId: h.lobby, view: true })
    assert.strictEqual(codeOf(call("GET", `/channels/${h.lobby}`)), 50001)
    const bad = h.core.rest({
      method: "PATCH",
      path: `/channels/${h.other}`,
      authorization: `Bot ${h.bot.token}`,
      body: "{"
    })
    assert.strictEqual(bad.status, 400)
  })

  it("moves, mutes and disconnects members if the bot has permission", () => {
    const { call, h } = setup()
    const client = h.login()
    const guest = h.core.createUser({ name: "guest" })
    h.core.participants.join({ userId: guest.id, channelId: h.lobby })
    const path = `/guilds/${h.guildId}/members/${guest.id}`
    assert.strictEqual(codeOf(call("PATCH", path, { channel_id: h.other })), 50013)
    h.core.setModerator(h.bot.id, true)
    assert.strictEqual(call("PATCH", path, { channel_id: h.other }).status, 200)
    assert.strictEqual(codeOf(call("PATCH", path, { channel_id: "1" })), 10003)
    assert.deepInclude(call("PATCH", path, { mute: true }).body, { mute: true })
    assert.strictEqual(call("PATCH", path, { mute: 1 }).status, 400)
    assert.strictEqual(call("PATCH", path, { channel_id: null }).status, 200)
    assert.strictEqual(codeOf(call("PATCH", path, { channel_id: null })), 40032)
    assert.deepStrictEqual(
      client.events("VOICE_STATE_UPDATE").map((state) => [state["channel_id"], state["mute"]]),
      [[h.lobby, false], [h.other, false], [h.other, true], [null, true]]
    )
  })

  it("reads and changes voice states in a stage channel", () => {
    const { call, h } = setup()
    const stage = h.core.createChannel({ guildId: h.guildId, name: "stage", kind: "stage" })
    if (stage === undefined) throw new Error("no channel")
    const client = h.login()
    const mine = `/guilds/${h.guildId}/voice-states/@me`
    assert.strictEqual(codeOf(call("GET", mine)), 10065)
    h.join(client, stage)
    assert.deepInclude(call("GET", mine).body, { channel_id: stage, suppress: true })
    assert.deepInclude(call("GET", `/guilds/${h.guildId}/voice-states/${h.bot.id}`).body, { user_id: h.bot.id })
    const time = "2026-01-01T00:00:00.000Z"
    assert.strictEqual(call("PATCH", mine, { channel_id: stage, request_to_speak_timestamp: time }).status, 204)
    assert.deepInclude(client.events("VOICE_STATE_UPDATE").at(-1), { request_to_speak_timestamp: time, suppress: true })
    // Outside the stage, the request to speak is dropped.
    h.join(client, h.lobby)
    assert.deepInclude(client.events("VOICE_STATE_UPDATE").at(-1), {
      request_to_speak_timestamp: null,
      suppress: false
    })
    h.join(client, stage)
    assert.strictEqual(call("PATCH", mine, { channel_id: stage, request_to_speak_timestamp: time }).status, 204)
    assert.strictEqual(codeOf(call("PATCH", mine, { suppress: false })), 50013)
    h.core.setModerator(h.bot.id, true)
    assert.deepStrictEqual(call("PATCH", mine, { suppress: false }), { status: 204, body: undefined })
    assert.deepInclude(client.events("VOICE_STATE_UPDATE").at(-1), { suppress: false })
  })

  it("changes and deletes a channel; a new region moves its voice server", () => {
    const { call, h } = setup()
    h.core.setModerator(h.bot.id, true)
    h.core.createVoiceServer({ region: "there", endpoint: "voice2.test:1", udp: { address: "127.0.0.1", port: 2 } })
    const client = h.login()
    h.join(client, h.lobby)
    client.take()
    assert.deepInclude(call("PATCH", `/channels/${h.lobby}`, { rtc_region: "there", user_limit: 3 }).body, {
      rtc_region: "there",
      user_limit: 3
    })
    assert.deepStrictEqual(Harness.names(client.take()), ["VOICE_SERVER_UPDATE", "CHANNEL_UPDATE"])
    assert.deepInclude(client.events("VOICE_SERVER_UPDATE").at(-1), { endpoint: "voice2.test:1" })
    // The same region does not move it.
    assert.deepInclude(call("PATCH", `/channels/${h.lobby}`, { rtc_region: "there" }).body, { rtc_region: "there" })
    assert.deepStrictEqual(Harness.names(client.take()), ["CHANNEL_UPDATE"])
    assert.strictEqual(call("DELETE", `/channels/${h.lobby}`).status, 200)
    assert.strictEqual(codeOf(call("GET", `/channels/${h.lobby}`)), 10003)
  })

  it("lets faults drop, delay and replace answers", () => {
    const { call, h } = setup()
    const remove = h.core.addFault((subject) =>
      subject.point === "rest" && subject.op === "GET /gateway/bot"
        ? subject.index === 0 ? { _tag: "Drop" } : { _tag: "Delay", ms: 40 }
        : undefined
    )
    assert.deepStrictEqual(call("GET", "/gateway/bot"), { status: 0, body: undefined })
    assert.deepInclude(call("GET", "/gateway/bot"), { status: 200, delayMs: 40 })
    remove()
    assert.notProperty(call("GET", "/gateway/bot"), "delayMs")
    h.core.addFault(() => ({ _tag: "Replace", frame: "{\"url\":\"wss://elsewhere\"}" }))
    assert.deepInclude(call("GET", "/gateway/bot"), { status: 200, text: "{\"url\":\"wss://elsewhere\"}" })
  })

  it("refuses a request with the status that a fault gives, without carrying it out", () => {
    const { call, h } = setup()
    const path = `/channels/${h.lobby}/messages`
    const end = h.core.addFault(() => ({ _tag: "Refuse", status: 429, retryAfterMs: 1_500 }))
    const { body, headers, status } = call("POST", path, { content: "Hello" })
    assert.strictEqual(status, 429)
    assert.deepStrictEqual(body, { message: "You are being rate limited.", retry_after: 1.5, global: false })
    assert.deepInclude(headers, { "retry-after": "2", "x-ratelimit-remaining": "0", via: "1.1 google" })
    end()
    const broken = h.core.addFault(() => ({ _tag: "Refuse", status: 503, retryAfterMs: 0 }))
    assert.deepStrictEqual(call("POST", path, { content: "Hello" }), {
      status: 503,
      body: { message: "503: Internal Server Error", code: 0 }
    })
    broken()
    assert.deepStrictEqual(call("GET", path), { status: 200, body: [] })
  })
})
