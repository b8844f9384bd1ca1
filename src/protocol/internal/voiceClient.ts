/**
 * The messages of a client to the voice gateway: one schema per message, in the form of gateway version 8.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import { ChannelId, GuildId, Ssrc, UserId } from "../Identifier.ts"
import { Codec, Nonce, SinkWants, SpeakingFlags, Uint16, VideoStream } from "./voiceShared.ts"

const message = <const Op extends number, D extends Schema.Constraint>(op: Op, d: D) =>
  Schema.Struct({ op: Schema.tag(op), d })

const SequenceAck = Schema.Int.pipe(Schema.check(Schema.isGreaterThanOrEqualTo(-1)))

const identifyFields = {
  server_id: GuildId,
  user_id: UserId,
  session_id: Schema.String,
  token: Schema.String,
  max_dave_protocol_version: Schema.optionalKey(Schema.Natural),
  video: Schema.optionalKey(Schema.Boolean),
  streams: Schema.optionalKey(Schema.Array(VideoStream))
}

const resumeFields = {
  server_id: GuildId,
  session_id: Schema.String,
  token: Schema.String,
  seq_ack: Schema.optionalKey(SequenceAck)
}

/**
 * Opcode 0: begin a voice session. `server_id` is the guild id, `token` the plain voice token (this is the form that is sent).
 * A `max_dave_protocol_version` of 0 or absent means no end-to-end encryption. `channel_id` is sent from version 9 on, which
 * requires it.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Identify = message(0, Schema.Struct({ ...identifyFields, channel_id: Schema.optionalKey(ChannelId) }))

/**
 * @category models
 * @since 0.1.0
 */
export type Identify = typeof Identify.Type

const IdentifyV9 = message(0, Schema.Struct({ ...identifyFields, channel_id: ChannelId }))

/**
 * The address at which we want to receive, as found by IP discovery, and the chosen encryption mode.
 *
 * @category schemas
 * @since 0.1.0
 */
export const UdpProtocolData = Schema.Struct({ address: Schema.String, port: Uint16, mode: Schema.String })

/**
 * @category models
 * @since 0.1.0
 */
export type UdpProtocolData = typeof UdpProtocolData.Type

/**
 * Opcode 1: choose the transport. `protocol` is "udp" with {@link UdpProtocolData} or "webrtc" with an SDP text. It stays an
 * open string because refusing others is up to the server (close code 4012).
 *
 * @category schemas
 * @since 0.1.0
 */
export const SelectProtocol = message(
  1,
  Schema.Struct({
    protocol: Schema.String,
    data: Schema.Union([UdpProtocolData, Schema.String]),
    codecs: Schema.optionalKey(Schema.Array(Codec)),
    rtc_connection_id: Schema.optionalKey(Schema.String),
    experiments: Schema.optionalKey(Schema.Array(Schema.String))
  })
)

/**
 * @category models
 * @since 0.1.0
 */
export type SelectProtocol = typeof SelectProtocol.Type

/**
 * Opcode 3: keep the connection alive. `seq_ack` is the last `seq` received, -1 or absent before the first. Below version 8
 * only `t` is sent.
 *
 * @category schemas
 * @since 0.1.0
 */
export const ClientHeartbeat = message(3, Schema.Struct({ t: Nonce, seq_ack: Schema.optionalKey(SequenceAck) }))

/**
 * @category models
 * @since 0.1.0
 */
export type ClientHeartbeat = typeof ClientHeartbeat.Type

/**
 * Opcode 5: what we are about to send. Required once before the first audio packet. Below version 4 the wire has a boolean,
 * which is also accepted from later ones. Clients that leave out `ssrc` are heard, but not on every stage
 * (Rapptz/discord.py#9301).
 *
 * @category schemas
 * @since 0.1.0
 */
export const ClientSpeaking = message(
  5,
  Schema.Struct({ speaking: SpeakingFlags, delay: Schema.Int, ssrc: Schema.optionalKey(Ssrc) })
)

/**
 * @category models
 * @since 0.1.0
 */
export type ClientSpeaking = typeof ClientSpeaking.Type

/**
 * Opcode 7: resume a voice session on a new connection. `seq_ack` is sent from version 8 on, `channel_id` from version 9 on,
 * which requires it.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Resume = message(7, Schema.Struct({ ...resumeFields, channel_id: Schema.optionalKey(ChannelId) }))

/**
 * @category models
 * @since 0.1.0
 */
export type Resume = typeof Resume.Type

const ResumeV9 = message(7, Schema.Struct({ ...resumeFields, channel_id: ChannelId }))

/**
 * Opcode 10: signaling of the long obsolete peer-to-peer calls. Opaque.
 *
 * @category schemas
 * @since 0.1.0
 */
export const ClientSignal = message(10, Schema.Unknown)

/**
 * @category models
 * @since 0.1.0
 */
export type ClientSignal = typeof ClientSignal.Type

/**
 * Opcode 12: our SSRCs and video streams. Zeros and no streams mean that there is no video. Not documented by Discord.
 *
 * @category schemas
 * @since 0.1.0
 */
export const ClientVideo = message(
  12,
  Schema.Struct({ audio_ssrc: Ssrc, video_ssrc: Ssrc, rtx_ssrc: Ssrc, streams: Schema.Array(VideoStream) })
)

/**
 * @category models
 * @since 0.1.0
 */
export type ClientVideo = typeof ClientVideo.Type

/**
 * Opcode 14: the codecs that we can use have changed. Not documented by Discord.
 *
 * @category schemas
 * @since 0.1.0
 */
export const ClientSessionUpdate = message(14, Schema.Struct({ codecs: Schema.Array(Codec) }))

/**
 * @category models
 * @since 0.1.0
 */
export type ClientSessionUpdate = typeof ClientSessionUpdate.Type

/**
 * Opcode 15: the quality in which we want to receive each stream. Not documented by Discord.
 *
 * @category schemas
 * @since 0.1.0
 */
export const ClientMediaSinkWants = message(15, SinkWants)

/**
 * @category models
 * @since 0.1.0
 */
export type ClientMediaSinkWants = typeof ClientMediaSinkWants.Type

/**
 * Opcode 16: ask for the versions of the voice backend. Not documented by Discord.
 *
 * @category schemas
 * @since 0.1.0
 */
export const ClientBackendVersion = message(16, Schema.Struct({}))

/**
 * @category models
 * @since 0.1.0
 */
export type ClientBackendVersion = typeof ClientBackendVersion.Type

/**
 * Opcode 23: we are ready to execute a DAVE transition (DAVE whitepaper, Voice Gateway Opcodes).
 *
 * @category schemas
 * @since 0.1.0
 */
export const DaveTransitionReady = message(23, Schema.Struct({ transition_id: Uint16 }))

/**
 * @category models
 * @since 0.1.0
 */
export type DaveTransitionReady = typeof DaveTransitionReady.Type

/**
 * Opcode 31: a commit or Welcome could not be processed. The server removes us from the group and adds us again (DAVE
 * whitepaper, Voice Gateway Opcodes).
 *
 * @category schemas
 * @since 0.1.0
 */
export const DaveInvalidCommitWelcome = message(31, Schema.Struct({ transition_id: Uint16 }))

/**
 * @category models
 * @since 0.1.0
 */
export type DaveInvalidCommitWelcome = typeof DaveInvalidCommitWelcome.Type

/**
 * Opcode 32: no media route could be set up. Not documented by Discord.
 *
 * @category schemas
 * @since 0.1.0
 */
export const NoRoute = message(32, Schema.Struct({}))

/**
 * @category models
 * @since 0.1.0
 */
export type NoRoute = typeof NoRoute.Type

const others = [
  SelectProtocol,
  ClientHeartbeat,
  ClientSpeaking,
  ClientSignal,
  ClientVideo,
  ClientSessionUpdate,
  ClientMediaSinkWants,
  ClientBackendVersion,
  DaveTransitionReady,
  DaveInvalidCommitWelcome,
  NoRoute
] as const

/**
 * Every JSON message of a client, discriminated by `op`.
 *
 * @category schemas
 * @since 0.1.0
 */
export const ClientMessage = Schema.Union([Identify, Resume, ...others]).pipe(Schema.toTaggedUnion("op"))

/**
 * @category models
 * @since 0.1.0
 */
export type ClientMessage = typeof ClientMessage.Type

/**
 * The same for version 9, which requires a channel id.
 *
 * @category schemas
 * @since 0.1.0
 */
export const ClientMessageV9 = Schema.Union([IdentifyV9, ResumeV9, ...others]).pipe(Schema.toTaggedUnion("op"))
