import { assert, describe, it } from "@effect/vitest"
import { Result, type Schema } from "effect"
import { inspect } from "node:util"
import * as GatewayPayload from "../../src/protocol/GatewayPayload.ts"
import { ChannelId, GuildId, UserId } from "../../src/protocol/Identifier.ts"

const guild = GuildId.make("41771983423143937")
const user = UserId.make("104694319306248192")
const channel = ChannelId.make("127121515262115840")

const succeed = <A>(result: Result.Result<A, GatewayPayload.PayloadError>): A => {
  if (Result.isFailure(result)) assert.fail(result.failure.message)
  return result.success
}

const failure = <A>(result: Result.Result<A, GatewayPayload.PayloadError>): GatewayPayload.PayloadError => {
  if (Result.isSuccess(result)) assert.fail(`expected a failure, got ${inspect(result.success)}`)
  return result.failure
}

/** What is left of a value after JSON: -0 becomes 0. */
const throughJson = (u: unknown): unknown => JSON.parse(JSON.stringify(u))

/**
 * The same for a client's text, in which integers that a number cannot hold are read as their digits. Fields without a
 * schema, such as a presence, may contain some.
 */
const throughClientJson = (u: unknown): unknown =>
  JSON.parse(
    JSON.stringify(u),
    (_, value: unknown) =>
      typeof value === "number" && value > Number.MAX_SAFE_INTEGER && value < 1e21 ? String(value) : value
  )

const voiceState: GatewayPayload.VoiceState = {
  guild_id: guild,
  channel_id: channel,
  user_id: user,
  session_id: "my_session_id",
  deaf: false,
  mute: true,
  self_deaf: true,
  self_mute: false,
  self_video: false,
  suppress: false,
  request_to_speak_timestamp: null
}

const clientVectors: Record<string, readonly [wire: unknown, message: GatewayPayload.ClientMessage]> = {
  "Heartbeat": [{ op: 1, d: 251 }, { op: 1, d: 251 }],
  "first Heartbeat": [{ op: 1, d: null }, { op: 1, d: null }],
  "Identify": [
    {
      op: 2,
      d: { token: "my_token", properties: { os: "linux", browser: "b", device: "d" }, intents: 129, shard: [0, 1] }
    },
    {
      op: 2,
      d: {
        token: "my_token",
        properties: { os: "linux", browser: "b", device: "d" },
        intents: GatewayPayload.voiceIntents,
        shard: [0, 1]
      }
    }
  ],
  "Update Voice State, join": [
    {
      op: 4,
      d: { guild_id: "41771983423143937", channel_id: "127121515262115840", self_mute: false, self_deaf: false }
    },
    { op: 4, d: { guild_id: guild, channel_id: channel, self_mute: false, self_deaf: false } }
  ],
  "Update Voice State, leave": [
    { op: 4, d: { guild_id: "41771983423143937", channel_id: null, self_mute: false, self_deaf: true } },
    { op: 4, d: { guild_id: guild, channel_id: null, self_mute: false, self_deaf: true } }
  ],
  "Resume": [
    { op: 6, d: { token: "my_token", session_id: "my_session_id", seq: 1337 } },
    { op: 6, d: { token: "my_token", session_id: "my_session_id", seq: 1337 } }
  ]
}

const serverVectors: Record<string, readonly [wire: unknown, message: GatewayPayload.ServerMessage]> = {
  "Heartbeat request": [{ op: 1, d: null, s: null, t: null }, { op: 1, d: null }],
  "Reconnect": [{ op: 7, d: null, s: null, t: null }, { op: 7, d: null }],
  "Invalid Session": [{ op: 9, d: true, s: null, t: null }, { op: 9, d: true }],
  "Hello": [
    { op: 10, d: { heartbeat_interval: 41250 }, s: null, t: null },
    { op: 10, d: { heartbeat_interval: 41250 } }
  ],
  "Heartbeat ACK": [{ op: 11, d: null, s: null, t: null }, { op: 11, d: null }],
  "READY": [
    {
      op: 0,
      t: "READY",
      s: 1,
      d: {
        v: 10,
        user: { id: "104694319306248192", username: "bot", discriminator: "0", avatar: null, bot: true },
        guilds: [{ id: "41771983423143937", unavailable: true }],
        session_id: "my_session_id",
        resume_gateway_url: "wss://gateway.example",
        shard: [0, 1],
        application: { id: "1", flags: 0 }
      }
    },
    {
      op: 0,
      t: "READY",
      s: 1,
      d: {
        v: 10,
        user: { id: user, username: "bot", discriminator: "0", avatar: null, bot: true },
        guilds: [{ id: guild, unavailable: true }],
        session_id: "my_session_id",
        resume_gateway_url: "wss://gateway.example",
        shard: [0, 1],
        application: { id: "1", flags: 0 }
      }
    }
  ],
  "RESUMED": [{ op: 0, t: "RESUMED", s: 9, d: {} }, { op: 0, t: "RESUMED", s: 9, d: {} }],
  "GUILD_CREATE": [
    {
      op: 0,
      t: "GUILD_CREATE",
      s: 2,
      d: {
        id: "41771983423143937",
        name: "guild",
        voice_states: [{
          channel_id: "127121515262115840",
          user_id: "104694319306248192",
          session_id: "s",
          deaf: false,
          mute: false,
          self_deaf: false,
          self_mute: false,
          self_video: false,
          suppress: true
        }],
        channels: [{ id: "127121515262115840", type: 13, name: "stage", position: 1 }],
        members: []
      }
    },
    {
      op: 0,
      t: "GUILD_CREATE",
      s: 2,
      d: {
        id: guild,
        name: "guild",
        voice_states: [{
          channel_id: channel,
          user_id: user,
          session_id: "s",
          deaf: false,
          mute: false,
          self_deaf: false,
          self_mute: false,
          self_video: false,
          suppress: true
        }],
        channels: [{ id: channel, type: 13, name: "stage", position: 1 }],
        members: []
      }
    }
  ],
  "GUILD_CREATE, unavailable": [
    { op: 0, t: "GUILD_CREATE", s: 3, d: { id: "41771983423143937", unavailable: true } },
    { op: 0, t: "GUILD_CREATE", s: 3, d: { id: guild, unavailable: true } }
  ],
  "VOICE_STATE_UPDATE": [
    {
      op: 0,
      t: "VOICE_STATE_UPDATE",
      s: 4,
      d: {
        guild_id: "41771983423143937",
        channel_id: "127121515262115840",
        user_id: "104694319306248192",
        session_id: "my_session_id",
        deaf: false,
        mute: true,
        self_deaf: true,
        self_mute: false,
        self_video: false,
        suppress: false,
        request_to_speak_timestamp: null
      }
    },
    { op: 0, t: "VOICE_STATE_UPDATE", s: 4, d: voiceState }
  ],
  "VOICE_SERVER_UPDATE": [
    {
      op: 0,
      t: "VOICE_SERVER_UPDATE",
      s: 2,
      d: { token: "my_token", guild_id: "41771983423143937", endpoint: "smart.loyal.discord.gg" }
    },
    {
      op: 0,
      t: "VOICE_SERVER_UPDATE",
      s: 2,
      d: { token: "my_token", guild_id: guild, endpoint: "smart.loyal.discord.gg" }
    }
  ],
  "VOICE_SERVER_UPDATE without endpoint": [
    {
      op: 0,
      t: "VOICE_SERVER_UPDATE",
      s: 0,
      d: { token: "my_token", guild_id: "41771983423143937", endpoint: null }
    },
    { op: 0, t: "VOICE_SERVER_UPDATE", s: 0, d: { token: "my_token", guild_id: guild, endpoint: null } }
  ],
  "another dispatch": [
    { op: 0, t: "MESSAGE_CREATE", s: 12, d: { id: "1" } },
    { op: "other", t: "MESSAGE_CREATE", s: 12, d: { id: "1" } }
  ]
}

describe("vectors", () => {
  for (const [name, [wire, message]] of Object.entries(clientVectors)) {
    it(`client: ${name}`, () => {
      assert.deepStrictEqual(JSON.parse(succeed(GatewayPayload.encodeClient(message))), wire)
      assert.deepStrictEqual(succeed(GatewayPayload.decodeClient(JSON.stringify(wire))), message)
    })
  }

  for (const [name, [wire, message]] of Object.entries(serverVectors)) {
    it(`server: ${name}`, () => {
      assert.deepStrictEqual(JSON.parse(succeed(GatewayPayload.encodeServer(message))), wire)
      assert.deepStrictEqual(succeed(GatewayPayload.decodeServer(JSON.stringify(wire))), message)
    })
  }

  it("names the intents that voice needs", () => {
    assert.strictEqual(GatewayPayload.voiceIntents, 129)
  })
})

describe("round trip", () => {
  for (const op of GatewayPayload.ClientMessage.discriminants) {
    const schema: Schema.Codec<GatewayPayload.ClientMessage, unknown> = GatewayPayload.ClientMessage.cases[op]
    it.prop(`client op ${op}`, [schema], ([message]) => {
      const text = GatewayPayload.encodeClient(message)
      if (Result.isFailure(text)) return assert.strictEqual(text.failure.kind, "TooLarge")
      assert.deepStrictEqual(
        throughJson(succeed(GatewayPayload.decodeClient(text.success))),
        throughClientJson(message)
      )
    })
  }

  it("client op 2 with a presence whose integers no number can hold", () => {
    const message = succeed(GatewayPayload.decodeClient(JSON.stringify({
      op: 2,
      d: {
        token: "my_token",
        properties: { os: "", browser: "", device: "" },
        intents: 0,
        presence: { since: 9007199254740991, n: 9007199256365702, less: -9007199256365702, more: 1e21 }
      }
    })))
    assert.strictEqual(message.op, 2)
    assert.deepStrictEqual(
      message.op === 2 ? message.d.presence : undefined,
      { since: 9007199254740991, n: "9007199256365702", less: -9007199256365702, more: 1e21 }
    )
  })

  const schema: Schema.Codec<GatewayPayload.ServerMessage, unknown> = GatewayPayload.ServerMessage
  it.prop("server", [schema], ([message]) => {
    const text = succeed(GatewayPayload.encodeServer(message))
    assert.deepStrictEqual(throughJson(succeed(GatewayPayload.decodeServer(text))), throughJson(message))
  }, { arbitrary: { runs: 500 } })

  for (const t of GatewayPayload.Dispatch.discriminants) {
    const schema: Schema.Codec<GatewayPayload.Dispatch, unknown> = GatewayPayload.Dispatch.cases[t]
    it.prop(t, [schema], ([message]) => {
      const text = succeed(GatewayPayload.encodeServer(message))
      assert.deepStrictEqual(throughJson(succeed(GatewayPayload.decodeServer(text))), throughJson(message))
    })
  }
})

describe("tolerance", () => {
  it("reports unknown opcodes, including those of the other direction", () => {
    assert.deepStrictEqual(succeed(GatewayPayload.decodeClient("{\"op\":3,\"d\":{\"since\":null}}")), {
      op: "unknown",
      code: 3,
      d: { since: null }
    })
    assert.deepStrictEqual(succeed(GatewayPayload.decodeClient("{\"op\":10,\"d\":1}")), {
      op: "unknown",
      code: 10,
      d: 1
    })
    assert.deepStrictEqual(succeed(GatewayPayload.decodeServer("{\"op\":4,\"d\":1,\"s\":null,\"t\":null}")), {
      op: "unknown",
      code: 4,
      d: 1
    })
  })

  it("reads messages without a body, whatever they carry", () => {
    for (const op of [1, 7, 11]) {
      for (const rest of ["", ",\"d\":null", ",\"d\":251", ",\"d\":{},\"s\":null,\"t\":null"]) {
        assert.deepStrictEqual<unknown>(succeed(GatewayPayload.decodeServer(`{"op":${op}${rest}}`)), { op, d: null })
      }
    }
    for (const d of ["{}", "null", "{\"_trace\":[\"x\"]}"]) {
      assert.deepStrictEqual(succeed(GatewayPayload.decodeServer(`{"op":0,"t":"RESUMED","s":1,"d":${d}}`)), {
        op: 0,
        t: "RESUMED",
        s: 1,
        d: {}
      })
    }
    for (const d of ["false", "null", "\"true\"", "1"]) {
      assert.deepStrictEqual(succeed(GatewayPayload.decodeServer(`{"op":9,"d":${d}}`)), { op: 9, d: false })
    }
  })

  it("leaves out guilds of READY that it cannot read", () => {
    const text = "{\"op\":0,\"t\":\"READY\",\"s\":1,\"d\":{\"user\":{\"id\":\"1\"},\"session_id\":\"s\","
      + "\"resume_gateway_url\":\"u\",\"guilds\":[null,{\"id\":\"2\"},{\"id\":3},{}]}}"
    assert.deepStrictEqual<unknown>(succeed(GatewayPayload.decodeServer(text)), {
      op: 0,
      t: "READY",
      s: 1,
      d: { user: { id: "1" }, session_id: "s", resume_gateway_url: "u", guilds: [{ id: "2" }] }
    })
  })

  it("reads absent flags of a voice state as false", () => {
    const text = "{\"op\":0,\"t\":\"VOICE_STATE_UPDATE\",\"s\":1,\"d\":"
      + "{\"channel_id\":null,\"user_id\":\"1\",\"session_id\":\"s\",\"discoverable\":true}}"
    const off = { deaf: false, mute: false, self_deaf: false, self_mute: false, self_video: false, suppress: false }
    assert.deepStrictEqual(succeed(GatewayPayload.decodeServer(text)), {
      op: 0,
      t: "VOICE_STATE_UPDATE",
      s: 1,
      d: { channel_id: null, user_id: UserId.make("1"), session_id: "s", ...off }
    })
  })
})

describe("rejects", () => {
  const server: Record<string, readonly [wire: unknown, at: string]> = {
    "no opcode": [{ d: null }, "op"],
    "our own name for other dispatches": [{ op: "other", t: "X", s: 1, d: null }, "op"],
    "dispatch without name": [{ op: 0, t: null, s: 1, d: {} }, "t"],
    "dispatch without s": [{ op: 0, t: "MESSAGE_CREATE", d: {} }, "s"],
    "dispatch with s null": [{ op: 0, t: "RESUMED", s: null, d: {} }, "s"],
    "interval 0": [{ op: 10, d: { heartbeat_interval: 0 } }, "d.heartbeat_interval"],
    "server without token": [
      { op: 0, t: "VOICE_SERVER_UPDATE", s: 1, d: { guild_id: "1", endpoint: null } },
      "d.token"
    ],
    "state without channel": [
      { op: 0, t: "VOICE_STATE_UPDATE", s: 1, d: { user_id: "1", session_id: "s" } },
      "d.channel_id"
    ],
    "ready without resume URL": [
      {
        op: 0,
        t: "READY",
        s: 1,
        d: { v: 10, user: { id: "1" }, guilds: [], session_id: "s", application: { id: "1" } }
      },
      "d.resume_gateway_url"
    ]
  }
  for (const [name, [wire, at]] of Object.entries(server)) {
    it(`server message: ${name}`, () => {
      const error = failure(GatewayPayload.decodeServer(JSON.stringify(wire)))
      assert.strictEqual(error.kind, "Shape")
      assert.strictEqual(error.detail.split(": ")[0], at)
    })
  }

  const client: Record<string, readonly [wire: unknown, at: string]> = {
    "no opcode": [{ d: null }, "op"],
    "heartbeat without d": [{ op: 1 }, "d"],
    "negative seq": [{ op: 1, d: -1 }, "d"],
    "identify without token": [
      { op: 2, d: { properties: { os: "", browser: "", device: "" }, intents: 0 } },
      "d.token"
    ],
    "large_threshold beyond 250": [
      { op: 2, d: { token: "", properties: { os: "", browser: "", device: "" }, intents: 0, large_threshold: 251 } },
      "d.large_threshold"
    ],
    "update without channel": [{ op: 4, d: { guild_id: "1", self_mute: false, self_deaf: false } }, "d.channel_id"],
    "update with text flags": [
      { op: 4, d: { guild_id: "1", channel_id: null, self_mute: "false", self_deaf: false } },
      "d.self_mute"
    ]
  }
  for (const [name, [wire, at]] of Object.entries(client)) {
    it(`client message: ${name}`, () => {
      const error = failure(GatewayPayload.decodeClient(JSON.stringify(wire)))
      assert.strictEqual(error.kind, "Shape")
      assert.strictEqual(error.detail.split(": ")[0], at)
    })
  }

  it("a dispatch that has a schema under the name of the others", () => {
    for (const t of GatewayPayload.Dispatch.discriminants) {
      const error = failure(GatewayPayload.encodeServer({ op: "other", t, s: 1, d: {} }))
      assert.deepStrictEqual([error.kind, error.op], ["Shape", 0])
    }
  })

  it("text that is not JSON, and values that JSON cannot carry", () => {
    assert.strictEqual(failure(GatewayPayload.decodeClient("{")).kind, "Json")
    assert.strictEqual(failure(GatewayPayload.decodeServer("")).kind, "Json")
    assert.strictEqual(failure(GatewayPayload.decodeServer("[]")).kind, "Shape")
    assert.strictEqual(failure(GatewayPayload.encodeServer({ op: "other", t: "X", s: 1, d: 1n })).kind, "Json")
  })

  it("a client's text beyond 4096 bytes of UTF-8, both ways", () => {
    const resume = (session_id: string): GatewayPayload.ClientMessage => ({
      op: 6,
      d: { token: "t", session_id, seq: 1 }
    })
    const frame = succeed(GatewayPayload.encodeClient(resume(""))).length
    const room = GatewayPayload.maxPayloadBytes - frame
    for (
      const [fits, exceeds] of [["a".repeat(room), "a".repeat(room + 1)], [
        `${"é".repeat(Math.floor(room / 2))}${"a".repeat(room % 2)}`,
        "é".repeat(Math.floor(room / 2) + 1)
      ]] as const
    ) {
      const text = succeed(GatewayPayload.encodeClient(resume(fits)))
      assert.strictEqual(Buffer.byteLength(text), GatewayPayload.maxPayloadBytes)
      succeed(GatewayPayload.decodeClient(text))
      assert.strictEqual(failure(GatewayPayload.encodeClient(resume(exceeds))).kind, "TooLarge")
      assert.strictEqual(failure(GatewayPayload.decodeClient(JSON.stringify(resume(exceeds)))).kind, "TooLarge")
    }
    succeed(GatewayPayload.encodeServer({ op: "other", t: "X", s: 1, d: "a".repeat(100_000) }))
  })
})

it("shows no token in an error", () => {
  const secret = "Zm9vYmFyLXNlY3JldA"
  const faces = (error: GatewayPayload.PayloadError) =>
    [error.message, String(error), JSON.stringify(error), inspect(error, { depth: 10 }), error.stack ?? ""].join("\n")
  const errors = [
    failure(GatewayPayload.decodeClient(secret)),
    failure(GatewayPayload.decodeClient(`{"op":2,"d":{"token":"${secret}","intents":"${secret}"}}`)),
    failure(GatewayPayload.decodeClient(`{"op":6,"d":{"token":["${secret}"],"session_id":"s","seq":1}}`)),
    failure(GatewayPayload.decodeServer(`{"op":0,"t":"READY","s":"${secret}","d":{}}`)),
    failure(
      GatewayPayload.decodeServer(
        `{"op":0,"t":"VOICE_SERVER_UPDATE","s":1,"d":{"token":"${secret}","guild_id":"${secret}","endpoint":null}}`
      )
    ),
    failure(GatewayPayload.encodeClient({ op: 6, d: { token: secret, session_id: secret, seq: -1 } }))
  ]
  for (const error of errors) assert.notInclude(faces(error), secret)
})

describe("hostile input", () => {
  const random = (seed: number) => () => {
    seed = (seed + 0x6d2b79f5) | 0
    let x = Math.imul(seed ^ (seed >>> 15), seed | 1)
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61)
    return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32
  }

  const texts = [...Object.values(clientVectors), ...Object.values(serverVectors)].map(([wire]) => JSON.stringify(wire))
  const tokens = [
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"",
    "\\",
    "null",
    "true",
    "-1",
    "1e999",
    "0.5",
    "\"\"",
    "\"__proto__\":",
    "{}",
    "\"op\":",
    "\"d\":",
    "\"t\":",
    "\"s\":",
    "\ud800",
    "\u0000",
    "99999999999999999999",
    "-0",
    "\"other\"",
    "[[[["
  ]

  const hostile = (next: () => number): string => {
    const pick = (from: ReadonlyArray<string>) => from[Math.floor(next() * from.length)] ?? ""
    let text = next() < 0.05 ? "" : pick(texts)
    for (let edits = Math.floor(next() * 4); edits >= 0; edits--) {
      const at = Math.floor(next() * (text.length + 1))
      const until = Math.min(text.length, at + Math.floor(next() * 6))
      switch (Math.floor(next() * 4)) {
        case 0:
          text = text.slice(0, at) + pick(tokens) + text.slice(at)
          break
        case 1:
          text = text.slice(0, at) + text.slice(until)
          break
        case 2:
          text = text.slice(0, at) + pick(texts) + text.slice(until)
          break
        default:
          text = text.replace(/\d+/g, (n) => next() < 0.3 ? String(Math.floor(next() * 12)) : n)
      }
    }
    return text
  }

  it("never throws, and preserves what it accepts when written and read again: 20,000 texts each way", () => {
    const next = random(20261122)
    let client = 0
    let server = 0
    for (let i = 0; i < 20_000; i++) {
      const text = hostile(next)

      const asClient = GatewayPayload.decodeClient(text)
      if (Result.isSuccess(asClient) && asClient.success.op !== "unknown") {
        client++
        const once = succeed(GatewayPayload.encodeClient(asClient.success))
        const again = succeed(GatewayPayload.decodeClient(once))
        if (again.op === "unknown") assert.fail(once)
        assert.strictEqual(succeed(GatewayPayload.encodeClient(again)), once)
      }

      const asServer = GatewayPayload.decodeServer(text)
      if (Result.isSuccess(asServer) && asServer.success.op !== "unknown") {
        server++
        const once = succeed(GatewayPayload.encodeServer(asServer.success))
        const again = succeed(GatewayPayload.decodeServer(once))
        if (again.op === "unknown") assert.fail(once)
        assert.strictEqual(succeed(GatewayPayload.encodeServer(again)), once)
      }
    }
    assert.isAbove(client, 500)
    assert.isAbove(server, 500)
  })
})
