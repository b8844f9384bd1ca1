/**
 * The types that `discord-api-types` gives the same messages are assignable to our encoded types. That the compiler
 * accepts this file is half of the test. The other half is that the decoders accept the same values.
 */
import { assert, describe, it } from "@effect/vitest"
import type * as Gateway from "discord-api-types/v10"
import { GatewayDispatchEvents, GatewayIntentBits, GatewayOpcodes } from "discord-api-types/v10"
import type * as Voice from "discord-api-types/voice/v8"
import { VoiceEncryptionMode, VoiceOpcodes, VoiceSpeakingFlags } from "discord-api-types/voice/v8"
import { Result } from "effect"
import * as GatewayPayload from "../../src/protocol/GatewayPayload.ts"
import * as VoicePayload from "../../src/protocol/VoicePayload.ts"

const accepts = <Encoded>() => <Given extends Encoded>(given: Given): Encoded => given

const asVoiceClient = accepts<typeof VoicePayload.ClientMessage.Encoded>()
const asVoiceServer = accepts<typeof VoicePayload.ServerMessage.Encoded>()

describe("voice/v8", () => {
  it("agrees on a client's messages", () => {
    const messages: ReadonlyArray<Voice.VoiceSendPayload> = [
      {
        op: VoiceOpcodes.Identify,
        d: { server_id: "1", user_id: "2", session_id: "s", token: "t", max_dave_protocol_version: 1 }
      },
      {
        op: VoiceOpcodes.SelectProtocol,
        d: {
          protocol: "udp",
          data: { address: "127.0.0.1", port: 1, mode: VoiceEncryptionMode.AeadXChaCha20Poly1305RtpSize }
        }
      },
      { op: VoiceOpcodes.Heartbeat, d: { t: 1, seq_ack: -1 } },
      { op: VoiceOpcodes.Speaking, d: { speaking: VoiceSpeakingFlags.Microphone, delay: 0, ssrc: 1 } },
      { op: VoiceOpcodes.Resume, d: { server_id: "1", session_id: "s", token: "t", seq_ack: 10 } },
      { op: VoiceOpcodes.DaveTransitionReady, d: { transition_id: 0 } },
      { op: VoiceOpcodes.DaveMlsInvalidCommitWelcome, d: { transition_id: 1 } }
    ]
    for (const message of messages) {
      const encoded = asVoiceClient(message)
      const decoded = Result.getOrThrow(VoicePayload.decodeClient(8, JSON.stringify(encoded)))
      assert.deepStrictEqual<unknown>(decoded, message)
    }
  })

  it("agrees on the voice gateway's messages", () => {
    const messages: ReadonlyArray<Voice.VoiceReceivePayload> = [
      { op: VoiceOpcodes.Hello, d: { v: 8, heartbeat_interval: 13750 } },
      {
        op: VoiceOpcodes.Ready,
        d: { ssrc: 1, ip: "127.0.0.1", port: 1, modes: [VoiceEncryptionMode.AeadAes256GcmRtpSize] }
      },
      { op: VoiceOpcodes.HeartbeatAck, d: { t: 1 } },
      {
        op: VoiceOpcodes.SessionDescription,
        d: {
          mode: VoiceEncryptionMode.AeadAes256GcmRtpSize,
          secret_key: Array.from({ length: 32 }, (_, i) => i),
          dave_protocol_version: 1
        }
      },
      { op: VoiceOpcodes.Resumed, d: null },
      { op: VoiceOpcodes.Speaking, d: { speaking: VoiceSpeakingFlags.Priority, ssrc: 1, user_id: "1" }, seq: 0 },
      { op: VoiceOpcodes.ClientsConnect, d: { user_ids: ["1", "2"] }, seq: 1 },
      { op: VoiceOpcodes.ClientDisconnect, d: { user_id: "1" }, seq: 2 },
      { op: VoiceOpcodes.DavePrepareTransition, d: { protocol_version: 1, transition_id: 0 }, seq: 3 },
      { op: VoiceOpcodes.DaveExecuteTransition, d: { transition_id: 0 }, seq: 4 },
      { op: VoiceOpcodes.DavePrepareEpoch, d: { protocol_version: 1, epoch: 1 } }
    ]
    for (const message of messages) {
      const encoded = asVoiceServer(message)
      const decoded = Result.getOrThrow(VoicePayload.decodeServer(8, JSON.stringify(encoded)))
      assert.deepStrictEqual<unknown>(decoded, message)
    }
  })

  it("agrees on the bits of Speaking", () => {
    assert.deepStrictEqual({ ...VoicePayload.SpeakingFlag }, {
      Microphone: VoiceSpeakingFlags.Microphone,
      Soundshare: VoiceSpeakingFlags.Soundshare,
      Priority: VoiceSpeakingFlags.Priority
    })
  })
})

const asReady = accepts<typeof GatewayPayload.Ready.Encoded>()
const asGuild = accepts<typeof GatewayPayload.GuildCreate.Encoded>()
const asVoiceState = accepts<typeof GatewayPayload.VoiceState.Encoded>()
const asVoiceServerUpdate = accepts<typeof GatewayPayload.VoiceServerUpdate.Encoded>()
const asClient = accepts<typeof GatewayPayload.ClientMessage.Encoded>()

/** Assignments that need no value. */
export type Assignable = [
  ReturnType<typeof asReady<Gateway.GatewayReadyDispatchData>>,
  ReturnType<typeof asGuild<Gateway.GatewayGuildCreateDispatchData>>,
  ReturnType<typeof asVoiceState<Gateway.GatewayVoiceStateUpdateDispatchData>>,
  ReturnType<typeof asVoiceState<Gateway.APIBaseVoiceState>>,
  ReturnType<typeof asVoiceServerUpdate<Gateway.GatewayVoiceServerUpdateDispatchData>>
]

describe("v10", () => {
  const dispatch = (t: GatewayDispatchEvents, d: unknown) =>
    Result.getOrThrow(GatewayPayload.decodeServer(JSON.stringify({ op: GatewayOpcodes.Dispatch, t, s: 1, d })))

  const state: Gateway.GatewayVoiceStateUpdateDispatchData = {
    guild_id: "1",
    channel_id: "2",
    user_id: "3",
    session_id: "s",
    deaf: false,
    mute: false,
    self_deaf: false,
    self_mute: false,
    self_video: false,
    suppress: false,
    request_to_speak_timestamp: null
  }

  it("agrees on VOICE_STATE_UPDATE", () => {
    const message = dispatch(GatewayDispatchEvents.VoiceStateUpdate, asVoiceState(state))
    assert.deepStrictEqual<unknown>(message.d, state)
  })

  it("agrees on VOICE_SERVER_UPDATE", () => {
    for (const endpoint of [null, "example.discord.media:2048"]) {
      const update: Gateway.GatewayVoiceServerUpdateDispatchData = { token: "t", guild_id: "1", endpoint }
      const message = dispatch(GatewayDispatchEvents.VoiceServerUpdate, asVoiceServerUpdate(update))
      assert.deepStrictEqual<unknown>(message.d, update)
    }
  })

  it("agrees on READY", () => {
    const ready: Omit<Gateway.GatewayReadyDispatchData, "application"> = {
      v: 10,
      user: { id: "3", username: "bot", discriminator: "0", global_name: null, avatar: null, bot: true },
      guilds: [{ id: "1", unavailable: true }],
      session_id: "s",
      resume_gateway_url: "wss://gateway.example",
      shard: [0, 1]
    }
    const message = dispatch(GatewayDispatchEvents.Ready, asReady({ ...ready, application: { id: "4", flags: 0 } }))
    assert.deepStrictEqual<unknown>(message.d, { ...ready, application: { id: "4", flags: 0 } })
  })

  it("agrees on a client's messages", () => {
    const messages: ReadonlyArray<
      Gateway.GatewayHeartbeat | Gateway.GatewayIdentify | Gateway.GatewayVoiceStateUpdate | Gateway.GatewayResume
    > = [
      { op: GatewayOpcodes.Heartbeat, d: null },
      {
        op: GatewayOpcodes.Identify,
        d: { token: "t", properties: { os: "o", browser: "b", device: "d" }, intents: 129, shard: [0, 1] }
      },
      {
        op: GatewayOpcodes.VoiceStateUpdate,
        d: { guild_id: "1", channel_id: "2", self_mute: false, self_deaf: false }
      },
      { op: GatewayOpcodes.Resume, d: { token: "t", session_id: "s", seq: 1 } }
    ]
    for (const message of messages) {
      const decoded = Result.getOrThrow(GatewayPayload.decodeClient(JSON.stringify(asClient(message))))
      assert.deepStrictEqual<unknown>(decoded, message)
    }
  })

  it("agrees on the intents", () => {
    const { AutoModerationConfiguration, AutoModerationExecution, GuildVoiceStates, Guilds, MessageContent } =
      GatewayPayload.Intents
    assert.strictEqual(GatewayPayload.voiceIntents, GatewayIntentBits.Guilds | GatewayIntentBits.GuildVoiceStates)
    for (const [name, bit] of Object.entries(GatewayPayload.Intents)) {
      assert.strictEqual(bit, Reflect.get(GatewayIntentBits, name), name)
    }
    assert.deepStrictEqual(
      [Guilds, GuildVoiceStates, MessageContent, AutoModerationConfiguration, AutoModerationExecution],
      [1, 128, 32768, 1 << 20, 1 << 21]
    )
  })
})
