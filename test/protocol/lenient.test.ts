/** Of a server's message, only the fields that something depends on have to be valid. */
import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Result, Schema } from "effect"
import * as GatewayPayload from "../../src/protocol/GatewayPayload.ts"
import * as VoicePayload from "../../src/protocol/VoicePayload.ts"

interface Case {
  readonly fields: object
  /** As it is on the wire, and as it is read. */
  readonly needed: { readonly [field: string]: unknown }
  readonly unneeded: ReadonlyArray<string>
}

const secretKey = Array.from({ length: 32 }, (_, i) => i)

const codecs = ["audio_codec", "video_codec", "media_session_id", "keyframe_interval"]

const voice: ReadonlyArray<readonly [op: number, Case]> = [
  [2, {
    fields: VoicePayload.Ready.fields.d.fields,
    needed: { ssrc: 1, ip: "1.2.3.4", port: 5, modes: ["m"] },
    unneeded: ["experiments", "streams", "heartbeat_interval"]
  }],
  [4, {
    fields: VoicePayload.UdpSession.fields,
    needed: { mode: "m", secret_key: secretKey, dave_protocol_version: 1 },
    unneeded: codecs
  }],
  [4, {
    fields: VoicePayload.WebRtcSession.fields,
    needed: { sdp: "m=audio", dave_protocol_version: 1 },
    unneeded: codecs
  }],
  [5, {
    fields: VoicePayload.ServerSpeaking.fields.d.fields,
    needed: { ssrc: 1, user_id: "2" },
    unneeded: ["speaking", "delay"]
  }],
  [6, { fields: VoicePayload.HeartbeatAck.fields.d.fields, needed: { t: 1 }, unneeded: [] }],
  [8, { fields: VoicePayload.Hello.fields.d.fields, needed: { heartbeat_interval: 5 }, unneeded: ["v"] }],
  [11, { fields: VoicePayload.ClientsConnect.fields.d.fields, needed: { user_ids: ["1"] }, unneeded: [] }],
  [12, {
    fields: VoicePayload.ServerVideo.fields.d.fields,
    needed: { user_id: "1", audio_ssrc: 2 },
    unneeded: ["video_ssrc", "streams"]
  }],
  [13, { fields: VoicePayload.ClientDisconnect.fields.d.fields, needed: { user_id: "1" }, unneeded: [] }],
  [14, { fields: VoicePayload.ServerSessionUpdate.fields.d.fields, needed: {}, unneeded: codecs }],
  [16, {
    fields: VoicePayload.ServerBackendVersion.fields.d.fields,
    needed: {},
    unneeded: ["voice", "rtc_worker"]
  }],
  [18, { fields: VoicePayload.ClientFlags.fields.d.fields, needed: { user_id: "1" }, unneeded: ["flags"] }],
  [20, { fields: VoicePayload.ClientPlatform.fields.d.fields, needed: { user_id: "1" }, unneeded: ["platform"] }],
  [21, {
    fields: VoicePayload.DavePrepareTransition.fields.d.fields,
    needed: { protocol_version: 1, transition_id: 2 },
    unneeded: []
  }],
  [22, { fields: VoicePayload.DaveExecuteTransition.fields.d.fields, needed: { transition_id: 2 }, unneeded: [] }],
  [24, {
    fields: VoicePayload.DavePrepareEpoch.fields.d.fields,
    needed: { protocol_version: 1, epoch: 2 },
    unneeded: ["transition_id"]
  }]
]

const state = { guild_id: "1", channel_id: "2", user_id: "3", session_id: "s" }

const dispatches: ReadonlyArray<readonly [t: GatewayPayload.Dispatch["t"], Case]> = [
  ["READY", {
    fields: GatewayPayload.Ready.fields,
    needed: {
      user: { id: "1" },
      guilds: [{ id: "1" }],
      session_id: "s",
      resume_gateway_url: "wss://gateway",
      shard: [0, 2]
    },
    unneeded: ["v", "application"]
  }],
  ["GUILD_CREATE", {
    fields: GatewayPayload.GuildCreate.fields,
    needed: { id: "1" },
    // of the voice states, those are needed that can be read, see below
    unneeded: ["unavailable", "voice_states", "channels", "name", "owner_id", "member_count", "members", "roles"]
  }],
  ["VOICE_STATE_UPDATE", {
    fields: GatewayPayload.VoiceState.fields,
    needed: state,
    unneeded: [
      "member",
      "deaf",
      "mute",
      "self_deaf",
      "self_mute",
      "self_stream",
      "self_video",
      "suppress",
      "request_to_speak_timestamp"
    ]
  }],
  ["VOICE_SERVER_UPDATE", {
    fields: GatewayPayload.VoiceServerUpdate.fields,
    needed: { token: "t", guild_id: "1", endpoint: "e" },
    unneeded: []
  }]
]

const junk = Arbitrary.schema(Schema.Json)

/** Junk in some of these fields, and now and then in one that no schema knows. */
const spoilt = (fields: ReadonlyArray<string>) =>
  Arbitrary.map(
    Arbitrary.array(Arbitrary.all([Arbitrary.schema(Schema.Literals(["unknown", ...fields])), junk]), {
      maxLength: fields.length + 1
    }),
    (entries): { readonly [field: string]: unknown } => Object.fromEntries(entries)
  )

const succeed = <A>(result: Result.Result<A, VoicePayload.PayloadError>): A => {
  if (Result.isFailure(result)) assert.fail(result.failure.message)
  return result.success
}

const voiceMessage = (wire: unknown) => succeed(VoicePayload.decodeServer(8, JSON.stringify(wire)))
const dispatch = (t: string, d: unknown) => succeed(GatewayPayload.decodeServer(JSON.stringify({ op: 0, t, s: 1, d })))

/** The tests below are complete because no field is missing here. */
const isComplete = ({ fields, needed, unneeded }: Case) =>
  assert.sameMembers(Object.keys(fields), [...Object.keys(needed), ...unneeded])

describe("a message of the voice gateway may contain anything in fields that are not needed", () => {
  for (const [op, one] of voice) {
    it.prop(`op ${op}, ${Object.keys(one.needed).join(", ")}`, [spoilt(one.unneeded)], ([other]) => {
      isComplete(one)
      const message = voiceMessage({ op, d: { ...other, ...one.needed } })
      assert.strictEqual<unknown>(message.op, op)
      assert.deepInclude(message.d, one.needed)
    })
  }

  it.prop("messages of which nothing is needed", [junk], ([d]) => {
    for (const op of [3, 9, 10, 14, 15, 16, 17, 19]) assert.strictEqual<unknown>(voiceMessage({ op, d }).op, op)
  })

  it.prop("seq", [junk], ([seq]) => assert.strictEqual(voiceMessage({ op: 9, d: null, seq }).op, 9))
})

describe("a message of the main gateway may contain anything in fields that are not needed", () => {
  for (const [t, one] of dispatches) {
    it.prop(t, [spoilt(one.unneeded)], ([other]) => {
      isComplete(one)
      const message = dispatch(t, { ...other, ...one.needed })
      assert.strictEqual(message.op, 0)
      assert.deepInclude(message.d, one.needed)
    })
  }

  it.prop("everything about a user, a guild and an application except the ID", [junk], ([any]) => {
    const message = dispatch("READY", {
      user: { id: "1", username: any, global_name: any, discriminator: any, avatar: any, bot: any },
      guilds: [{ id: "1", unavailable: any }],
      session_id: "s",
      resume_gateway_url: "wss://gateway",
      application: { id: "1", flags: any }
    })
    assert(message.op === 0 && message.t === "READY")
    assert.strictEqual(message.d.user.id, "1")
    assert.strictEqual(message.d.application?.id, "1")
  })

  it.prop("entries in the lists of states and channels", [junk], ([any]) => {
    const voice_states = [any, { ...state, mute: any }, { ...state, session_id: 1 }]
    const message = dispatch("GUILD_CREATE", {
      id: "1",
      voice_states,
      channels: [any, { id: "2", type: 2, name: any }]
    })
    assert(message.op === 0 && message.t === "GUILD_CREATE")
    assert.deepStrictEqual(message.d.voice_states?.map(({ session_id }) => session_id), ["s"])
    assert.deepStrictEqual(message.d.channels?.map(({ id }) => id), ["2"])
  })
})

describe("a field that is not needed", () => {
  const ready = { ssrc: 1, ip: "1.2.3.4", port: 5, modes: ["m"] }

  it("is read if it is valid, and absent otherwise", () => {
    const resolution = { type: "fixed", width: 1, height: 2 }
    assert.deepStrictEqual<unknown>(
      voiceMessage({
        op: 2,
        d: {
          ...ready,
          experiments: ["a"],
          streams: [
            { type: "video", quality: 100, max_resolution: resolution },
            { type: "screen", quality: 101, max_resolution: null, ssrc: -1, active: true },
            null
          ]
        }
      }),
      {
        op: 2,
        d: {
          ...ready,
          experiments: ["a"],
          streams: [{ type: "video", quality: 100, max_resolution: resolution }, { type: "screen", active: true }]
        }
      }
    )
    assert.deepStrictEqual<unknown>(voiceMessage({ op: 2, d: { ...ready, experiments: null, streams: null } }), {
      op: 2,
      d: ready
    })
    assert.deepStrictEqual<unknown>(voiceMessage({ op: 15, d: { any: 50 } }), { op: 15, d: { any: 50 } })
    assert.deepStrictEqual<unknown>(voiceMessage({ op: 15, d: { any: "all" } }), { op: 15, d: {} })
    assert.deepStrictEqual<unknown>(voiceMessage({ op: 9, seq: null }), { op: 9, d: null })
    assert.deepStrictEqual<unknown>(voiceMessage({ op: 5, d: { ssrc: 1, user_id: "2", speaking: 4 } }), {
      op: 5,
      d: { ssrc: 1, user_id: "2", speaking: 4 }
    })
  })

  it("does not make needed fields optional", () => {
    const udp = { mode: "m", secret_key: secretKey }
    const d = { ...udp, dave_protocol_version: null, media_session_id: 7 }
    assert.deepStrictEqual<unknown>(voiceMessage({ op: 4, d }), { op: 4, d: udp })
    for (const dave_protocol_version of ["1", -1, {}, false]) {
      const wire = JSON.stringify({ op: 4, d: { ...udp, dave_protocol_version } })
      assert.isTrue(Result.isFailure(VoicePayload.decodeServer(8, wire)))
    }
    for (const shard of [[0], "0", [0, -1]]) {
      const d = { user: { id: "1" }, guilds: [], session_id: "s", resume_gateway_url: "u", shard }
      assert.isTrue(Result.isFailure(GatewayPayload.decodeServer(JSON.stringify({ op: 0, t: "READY", s: 1, d }))))
    }
  })

  it("is not written if it is invalid", () => {
    const wrong: VoicePayload.ServerMessage = { op: 8, d: { v: Number.NaN, heartbeat_interval: 1 } }
    assert.isTrue(Result.isFailure(VoicePayload.encodeServer(8, wrong)))
  })
})
