import { assert, describe, it } from "@effect/vitest"
import { Result, type Schema } from "effect"
import { inspect } from "node:util"
import { ChannelId, GuildId, Ssrc, UserId } from "../../src/protocol/Identifier.ts"
import * as VoicePayload from "../../src/protocol/VoicePayload.ts"

const versions = VoicePayload.VoiceVersion.literals

const guild = GuildId.make("41771983423143937")
const user = UserId.make("104694319306248192")
const channel = ChannelId.make("127121515262115840")
const ssrc = Ssrc.make(1)

const succeed = <A>(result: Result.Result<A, VoicePayload.PayloadError>): A => {
  if (Result.isFailure(result)) assert.fail(result.failure.message)
  return result.success
}

const failure = <A>(result: Result.Result<A, VoicePayload.PayloadError>): VoicePayload.PayloadError => {
  if (Result.isSuccess(result)) assert.fail(`expected a failure, got ${inspect(result.success)}`)
  return result.failure
}

/** What is left of a value after JSON: -0 becomes 0. */
const throughJson = (u: unknown): unknown => JSON.parse(JSON.stringify(u))

const without = (d: object, key: string) => Object.fromEntries(Object.entries(d).filter(([k]) => k !== key))

/** What remains of a client's message after it was written in a version, or undefined if that must fail. */
const afterClient = (version: number, message: VoicePayload.ClientMessage): unknown => {
  let d: unknown = message.d
  if (message.op === 0 || message.op === 7) {
    if (version === 9 && message.d.channel_id === undefined) return undefined
    if (version < 9) d = without(message.d, "channel_id")
    if (version < 8) d = without(Object(d), "seq_ack")
  }
  if (message.op === 3 && version < 8) d = { t: message.d.t }
  if (message.op === 5 && version < 4) d = { ...message.d, speaking: message.d.speaking === 0 ? 0 : 1 }
  return { op: message.op, d }
}

/** The same for the server. */
const afterServer = (version: number, message: VoicePayload.ServerMessage): unknown => {
  if (message.op === 3 && version === 1) return undefined
  let d: unknown = message.d
  if (message.op === 5 && version < 4 && message.d.speaking !== undefined) {
    d = { ...message.d, speaking: message.d.speaking === 0 ? 0 : 1 }
  }
  if (message.op === 8 && version < 3) return { op: 8, d: { heartbeat_interval: message.d.heartbeat_interval } }
  return message.seq === undefined || version < 8 ? { op: message.op, d } : { op: message.op, d, seq: message.seq }
}

describe("round trip of every message in every version", () => {
  for (const op of VoicePayload.ClientMessage.discriminants) {
    const schema: Schema.Codec<VoicePayload.ClientMessage, unknown> = VoicePayload.ClientMessage.cases[op]
    it.prop(`client op ${op}`, [schema], ([message]) => {
      for (const version of versions) {
        const expected = afterClient(version, message)
        const text = VoicePayload.encodeClient(version, message)
        if (expected === undefined) {
          assert.strictEqual(failure(text).kind, "Shape")
        } else {
          const decoded = succeed(VoicePayload.decodeClient(version, succeed(text)))
          assert.deepStrictEqual(throughJson(decoded), throughJson(expected), `version ${version}`)
        }
      }
    })
  }

  for (const op of VoicePayload.ServerMessage.discriminants) {
    const schema: Schema.Codec<VoicePayload.ServerMessage, unknown> = VoicePayload.ServerMessage.cases[op]
    it.prop(`server op ${op}`, [schema], ([message]) => {
      for (const version of versions) {
        const expected = afterServer(version, message)
        const text = VoicePayload.encodeServer(version, message)
        if (expected === undefined) {
          assert.strictEqual(failure(text).kind, "Shape")
        } else {
          const decoded = succeed(VoicePayload.decodeServer(version, succeed(text)))
          assert.deepStrictEqual(throughJson(decoded), throughJson(expected), `version ${version}`)
        }
      }
    })
  }

  it("covers each opcode once", () => {
    assert.deepStrictEqual(
      VoicePayload.ClientMessage.discriminants.toSorted((a, b) => a - b),
      [0, 1, 3, 5, 7, 10, 12, 14, 15, 16, 23, 31, 32]
    )
    assert.deepStrictEqual(
      VoicePayload.ServerMessage.discriminants.toSorted((a, b) => a - b),
      [2, 3, 4, 5, 6, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 24]
    )
  })
})

interface ClientVector {
  readonly versions: ReadonlyArray<VoicePayload.VoiceVersion>
  readonly wire: unknown
  readonly message: VoicePayload.ClientMessage
}

interface ServerVector {
  readonly versions: ReadonlyArray<VoicePayload.VoiceVersion>
  readonly wire: unknown
  readonly message: VoicePayload.ServerMessage
}

const below8 = [1, 2, 3, 4, 5, 6, 7] as const
const to8 = [...below8, 8] as const

const clientVectors: Record<string, ClientVector> = {
  "Identify": {
    versions: to8,
    wire: {
      op: 0,
      d: {
        server_id: "41771983423143937",
        user_id: "104694319306248192",
        session_id: "my_session_id",
        token: "my_token"
      }
    },
    message: { op: 0, d: { server_id: guild, user_id: user, session_id: "my_session_id", token: "my_token" } }
  },
  "Identify, version 9": {
    versions: [9],
    wire: {
      op: 0,
      d: {
        server_id: "41771983423143937",
        user_id: "104694319306248192",
        session_id: "my_session_id",
        token: "my_token",
        max_dave_protocol_version: 1,
        channel_id: "127121515262115840"
      }
    },
    message: {
      op: 0,
      d: {
        server_id: guild,
        user_id: user,
        session_id: "my_session_id",
        token: "my_token",
        max_dave_protocol_version: 1,
        channel_id: channel
      }
    }
  },
  "Select Protocol, UDP": {
    versions,
    wire: {
      op: 1,
      d: { protocol: "udp", data: { address: "127.0.0.1", port: 1337, mode: "xsalsa20_poly1305_lite" } }
    },
    message: {
      op: 1,
      d: { protocol: "udp", data: { address: "127.0.0.1", port: 1337, mode: "xsalsa20_poly1305_lite" } }
    }
  },
  "Select Protocol, WebRTC": {
    versions,
    wire: { op: 1, d: { protocol: "webrtc", data: "v=0\r\n" } },
    message: { op: 1, d: { protocol: "webrtc", data: "v=0\r\n" } }
  },
  "Heartbeat, bare nonce": {
    versions: below8,
    wire: { op: 3, d: 1501184119561 },
    message: { op: 3, d: { t: 1501184119561 } }
  },
  "Heartbeat, object": {
    versions: [8, 9],
    wire: { op: 3, d: { t: 1501184119561, seq_ack: -1 } },
    message: { op: 3, d: { t: 1501184119561, seq_ack: -1 } }
  },
  "Speaking, boolean": {
    versions: [1, 2, 3],
    wire: { op: 5, d: { speaking: true, delay: 0, ssrc: 1 } },
    message: { op: 5, d: { speaking: 1, delay: 0, ssrc } }
  },
  "Speaking, bits": {
    versions: [4, 5, 6, 7, 8, 9],
    wire: { op: 5, d: { speaking: 5, delay: 0, ssrc: 1 } },
    message: {
      op: 5,
      d: { speaking: VoicePayload.SpeakingFlag.Microphone | VoicePayload.SpeakingFlag.Priority, delay: 0, ssrc }
    }
  },
  "Resume": {
    versions: to8,
    wire: { op: 7, d: { server_id: "41771983423143937", session_id: "my_session_id", token: "my_token" } },
    message: { op: 7, d: { server_id: guild, session_id: "my_session_id", token: "my_token" } }
  },
  "Resume, with the last seq": {
    versions: [8],
    wire: { op: 7, d: { server_id: "41771983423143937", session_id: "my_session_id", token: "my_token", seq_ack: 0 } },
    message: { op: 7, d: { server_id: guild, session_id: "my_session_id", token: "my_token", seq_ack: 0 } }
  },
  "Video off": {
    versions,
    wire: { op: 12, d: { audio_ssrc: 0, video_ssrc: 0, rtx_ssrc: 0, streams: [] } },
    message: {
      op: 12,
      d: { audio_ssrc: Ssrc.make(0), video_ssrc: Ssrc.make(0), rtx_ssrc: Ssrc.make(0), streams: [] }
    }
  },
  "Media Sink Wants": {
    versions,
    wire: { op: 15, d: { any: 100, pixelCounts: { "4294967295": 921600 }, "4294967295": 0 } },
    message: { op: 15, d: { any: 100, pixelCounts: { "4294967295": 921600 }, "4294967295": 0 } }
  },
  "Backend Version": { versions, wire: { op: 16, d: {} }, message: { op: 16, d: {} } },
  "Transition Ready": {
    versions,
    wire: { op: 23, d: { transition_id: 0 } },
    message: { op: 23, d: { transition_id: 0 } }
  },
  "Invalid Commit Welcome": {
    versions,
    wire: { op: 31, d: { transition_id: 65535 } },
    message: { op: 31, d: { transition_id: 65535 } }
  },
  "No Route": { versions, wire: { op: 32, d: {} }, message: { op: 32, d: {} } }
}

const secretKey = Array.from({ length: 32 }, (_, i) => 255 - i)

const serverVectors: Record<string, ServerVector> = {
  "Hello, flat": {
    versions: [1, 2],
    wire: { heartbeat_interval: 41250 },
    message: { op: 8, d: { heartbeat_interval: 41250 } }
  },
  "Hello": {
    versions: [3, 4, 5, 6, 7, 8, 9],
    wire: { op: 8, d: { heartbeat_interval: 41250 } },
    message: { op: 8, d: { heartbeat_interval: 41250 } }
  },
  "Hello as Discord sends it": {
    versions: [8],
    wire: { op: 8, d: { v: 8, heartbeat_interval: 13750 } },
    message: { op: 8, d: { v: 8, heartbeat_interval: 13750 } }
  },
  "Ready": {
    versions,
    wire: {
      op: 2,
      d: {
        ssrc: 1,
        ip: "127.0.0.1",
        port: 1234,
        modes: ["xsalsa20_poly1305", "xsalsa20_poly1305_suffix", "xsalsa20_poly1305_lite"],
        heartbeat_interval: 1
      }
    },
    message: {
      op: 2,
      d: {
        ssrc,
        ip: "127.0.0.1",
        port: 1234,
        modes: ["xsalsa20_poly1305", "xsalsa20_poly1305_suffix", "xsalsa20_poly1305_lite"],
        heartbeat_interval: 1
      }
    }
  },
  "Ready with streams": {
    versions: [8, 9],
    wire: {
      op: 2,
      d: {
        ssrc: 256234,
        ip: "1.2.3.4",
        port: 50010,
        modes: ["aead_aes256_gcm_rtpsize"],
        streams: [{ type: "video", rid: "100", quality: 100, ssrc: 256235, rtx_ssrc: 256236 }]
      }
    },
    message: {
      op: 2,
      d: {
        ssrc: Ssrc.make(256234),
        ip: "1.2.3.4",
        port: 50010,
        modes: ["aead_aes256_gcm_rtpsize"],
        streams: [{
          type: "video",
          rid: "100",
          quality: 100,
          ssrc: Ssrc.make(256235),
          rtx_ssrc: Ssrc.make(256236)
        }]
      }
    }
  },
  "Session Description, UDP": {
    versions,
    wire: { op: 4, d: { mode: "xsalsa20_poly1305_lite", secret_key: secretKey } },
    message: { op: 4, d: { mode: "xsalsa20_poly1305_lite", secret_key: secretKey } }
  },
  "Session Description, DAVE": {
    versions: [8, 9],
    wire: {
      op: 4,
      d: { mode: "aead_aes256_gcm_rtpsize", secret_key: secretKey, dave_protocol_version: 1, audio_codec: "opus" }
    },
    message: {
      op: 4,
      d: { mode: "aead_aes256_gcm_rtpsize", secret_key: secretKey, dave_protocol_version: 1, audio_codec: "opus" }
    }
  },
  "Session Description, WebRTC": {
    versions,
    wire: { op: 4, d: { sdp: "v=0\r\n", media_session_id: "m" } },
    message: { op: 4, d: { sdp: "v=0\r\n", media_session_id: "m" } }
  },
  "Heartbeat ACK, version 1": { versions: [1], wire: { op: 3, d: 7 }, message: { op: 6, d: { t: 7 } } },
  "Heartbeat ACK, bare nonce": {
    versions: [2, 3, 4, 5, 6, 7],
    wire: { op: 6, d: 1501184119561 },
    message: { op: 6, d: { t: 1501184119561 } }
  },
  "Heartbeat ACK, object": {
    versions: [8, 9],
    wire: { op: 6, d: { t: 1501184119561 } },
    message: { op: 6, d: { t: 1501184119561 } }
  },
  "Heartbeat request": { versions: [2, 4, 7], wire: { op: 3, d: 9 }, message: { op: 3, d: { t: 9 } } },
  "Heartbeat request, object": { versions: [8, 9], wire: { op: 3, d: { t: 9 } }, message: { op: 3, d: { t: 9 } } },
  "Speaking, boolean": {
    versions: [1, 2, 3],
    wire: { op: 5, d: { speaking: false, ssrc: 1, user_id: "104694319306248192" } },
    message: { op: 5, d: { speaking: 0, ssrc, user_id: user } }
  },
  "Speaking, bits": {
    versions: [4, 5, 6, 7, 8, 9],
    wire: { op: 5, d: { speaking: 2, ssrc: 1, user_id: "104694319306248192" } },
    message: { op: 5, d: { speaking: VoicePayload.SpeakingFlag.Soundshare, ssrc, user_id: user } }
  },
  "Resumed": { versions, wire: { op: 9, d: null }, message: { op: 9, d: null } },
  "Clients Connect with seq 0": {
    versions: [8, 9],
    wire: { op: 11, d: { user_ids: ["104694319306248192"] }, seq: 0 },
    message: { op: 11, d: { user_ids: [user] }, seq: 0 }
  },
  "Client Disconnect": {
    versions,
    wire: { op: 13, d: { user_id: "104694319306248192" } },
    message: { op: 13, d: { user_id: user } }
  },
  "Client Flags": {
    versions: [8, 9],
    wire: { op: 18, d: { user_id: "104694319306248192", flags: null }, seq: 1 },
    message: { op: 18, d: { user_id: user, flags: null }, seq: 1 }
  },
  "Client Platform": {
    versions: [8, 9],
    wire: { op: 20, d: { user_id: "104694319306248192", platform: 1 }, seq: 2 },
    message: { op: 20, d: { user_id: user, platform: 1 }, seq: 2 }
  },
  "Prepare Transition": {
    versions: [8, 9],
    wire: { op: 21, d: { protocol_version: 0, transition_id: 0 }, seq: 3 },
    message: { op: 21, d: { protocol_version: 0, transition_id: 0 }, seq: 3 }
  },
  "Execute Transition": {
    versions: [8, 9],
    wire: { op: 22, d: { transition_id: 10 }, seq: 65535 },
    message: { op: 22, d: { transition_id: 10 }, seq: 65535 }
  },
  "Prepare Epoch": {
    versions: [8, 9],
    wire: { op: 24, d: { protocol_version: 1, epoch: 1 }, seq: 4 },
    message: { op: 24, d: { protocol_version: 1, epoch: 1 }, seq: 4 }
  }
}

describe("vectors", () => {
  for (const [name, { message, versions, wire }] of Object.entries(clientVectors)) {
    for (const version of versions) {
      it(`client, version ${version}: ${name}`, () => {
        assert.deepStrictEqual(JSON.parse(succeed(VoicePayload.encodeClient(version, message))), wire)
        assert.deepStrictEqual(succeed(VoicePayload.decodeClient(version, JSON.stringify(wire))), message)
      })
    }
  }

  for (const [name, { message, versions, wire }] of Object.entries(serverVectors)) {
    for (const version of versions) {
      it(`server, version ${version}: ${name}`, () => {
        assert.deepStrictEqual(JSON.parse(succeed(VoicePayload.encodeServer(version, message))), wire)
        assert.deepStrictEqual(succeed(VoicePayload.decodeServer(version, JSON.stringify(wire))), message)
      })
    }
  }

  it("leaves out what an older version does not know", () => {
    const resume: VoicePayload.Resume = {
      op: 7,
      d: { server_id: guild, session_id: "s", token: "t", seq_ack: 4, channel_id: channel }
    }
    const keys = (version: VoicePayload.VoiceVersion) =>
      Object.keys(JSON.parse(succeed(VoicePayload.encodeClient(version, resume))).d)
    assert.deepStrictEqual(keys(4), ["server_id", "session_id", "token"])
    assert.deepStrictEqual(keys(8), ["server_id", "session_id", "token", "seq_ack"])
    assert.deepStrictEqual(keys(9), ["server_id", "session_id", "token", "seq_ack", "channel_id"])
    assert.strictEqual(
      succeed(VoicePayload.encodeServer(7, { op: 11, d: { user_ids: [] }, seq: 3 })),
      "{\"op\":11,\"d\":{\"user_ids\":[]}}"
    )
  })
})

describe("tolerance", () => {
  const server = (text: string, version: VoicePayload.VoiceVersion = 8) =>
    succeed(VoicePayload.decodeServer(version, text))

  it("accepts a heartbeat interval that is a float", () => {
    assert.deepStrictEqual(server("{\"op\":8,\"d\":{\"v\":8,\"heartbeat_interval\":13750.0}}"), {
      op: 8,
      d: { v: 8, heartbeat_interval: 13750 }
    })
    assert.deepStrictEqual(server("{\"op\":8,\"d\":{\"heartbeat_interval\":41.25}}"), {
      op: 8,
      d: { heartbeat_interval: 41.25 }
    })
  })

  it("reports unknown opcodes, including those of the other direction", () => {
    assert.deepStrictEqual(server("{\"op\":99,\"d\":{\"a\":1},\"seq\":0}"), {
      op: "unknown",
      code: 99,
      d: { a: 1 },
      seq: 0
    })
    assert.deepStrictEqual(server("{\"op\":0,\"d\":null}"), { op: "unknown", code: 0, d: null })
    assert.deepStrictEqual(succeed(VoicePayload.decodeClient(8, "{\"op\":2,\"d\":1}")), {
      op: "unknown",
      code: 2,
      d: 1
    })
  })

  it("drops unknown fields on receipt, and never sends them", () => {
    assert.deepStrictEqual(
      server("{\"op\":13,\"d\":{\"user_id\":\"1\",\"new\":{}},\"__proto__\":{\"x\":1},\"more\":1}"),
      { op: 13, d: { user_id: UserId.make("1") } }
    )
    const withMore = Object.assign({ op: 23 as const, d: { transition_id: 1, token: "secret" } }, { seq: 4 })
    assert.strictEqual(
      succeed(VoicePayload.encodeClient(8, withMore)),
      "{\"op\":23,\"d\":{\"transition_id\":1}}"
    )
  })

  it("reads Resumed and heartbeat requests, whatever they carry", () => {
    for (const text of ["{\"op\":9}", "{\"op\":9,\"d\":{}}", "{\"op\":9,\"d\":[1]}"]) {
      assert.deepStrictEqual(server(text), { op: 9, d: null })
    }
    for (const text of ["{\"op\":3}", "{\"op\":3,\"d\":null}", "{\"op\":3,\"d\":{\"t\":\"x\"}}"]) {
      assert.deepStrictEqual(server(text), { op: 3, d: null })
      assert.deepStrictEqual(server(text, 4), { op: 3, d: null })
    }
  })

  it("ignores the heartbeat interval of Ready and the delay of Speaking, whatever they are", () => {
    const ready = server(
      "{\"op\":2,\"d\":{\"ssrc\":1,\"ip\":\"::1\",\"port\":1,\"modes\":[],\"heartbeat_interval\":\"x\"}}"
    )
    assert.strictEqual(ready.op, 2)
    const speaking = server("{\"op\":5,\"d\":{\"speaking\":1,\"ssrc\":1,\"user_id\":\"1\",\"delay\":null}}")
    assert.strictEqual(speaking.op, 5)
  })

  it("leaves out the entries of a list that it cannot read, and keeps the rest", () => {
    assert.deepStrictEqual<unknown>(
      server("{\"op\":2,\"d\":{\"ssrc\":1,\"ip\":\"::1\",\"port\":1,\"modes\":[null,{\"name\":\"x\"},\"y\"]}}"),
      { op: 2, d: { ssrc: 1, ip: "::1", port: 1, modes: ["y"] } }
    )
    assert.deepStrictEqual<unknown>(
      server("{\"op\":11,\"d\":{\"user_ids\":[\"1\",null,7,\"x\",\"2\"]}}"),
      { op: 11, d: { user_ids: [UserId.make("1"), UserId.make("2")] } }
    )
  })

  it("reads the valid fields of a user's video", () => {
    for (const audio of ["", ",\"audio_ssrc\":null", ",\"audio_ssrc\":-1"]) {
      assert.deepStrictEqual<unknown>(
        server(`{"op":12,"d":{"user_id":"1","video_ssrc":5${audio}}}`),
        { op: 12, d: { user_id: UserId.make("1"), video_ssrc: 5 } }
      )
    }
  })

  it("accepts a boolean Speaking in every version, as Discord's own clients send it", () => {
    for (const version of versions) {
      assert.deepStrictEqual<unknown>(
        [true, false].map((speaking) =>
          succeed(VoicePayload.decodeClient(version, JSON.stringify({ op: 5, d: { speaking, delay: 0 } })))
        ),
        [{ op: 5, d: { speaking: 1, delay: 0 } }, { op: 5, d: { speaking: 0, delay: 0 } }]
      )
    }
  })

  it("accepts 64-bit nonces, as sent by clients that draw them at random", () => {
    const message = succeed(VoicePayload.decodeClient(7, "{\"op\":3,\"d\":9007199254740993000}"))
    assert.deepStrictEqual(message, { op: 3, d: { t: 9007199254740993000 } })
  })

  it("accepts Hello with an opcode in versions 1 and 2", () => {
    assert.deepStrictEqual(server("{\"op\":8,\"d\":{\"heartbeat_interval\":5}}", 2), {
      op: 8,
      d: { heartbeat_interval: 5 }
    })
  })
})

describe("rejects", () => {
  const identify = { server_id: "1", user_id: "2", session_id: "s", token: "t" }

  const client: Record<string, readonly [version: VoicePayload.VoiceVersion, wire: unknown, at: string]> = {
    "no opcode": [8, {}, "op"],
    "opcode as text": [8, { op: "0", d: identify }, "op"],
    "opcode as fraction": [8, { op: 0.5, d: identify }, "op"],
    "flat Hello from a client": [1, { heartbeat_interval: 1 }, "op"],
    "no body": [8, { op: 0 }, "d"],
    "id as number": [8, { op: 0, d: { ...identify, user_id: 2 } }, "d.user_id"],
    "id that is not a number": [8, { op: 0, d: { ...identify, user_id: "2x" } }, "d.user_id"],
    "no token": [8, { op: 0, d: without(identify, "token") }, "d.token"],
    "no channel in version 9": [9, { op: 0, d: identify }, "d.channel_id"],
    "no channel in version 9, Resume": [9, { op: 7, d: identify }, "d.channel_id"],
    "bare nonce in version 8": [8, { op: 3, d: 1 }, "d"],
    "float nonce": [8, { op: 3, d: { t: 1.5 } }, "d.t"],
    "text nonce": [8, { op: 3, d: { t: "1" } }, "d.t"],
    "object nonce in version 7": [7, { op: 3, d: { t: 1 } }, "d.t"],
    "seq_ack below -1": [8, { op: 3, d: { t: 1, seq_ack: -2 } }, "d.seq_ack"],
    "bits of Speaking in version 3": [3, { op: 5, d: { speaking: 1, delay: 0, ssrc: 1 } }, "d.speaking"],
    "Speaking as text": [8, { op: 5, d: { speaking: "true", delay: 0, ssrc: 1 } }, "d.speaking"],
    "ssrc of 33 bits": [8, { op: 5, d: { speaking: 1, delay: 0, ssrc: 2 ** 32 } }, "d.ssrc"],
    "port of 17 bits": [
      8,
      { op: 1, d: { protocol: "udp", data: { address: "", port: 65536, mode: "" } } },
      "d.data.port"
    ],
    "transition of 17 bits": [8, { op: 23, d: { transition_id: 65536 } }, "d.transition_id"]
  }
  for (const [name, [version, wire, at]] of Object.entries(client)) {
    it(`client message: ${name}`, () => {
      const error = failure(VoicePayload.decodeClient(version, JSON.stringify(wire)))
      assert.strictEqual(error.kind, "Shape")
      assert.strictEqual(error.detail.split(": ")[0], at)
    })
  }

  const ready = { ssrc: 1, ip: "1.2.3.4", port: 1, modes: [] }
  const server: Record<string, readonly [version: VoicePayload.VoiceVersion, wire: unknown, at: string]> = {
    "flat Hello in version 3": [3, { heartbeat_interval: 1 }, "op"],
    "interval 0": [8, { op: 8, d: { heartbeat_interval: 0 } }, "d.heartbeat_interval"],
    "interval null": [2, { heartbeat_interval: null }, "d.heartbeat_interval"],
    "modes that are not an array": [8, { op: 2, d: { ...ready, modes: {} } }, "d.modes"],
    "negative ssrc": [8, { op: 2, d: { ...ready, ssrc: -1 } }, "d.ssrc"],
    "key of 31 bytes": [8, { op: 4, d: { mode: "m", secret_key: secretKey.slice(1) } }, "d.secret_key"],
    "key of 33 bytes": [8, { op: 4, d: { mode: "m", secret_key: [...secretKey, 0] } }, "d.secret_key"],
    "key with a word": [8, { op: 4, d: { mode: "m", secret_key: secretKey.with(7, 256) } }, "d.secret_key.7"],
    "neither key nor sdp": [8, { op: 4, d: { mode: "m" } }, "d.secret_key"],
    "bare nonce in version 8": [8, { op: 6, d: 1 }, "d"]
  }
  for (const [name, [version, wire, at]] of Object.entries(server)) {
    it(`server message: ${name}`, () => {
      const error = failure(VoicePayload.decodeServer(version, JSON.stringify(wire)))
      assert.strictEqual(error.kind, "Shape")
      assert.strictEqual(error.detail.split(": ")[0], at)
    })
  }

  it("text that is not JSON, and JSON that is not an object", () => {
    for (const text of ["", "{", "{\"op\":3", "undefined", "\u0000", "{\"op\":3}x"]) {
      assert.strictEqual(failure(VoicePayload.decodeClient(8, text)).kind, "Json")
      assert.strictEqual(failure(VoicePayload.decodeServer(8, text)).kind, "Json")
    }
    for (const text of ["null", "[]", "3", "\"text\"", "true"]) {
      assert.strictEqual(failure(VoicePayload.decodeClient(8, text)).kind, "Shape")
      assert.strictEqual(failure(VoicePayload.decodeServer(1, text)).kind, "Shape")
    }
  })

  it("values that JSON cannot carry, when encoding", () => {
    const cycle: Record<string, unknown> = {}
    cycle["self"] = cycle
    assert.strictEqual(failure(VoicePayload.encodeClient(8, { op: 10, d: cycle })).kind, "Json")
    assert.strictEqual(failure(VoicePayload.encodeServer(8, { op: 19, d: 1n })).kind, "Json")
    assert.strictEqual(failure(VoicePayload.encodeClient(8, { op: 3, d: { t: Number.NaN } })).kind, "Shape")
    const nested = `${"[".repeat(200_000)}${"]".repeat(200_000)}`
    const deep = succeed(VoicePayload.decodeServer(8, `{"op":17,"d":${nested}}`))
    assert.strictEqual(deep.op, 17)
    if (deep.op === 17) assert.strictEqual(failure(VoicePayload.encodeServer(8, deep)).kind, "Json")
  })

  it("a heartbeat request in version 1, where opcode 3 is the acknowledgement", () => {
    const error = failure(VoicePayload.encodeServer(1, { op: 3, d: null }))
    assert.deepStrictEqual([error.kind, error.op], ["Shape", 3])
  })
})

describe("secrets", () => {
  const secret = "Zm9vYmFyLXNlY3JldA"
  const faces = (error: VoicePayload.PayloadError) =>
    [error.message, String(error), JSON.stringify(error), inspect(error, { depth: 10 }), error.stack ?? ""].join("\n")

  const identify = {
    op: 0,
    d: { server_id: "1", user_id: "2", session_id: "s", token: secret, max_dave_protocol_version: 1, channel_id: "3" }
  }
  const description = { op: 4, d: { mode: "m", secret_key: secretKey, dave_protocol_version: 1 } }

  /** Every variant of a value with one leaf replaced. */
  const replaced = (value: unknown, by: unknown): Array<unknown> =>
    typeof value !== "object" || value === null
      ? [by]
      : Object.keys(value).flatMap((key) =>
        replaced(Reflect.get(value, key), by).map((variant) =>
          Array.isArray(value) ? value.with(Number(key), variant) : Object.assign({}, value, { [key]: variant })
        )
      )

  it("do not appear in errors about a field", () => {
    let failures = 0
    for (const variant of [...replaced(identify, secret), ...replaced(identify, { [secret]: [secret] })]) {
      for (const version of versions) {
        const result = VoicePayload.decodeClient(version, JSON.stringify(variant))
        if (Result.isSuccess(result)) continue
        failures++
        assert.notInclude(faces(result.failure), secret)
      }
    }
    for (const variant of replaced(description, secret)) {
      const result = VoicePayload.decodeServer(8, JSON.stringify(variant))
      if (Result.isSuccess(result)) continue
      failures++
      assert.notInclude(faces(result.failure), secret)
    }
    assert.isAbove(failures, 100)
  })

  it("do not appear in errors about text that is not JSON", () => {
    for (const text of [secret, `${JSON.stringify(identify)}${secret}`, `{"op":0,"d":{"token":${secret}}}`]) {
      assert.notInclude(faces(failure(VoicePayload.decodeClient(8, text))), secret)
      assert.notInclude(faces(failure(VoicePayload.decodeServer(8, text))), secret)
    }
  })

  it("do not appear in errors about what was to be sent", () => {
    const message: VoicePayload.Identify = {
      op: 0,
      d: { server_id: guild, user_id: user, session_id: secret, token: secret, max_dave_protocol_version: -1 }
    }
    assert.notInclude(faces(failure(VoicePayload.encodeClient(8, message))), secret)
    assert.notInclude(faces(failure(VoicePayload.encodeClient(9, message))), secret)
  })
})

describe("hostile input", () => {
  const random = (seed: number) => () => {
    seed = (seed + 0x6d2b79f5) | 0
    let x = Math.imul(seed ^ (seed >>> 15), seed | 1)
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61)
    return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32
  }

  const texts = [...Object.values(clientVectors), ...Object.values(serverVectors)].map(({ wire }) =>
    JSON.stringify(wire)
  )
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
    "\"seq\":",
    "\"constructor\":",
    "\ud800",
    "\u0000",
    "99999999999999999999",
    "-0",
    "[[[["
  ]

  const hostile = (next: () => number): string => {
    const pick = (from: ReadonlyArray<string>) => from[Math.floor(next() * from.length)] ?? ""
    let text = next() < 0.05 ? "" : pick(texts)
    for (let edits = Math.floor(next() * 4); edits >= 0; edits--) {
      const at = Math.floor(next() * (text.length + 1))
      const until = Math.min(text.length, at + Math.floor(next() * 6))
      const digit = text.search(/\d/)
      switch (Math.floor(next() * 5)) {
        case 0:
          text = text.slice(0, at) + pick(tokens) + text.slice(at)
          break
        case 1:
          text = text.slice(0, at) + text.slice(until)
          break
        case 2:
          text = text.slice(0, at) + pick(texts) + text.slice(until)
          break
        case 3:
          text = text.replace(/\d+/g, (n) => next() < 0.3 ? String(Math.floor(next() * 40)) : n)
          break
        default:
          text = digit < 0 ? text.slice(0, at) : text.slice(0, digit) + pick(tokens) + text.slice(digit + 1)
      }
    }
    return text
  }

  const agree = <Message>(
    text: string,
    decode: (text: string) => Result.Result<Message | VoicePayload.UnknownMessage, VoicePayload.PayloadError>,
    encode: (message: Message) => Result.Result<string, VoicePayload.PayloadError>
  ): boolean => {
    const isKnown = (m: Message | VoicePayload.UnknownMessage): m is Message =>
      Reflect.get(Object(m), "op") !== "unknown"
    const decoded = decode(text)
    if (Result.isFailure(decoded) || !isKnown(decoded.success)) return false
    const once = succeed(encode(decoded.success))
    const again = succeed(decode(once))
    if (!isKnown(again)) assert.fail(once)
    assert.strictEqual(succeed(encode(again)), once)
    return true
  }

  it("never throws, and preserves what it accepts when written and read again: 20,000 texts each way", () => {
    const next = random(20261122)
    let client = 0
    let server = 0
    for (let i = 0; i < 20_000; i++) {
      const version = versions[i % versions.length] ?? 8
      const text = hostile(next)
      if (agree(text, (t) => VoicePayload.decodeClient(version, t), (m) => VoicePayload.encodeClient(version, m))) {
        client++
      }
      if (agree(text, (t) => VoicePayload.decodeServer(version, t), (m) => VoicePayload.encodeServer(version, m))) {
        server++
      }
    }
    assert.isAbove(client, 500)
    assert.isAbove(server, 500)
  })
})
