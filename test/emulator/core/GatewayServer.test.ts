import { assert, describe, it } from "@effect/vitest"
import { constants, inflateSync, zstdDecompressSync } from "node:zlib"
import { compressedFrom } from "../../../src/emulator/core/GatewayServer.ts"
import { today } from "../../../src/emulator/core/Profile.ts"
import { Intents } from "../../../src/protocol/GatewayPayload.ts"
import * as Harness from "./Harness.ts"

const heartbeat = { op: 1, d: null }

const resume = (token: string, session: Harness.Client, seq: number) => ({
  op: 6,
  d: { token, session_id: session.events("READY")[0]?.["session_id"], seq }
})

const lastSeq = (client: Harness.Client) =>
  client.messages.reduce((last, message) => message.s === null ? last : message.s, 0)

describe("GatewayServer login", () => {
  it("says Hello, then READY and the guilds with their channels and occupants", () => {
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

  it("sends no guilds without the intent, and tells of new guilds and channels with it", () => {
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

  it("shows a shard only its guilds", () => {
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

  it("speaks zlib-stream and zstd-stream, and refuses other encodings and versions", () => {
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

  it("speaks the version that the client has named, and says so in READY", () => {
    for (const [search, version] of [["v=9", 9], ["v=10", 10], ["", 10]] as const) {
      const h = Harness.make()
      const client = h.connect(search)
      client.send(Harness.identify(h.bot.token))
      assert.strictEqual(client.events("READY")[0]?.["v"], version)
    }
  })

  it("compresses what is long for a client whose Identify asks for it", () => {
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
    // clients in Python write ids as integers, longer than a number of ours can be
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

  it("4001 unknown opcode", () => {
    assert.deepStrictEqual(
      closing((client) => client.send({ op: 99, d: null }), { loggedIn: true }),
      [4001, "unknown-opcode"]
    )
  })

  it("4002 bad JSON, bad shape, too long, bytes that are no text", () => {
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

  it("4003 before Identify, 4005 twice", () => {
    assert.deepStrictEqual(closing((client, h) => h.join(client, h.lobby)), [4003, "wrong-order"])
    assert.deepStrictEqual(
      closing((client, h) => client.send(Harness.identify(h.bot.token)), { loggedIn: true }),
      [4005, "double-identify"]
    )
  })

  it("4004 wrong token; nothing else is said", () => {
    const h = Harness.make()
    const client = h.connect()
    client.take()
    client.send(Harness.identify("wrong"))
    assert.deepStrictEqual(client.take(), [])
    assert.strictEqual(client.closeCode(), 4004)
    assert.deepStrictEqual(h.violations(), ["bad-token"])
    assert.notInclude(JSON.stringify(h.core.verdicts()), "wrong")
  })

  it("4008 beyond 120 messages in 60 s, heartbeats too", () => {
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

  it("4013 unknown intents, 4014 privileged ones that were not enabled", () => {
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

  it("limits Identify, when the profile says so", () => {
    const h = Harness.make({ profile: { identifyIntervalMs: 5000 } })
    h.login()
    const early = h.connect()
    early.send(Harness.identify(h.bot.token))
    assert.deepStrictEqual(Harness.names(early.take()), ["op10", "op9"])
    assert.deepStrictEqual(h.violations(), ["identify-limit"])
    h.core.advance(5000)
    early.send(Harness.identify(h.bot.token))
    assert.deepStrictEqual(Harness.names(early.take()), ["READY", "GUILD_CREATE"])
  })
})

describe("GatewayServer heartbeats", () => {
  it("acknowledges, advises against late ones and closes without any", () => {
    const h = Harness.make()
    const client = h.login()
    const interval = today.gatewayHeartbeatIntervalMs
    h.core.advance(interval)
    client.send(heartbeat)
    assert.deepStrictEqual(client.take(), [{ op: 11, t: null, s: null, d: null }])
    h.core.advance(2 * interval)
    client.send({ op: 1, d: lastSeq(client) })
    assert.deepStrictEqual(h.core.verdicts(), [])
    h.core.advance(3.5 * interval)
    client.send(heartbeat)
    assert.deepStrictEqual(h.advice(), ["late-heartbeat"])
    h.core.advance(5.5 * interval - 1)
    assert.isUndefined(client.closeCode())
    h.core.advance(5.5 * interval)
    assert.strictEqual(client.closeCode(), 4009)
    assert.deepStrictEqual(h.violations(), ["heartbeat-missing"])
    assert.deepStrictEqual(h.core.snapshot().gatewaySessions, [])
  })

  it("asks for one on request, and for a reconnect", () => {
    const h = Harness.make()
    const client = h.login()
    assert.isTrue(h.core.requestHeartbeat(h.bot.id))
    assert.isTrue(h.core.reconnectGateway(h.bot.id))
    assert.deepStrictEqual(Harness.names(client.take()), ["op1", "op7"])
    assert.isFalse(h.core.reconnectGateway(h.core.createUser({ name: "away" }).id))
  })
})

describe("GatewayServer resume", () => {
  it("replays what was missed, then RESUMED; voice stays", () => {
    const h = Harness.make()
    const first = h.login()
    h.join(first, h.lobby)
    const seq = lastSeq(first)
    first.disconnect(4900)
    h.core.kick(h.core.createUser({ name: "nobody" }).id)
    const guest = h.core.createUser({ name: "guest" })
    h.core.participants.join({ userId: guest.id, channelId: h.lobby })
    h.core.moveUser(guest.id, h.other)

    const second = h.connect()
    second.send(resume(h.bot.token, first, seq))
    const replayed = second.take().slice(1)
    assert.deepStrictEqual(Harness.names(replayed), ["VOICE_STATE_UPDATE", "VOICE_STATE_UPDATE", "RESUMED"])
    assert.deepStrictEqual(replayed.map((message) => message.s), [seq + 1, seq + 2, seq + 3])
    assert.strictEqual(h.core.snapshot().voiceStates.length, 2)
    assert.deepStrictEqual(h.revocations(), [])
    h.join(second, h.lobby, { mute: true })
    assert.deepStrictEqual(Harness.names(second.take()), ["VOICE_STATE_UPDATE"])
    for (let i = 1; i <= 10; i++) {
      h.core.advance(i * today.gatewayHeartbeatIntervalMs)
      second.send(heartbeat)
    }
    assert.deepInclude(h.core.snapshot().gatewaySessions, {
      userId: h.bot.id,
      intents: 129,
      connected: true,
      seq: lastSeq(second)
    })
    assert.deepStrictEqual(h.core.verdicts(), [])
  })

  it("takes a session over from a connection that still stands", () => {
    const h = Harness.make()
    const first = h.login()
    const second = h.connect()
    second.send(resume(h.bot.token, first, lastSeq(first)))
    assert.strictEqual(first.closeCode(), 4000)
    assert.strictEqual(second.events("RESUMED").length, 1)
    // The old connection's end is not the session's.
    first.disconnect(1000)
    assert.strictEqual(h.core.snapshot().gatewaySessions.length, 1)
  })

  it("refuses unknown sessions and those of others; the connection can identify", () => {
    const h = Harness.make()
    const first = h.login()
    const stranger = h.core.createUser({ name: "stranger" })
    const second = h.connect()
    second.send({ op: 6, d: { token: h.bot.token, session_id: "unknown", seq: 1 } })
    second.send(resume(stranger.token, first, 1))
    assert.deepStrictEqual(second.take().slice(1).map(({ d, op }) => [op, d]), [[9, false], [9, false]])
    second.send(Harness.identify(h.bot.token))
    assert.deepStrictEqual(Harness.names(second.take()), ["READY", "GUILD_CREATE"])
    const third = h.connect()
    third.send(resume("wrong", first, 1))
    assert.strictEqual(third.closeCode(), 4004)
  })

  it("4007 for a sequence of the future, Invalid Session when the replay is gone", () => {
    const h = Harness.make({ profile: { gatewayReplayLimit: 2 } })
    const first = h.login()
    first.disconnect(1006)
    const early = h.connect()
    early.send(resume(h.bot.token, first, 100))
    assert.strictEqual(early.closeCode(), 4007)
    assert.deepStrictEqual(h.core.snapshot().gatewaySessions, [])

    const other = h.login()
    h.join(other, h.lobby)
    h.join(other, h.lobby)
    other.disconnect(1006)
    const late = h.connect()
    late.send(resume(h.bot.token, other, 1))
    assert.deepStrictEqual(late.take().slice(1).map(({ d, op }) => [op, d]), [[9, false]])
    assert.deepStrictEqual(h.core.snapshot().gatewaySessions, [])
    assert.strictEqual(h.revocations().length, 1)
  })

  it("leaves the connection of a session that has ended unidentified", () => {
    const h = Harness.make({ profile: { gatewayReplayLimit: 1 } })
    const first = h.login()
    h.connect().send(resume(h.bot.token, first, 0))
    assert.deepStrictEqual(h.core.snapshot().gatewaySessions, [])
    h.join(first, h.lobby)
    assert.strictEqual(first.closeCode(), 4003)
    assert.deepStrictEqual(h.core.snapshot().voiceStates, [])
  })

  it("ends the session at 1000 and 1001 at once, otherwise after the window, and voice with it", () => {
    for (const code of [1000, 1001]) {
      const h = Harness.make()
      const client = h.login()
      h.join(client, h.lobby)
      client.disconnect(code)
      assert.deepStrictEqual(h.core.snapshot().voiceStates, [])
      assert.deepStrictEqual(h.revocations().map((r) => r.code), [4014])
    }
    const h = Harness.make()
    const client = h.login()
    h.join(client, h.lobby)
    client.disconnect(1006)
    h.core.advance(today.gatewayResumeWindowMs - 1)
    assert.strictEqual(h.core.snapshot().voiceStates.length, 1)
    h.core.advance(today.gatewayResumeWindowMs)
    assert.deepStrictEqual(h.core.snapshot().voiceStates, [])
    const again = h.connect()
    again.send(resume(h.bot.token, client, lastSeq(client)))
    assert.deepStrictEqual(Harness.names(again.take()), ["op10", "op9"])
  })

  it("drops a session on request without a null state for it, suspends it for a resume", () => {
    const h = Harness.make()
    const client = h.login()
    const watcher = h.login({ token: h.core.createUser({ name: "watcher" }).token })
    h.join(client, h.lobby)
    client.take()
    watcher.take()
    assert.isTrue(h.core.dropGatewaySession(h.bot.id))
    assert.deepStrictEqual(client.take().map(({ d, op }) => [op, d]), [[9, false]])
    assert.deepStrictEqual(h.revocations().map((r) => r.code), [4014])
    assert.deepInclude(watcher.events("VOICE_STATE_UPDATE").at(-1), { user_id: h.bot.id, channel_id: null })
    client.send(Harness.identify(h.bot.token))
    assert.deepStrictEqual(Harness.names(client.take()), ["READY", "GUILD_CREATE"])

    const seq = lastSeq(client)
    const session = client.events("READY").at(-1)?.["session_id"]
    h.core.suspendGatewaySession(h.bot.id)
    client.send({ op: 6, d: { token: h.bot.token, session_id: session, seq } })
    assert.deepStrictEqual(Harness.names(client.take()), ["op9", "RESUMED"])
    assert.isTrue(h.core.closeGateway(h.bot.id, 4000, "why"))
    assert.strictEqual(client.closeCode(), 4000)
    assert.isFalse(h.core.terminateGateway(h.bot.id))
  })
})
