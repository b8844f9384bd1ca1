import { assert, describe, it } from "@effect/vitest"
import { constants, inflateSync, zstdDecompressSync } from "node:zlib"
import { compressedFrom } from "../../../../src/emulator/core/gateway/GatewayWire.ts"
import { Intents } from "../../../../src/protocol/GatewayPayload.ts"
import * as Harness from "../Harness.ts"
import { heartbeat } from "../Harness.ts"

describe("GatewayServer login", () => {
  it("sends Hello, then READY and the guilds with their channels and voice states", () => {
    const h = Harness.make()
    h.core.setGatewayUrl("ws://127.0.0.1:9")
    const guest = h.core.createUser({ name: "guest" })
    h.core.participants.join({ userId: guest.id, channelId: h.lobby })
    const client = h.connect()
    assert.deepStrictEqual(client.take(), [{ op: 10, t: null, s: null, d: { heartbeat_interval: 41_250 } }])
    client.send(Harness.identify(h.bot.token))
    assert.deepStrictEqual(client.messages.slice(1).map(({ s, t }) => [t, s]), [["READY", 1], ["GUILD_CREATE", 2]])
    const [ready] = client.events("READY")
    assert.strictEqual(ready?.["resume_gateway_url"], "ws://127.0.0.1:9")
    assert.deepInclude(ready?.["user"], { id: h.bot.id, username: "bot", bot: true })
    assert.deepStrictEqual(ready?.["guilds"], [{ id: h.guildId, unavailable: true }])
    const [guild] = client.events("GUILD_CREATE")
    const channels = guild?.["channels"]
    assert.isTrue(Array.isArray(channels) && channels.length === 2)
    const states = guild?.["voice_states"]
    assert.isTrue(Array.isArray(states) && states.length === 1)
    if (Array.isArray(states)) {
      assert.deepInclude(states[0], { user_id: guest.id, channel_id: h.lobby, suppress: false })
      assert.notProperty(states[0], "guild_id")
    }
    assert.deepStrictEqual(h.core.verdicts(), [])
  })

  it("sends no guilds without the intent, and announces new guilds and channels with it", () => {
    const h = Harness.make()
    const blind = h.login({ intents: Intents.GuildVoiceStates })
    const client = h.login()
    assert.deepStrictEqual(blind.events("GUILD_CREATE"), [])
    const guildId = h.core.createGuild({ name: "second" })
    h.core.createChannel({ guildId, name: "stage", kind: "stage" })
    assert.deepStrictEqual(Harness.names(client.take()), ["GUILD_CREATE", "CHANNEL_CREATE"])
    assert.deepInclude(client.events("CHANNEL_CREATE")[0], { type: 13, guild_id: guildId })
    assert.deepStrictEqual(blind.take(), [])
  })

  it("shows each shard only its own guilds", () => {
    const h = Harness.make()
    for (let i = 0; i < 6; i++) h.core.createGuild({ name: `guild ${i}` })
    const seen = [0, 1].map((id) => {
      const client = h.connect()
      client.send({ op: 2, d: { ...Harness.identify(h.bot.token).d, shard: [id, 2] } })
      assert.deepStrictEqual(client.events("READY")[0]?.["shard"], [id, 2])
      return client.events("GUILD_CREATE").map((guild) => guild["id"])
    })
    assert.strictEqual(new Set(seen.flat()).size, 7)
    assert.strictEqual(seen.flat().length, 7)
    const wrong = h.connect()
    wrong.send({ op: 2, d: { ...Harness.identify(h.bot.token).d, shard: [2, 2] } })
    assert.strictEqual(wrong.closeCode(), 4010)
  })

  it("supports zlib-stream and zstd-stream, and refuses other encodings, compressions and versions", () => {
    const greeting = (compress: string) => {
      const h = Harness.make()
      const client = h.connect(`v=10&encoding=json&compress=${compress}`)
      client.send(Harness.identify(h.bot.token))
      return Buffer.concat(h.outputs.flatMap((output) => output._tag === "Binary" ? [output.bytes] : []))
    }
    const texts = [
      inflateSync(greeting("zlib-stream"), { finishFlush: constants.Z_SYNC_FLUSH }),
      zstdDecompressSync(greeting("zstd-stream"), { finishFlush: constants.ZSTD_e_flush })
    ]
    for (const text of texts) {
      assert.match(text.toString(), /^\{"t":null,"s":null,"op":10.*"t":"READY".*"t":"GUILD_CREATE"/)
    }
    const h = Harness.make()
    const accept = (search: string) => h.core.accept(99, { _tag: "Gateway", search: new URLSearchParams(search) })
    assert.deepStrictEqual(accept("v=10&encoding=etf"), { reject: 400 })
    assert.deepStrictEqual(accept("v=10&compress=lz4-stream"), { reject: 400 })
    for (const version of ["6", "8", "11", "010", ""]) assert.strictEqual(h.connect(`v=${version}`).closeCode(), 4012)
    for (const version of ["9", "10"]) assert.isUndefined(h.connect(`v=${version}`).closeCode())
    assert.isUndefined(h.connect("").closeCode())
  })

  it("uses the version that the client names, and repeats it in READY", () => {
    for (const [search, version] of [["v=9", 9], ["v=10", 10], ["", 10]] as const) {
      const h = Harness.make()
      const client = h.connect(search)
      client.send(Harness.identify(h.bot.token))
      assert.strictEqual(client.events("READY")[0]?.["v"], version)
    }
  })

  it("compresses long payloads for a client whose Identify asks for it", () => {
    const h = Harness.make()
    const client = h.connect("v=10&encoding=json")
    client.send({ op: 2, d: { ...Harness.identify(h.bot.token).d, compress: true } })
    client.send({ op: 1, d: 2 })
    assert.deepStrictEqual(client.messages.map(({ op, t }) => t ?? op), [10, "READY", 11])
    const long = h.outputs.flatMap((output) => output._tag === "Binary" ? [inflateSync(output.bytes).toString()] : [])
    assert.match(long.at(-1) ?? "", /"t":"GUILD_CREATE"/)
    assert.isTrue(long.every((text) => text.length >= compressedFrom))
    assert.strictEqual(h.core.counters().get("gateway-payload-compressed"), long.length)

    const both = h.connect("v=10&encoding=json&compress=zlib-stream")
    both.send({ op: 2, d: { ...Harness.identify(h.bot.token).d, compress: true } })
    const bytes = h.outputs.flatMap((output) =>
      output._tag === "Binary" && output.connection === both.id ? [output.bytes] : []
    )
    const text = inflateSync(Buffer.concat(bytes), { finishFlush: constants.Z_SYNC_FLUSH }).toString()
    assert.match(text, /"t":"GUILD_CREATE"/)
  })

  it("answers Request Guild Members", () => {
    const h = Harness.make()
    const guest = h.core.createUser({ name: "Guest" })
    const client = h.login()
    client.send({ op: 8, d: { guild_id: h.guildId, query: "gu", limit: 0, nonce: "n" } })
    const [chunk] = client.events("GUILD_MEMBERS_CHUNK")
    assert.strictEqual(chunk?.["nonce"], "n")
    const members = chunk?.["members"]
    assert.isTrue(Array.isArray(members) && members.length === 1)
    if (Array.isArray(members)) assert.deepInclude(members[0].user, { id: guest.id })
    // Python clients write ids as integers, which are too long for a JavaScript number.
    client.sendRaw(`{"op":8,"d":{"guild_id":${h.guildId},"user_ids":[${guest.id}],"limit":0}}`)
    const asked = client.events("GUILD_MEMBERS_CHUNK").at(-1)?.["members"]
    assert.isTrue(Array.isArray(asked) && asked.length === 1)
    client.sendRaw(
      `{"op":4,"d":{"guild_id":${h.guildId},"channel_id":${h.lobby},"self_mute":false,"self_deaf":false}}`
    )
    assert.strictEqual(client.events("VOICE_STATE_UPDATE").at(-1)?.["channel_id"], h.lobby)
    assert.deepStrictEqual(h.core.verdicts(), [])
  })
})

describe("GatewayServer close codes", () => {
  const closing = (
    act: (client: Harness.Client, h: Harness.Harness) => void,
    options?: { readonly loggedIn: boolean }
  ) => {
    const h = Harness.make()
    const client = options?.loggedIn === true ? h.login() : h.connect()
    act(client, h)
    return [client.closeCode(), ...h.violations()]
  }

  it("closes with 4001 for an unknown opcode", () => {
    assert.deepStrictEqual(
      closing((client) => client.send({ op: 99, d: null }), { loggedIn: true }),
      [4001, "unknown-opcode"]
    )
  })

  it("closes with 4002 for invalid JSON, an invalid shape, a message that is too long, and binary data", () => {
    assert.deepStrictEqual(closing((client) => client.sendRaw("{")), [4002, "malformed"])
    assert.deepStrictEqual(closing((client) => client.sendRaw(Uint8Array.of(131, 116, 255))), [4002, "malformed"])
    assert.deepStrictEqual(
      closing((client) => client.send({ op: 4, d: { guild_id: 1 } }), { loggedIn: true }),
      [4002, "malformed"]
    )
    assert.deepStrictEqual(
      closing((client) => client.send({ op: 1, d: null, x: "ä".repeat(2100) })),
      [4002, "payload-too-large"]
    )
    assert.deepStrictEqual(closing((client) => client.send({ op: 1, d: null, x: "a".repeat(4000) })), [undefined])
  })

  it("closes with 4003 before Identify, and with 4005 for a second one", () => {
    assert.deepStrictEqual(closing((client, h) => h.join(client, h.lobby)), [4003, "wrong-order"])
    assert.deepStrictEqual(
      closing((client, h) => client.send(Harness.identify(h.bot.token)), { loggedIn: true }),
      [4005, "double-identify"]
    )
  })

  it("closes with 4004 for a wrong token, without any other message", () => {
    const h = Harness.make()
    const client = h.connect()
    client.take()
    client.send(Harness.identify("wrong"))
    assert.deepStrictEqual(client.take(), [])
    assert.strictEqual(client.closeCode(), 4004)
    assert.deepStrictEqual(h.violations(), ["bad-token"])
    assert.notInclude(JSON.stringify(h.core.verdicts()), "wrong")
  })

  it("closes with 4008 after more than 120 messages in 60 s, heartbeats included", () => {
    const h = Harness.make()
    const client = h.login()
    for (let i = 0; i < 119; i++) client.send(heartbeat)
    assert.isUndefined(client.closeCode())
    h.core.advance(59_999)
    client.send(heartbeat)
    assert.strictEqual(client.closeCode(), 4008)
    assert.deepStrictEqual(h.violations(), ["send-limit-exceeded"])

    const patient = h.login()
    for (let i = 0; i < 119; i++) patient.send(heartbeat)
    h.core.advance(h.core.snapshot().nowMs + 60_000)
    for (let i = 0; i < 120; i++) patient.send(heartbeat)
    assert.isUndefined(patient.closeCode())
    patient.send(heartbeat)
    assert.strictEqual(patient.closeCode(), 4008)
  })

  it("closes with 4013 for unknown intents, and with 4014 for privileged ones that are not enabled", () => {
    assert.deepStrictEqual(
      closing((client, h) => client.send(Harness.identify(h.bot.token, 1 << 17))),
      [4013, "invalid-intents"]
    )
    assert.deepStrictEqual(
      closing((client, h) => client.send(Harness.identify(h.bot.token, 2 ** 40))),
      [4013, "invalid-intents"]
    )
    assert.deepStrictEqual(
      closing((client, h) => client.send(Harness.identify(h.bot.token, 129 | Intents.GuildMembers))),
      [4014, "disallowed-intents"]
    )
    const h = Harness.make()
    const user = h.core.createUser({ name: "trusted", privilegedIntents: true })
    assert.strictEqual(h.login({ token: user.token, intents: 129 | Intents.GuildMembers }).closeCode(), undefined)
  })

  it("answers nothing on a closed connection", () => {
    const h = Harness.make()
    const client = h.connect()
    client.sendRaw("{")
    client.take()
    client.send(heartbeat)
    client.disconnect(1006)
    assert.deepStrictEqual(client.take(), [])
    assert.strictEqual(h.core.counters().get("frame-after-close"), 1)
  })
})
