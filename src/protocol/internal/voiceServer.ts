/**
 * What the voice gateway sends to a client: one schema a message, in the shape of gateway version 8. `seq` is the number
 * of a message in the replay buffer; it counts from 0, exists from version 8 on, and not every message has one.
 *
 * A message is malformed if a field is missing or wrong that something here depends on. All others are read if they can be, and
 * absent if not.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import { Ssrc, UserId } from "../Identifier.ts"
import * as Lenient from "./lenient.ts"
import { Nonce, ServerVideoStreams, SinkWants, SpeakingFlags, Uint16 } from "./voiceShared.ts"

const message = <const Op extends number, D extends Schema.Constraint>(op: Op, d: D) =>
  Schema.Struct({ op: Schema.tag(op), d, seq: Lenient.orAbsent(Schema.Natural) })

/**
 * Opcode 2: the session exists. `ip` and `port` are the media server's, `modes` the encryption modes it accepts.
 * `heartbeat_interval` is an error of old servers, to be ignored; the right one comes with {@link Hello}.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Ready = message(
  2,
  Schema.Struct({
    ssrc: Ssrc,
    ip: Schema.String,
    port: Uint16,
    modes: Schema.Array(Schema.String),
    experiments: Lenient.orAbsent(Schema.Array(Schema.String)),
    streams: Lenient.orAbsent(ServerVideoStreams),
    heartbeat_interval: Schema.optionalKey(Schema.Unknown)
  })
)

/**
 * @category models
 * @since 0.1.0
 */
export type Ready = typeof Ready.Type

/**
 * Opcode 3: the server asks for a heartbeat at once. Does not exist in version 1, where opcode 3 from the server is the
 * acknowledgement. Not documented by Discord.
 *
 * @category schemas
 * @since 0.1.0
 */
export const ServerHeartbeat = message(3, Schema.NullOr(Schema.Struct({ t: Nonce })))

/**
 * @category models
 * @since 0.1.0
 */
export type ServerHeartbeat = typeof ServerHeartbeat.Type

const codecFields = {
  audio_codec: Lenient.orAbsent(Schema.NullOr(Schema.String)),
  video_codec: Lenient.orAbsent(Schema.NullOr(Schema.String)),
  media_session_id: Lenient.orAbsent(Schema.NullOr(Schema.String)),
  keyframe_interval: Lenient.orAbsent(Schema.NullOr(Schema.Finite))
}

/**
 * The 32 bytes of the transport key, as the wire has them: an array of integers.
 *
 * @category schemas
 * @since 0.1.0
 */
export const SecretKey = Schema.Array(
  Schema.Int.pipe(Schema.check(Schema.isBetween({ minimum: 0, maximum: 0xff })))
).pipe(Schema.check(Schema.isBetweenLength(32, 32)))

/**
 * The session over UDP: mode and key of the transport encryption. `dave_protocol_version` 0 or absent means no end-to-end
 * encryption; null on the wire is absent.
 *
 * @category schemas
 * @since 0.1.0
 */
export const UdpSession = Schema.Struct({
  mode: Schema.String,
  secret_key: SecretKey,
  dave_protocol_version: Lenient.nullIsAbsent(Schema.Natural),
  ...codecFields
})

/**
 * @category models
 * @since 0.1.0
 */
export type UdpSession = typeof UdpSession.Type

/**
 * The session over WebRTC: the server's SDP instead of mode and key.
 *
 * @category schemas
 * @since 0.1.0
 */
export const WebRtcSession = Schema.Struct({
  sdp: Schema.String,
  dave_protocol_version: Lenient.nullIsAbsent(Schema.Natural),
  ...codecFields
})

/**
 * @category models
 * @since 0.1.0
 */
export type WebRtcSession = typeof WebRtcSession.Type

/**
 * Opcode 4: the answer to Select Protocol. Tell the two forms apart with `"secret_key" in d`.
 *
 * @category schemas
 * @since 0.1.0
 */
export const SessionDescription = message(4, Schema.Union([UdpSession, WebRtcSession]))

/**
 * @category models
 * @since 0.1.0
 */
export type SessionDescription = typeof SessionDescription.Type

/**
 * Opcode 5: which SSRC belongs to a user, and what it carries, if that is said. Below version 4 the wire has a boolean.
 *
 * @category schemas
 * @since 0.1.0
 */
export const ServerSpeaking = message(
  5,
  Schema.Struct({
    speaking: Lenient.orAbsent(SpeakingFlags),
    ssrc: Ssrc,
    user_id: UserId,
    delay: Schema.optionalKey(Schema.Unknown)
  })
)

/**
 * @category models
 * @since 0.1.0
 */
export type ServerSpeaking = typeof ServerSpeaking.Type

/**
 * Opcode 6: the answer to a heartbeat, with its nonce. Below version 8 the wire carries `t` alone; version 1 answers with
 * opcode 3.
 *
 * @category schemas
 * @since 0.1.0
 */
export const HeartbeatAck = message(6, Schema.Struct({ t: Nonce }))

/**
 * @category models
 * @since 0.1.0
 */
export type HeartbeatAck = typeof HeartbeatAck.Type

/**
 * Opcode 8: the first message of every connection. `heartbeat_interval` is in milliseconds and may be a float; `v` is the
 * gateway version. Below version 3 the wire has `{heartbeat_interval}` alone, without opcode.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Hello = message(
  8,
  Schema.Struct({
    v: Lenient.orAbsent(Schema.Finite),
    heartbeat_interval: Schema.Finite.pipe(Schema.check(Schema.isGreaterThan(0)))
  })
)

/**
 * @category models
 * @since 0.1.0
 */
export type Hello = typeof Hello.Type

/**
 * Opcode 9: Resume succeeded; what was missed has been sent before.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Resumed = message(9, Schema.Null)

/**
 * @category models
 * @since 0.1.0
 */
export type Resumed = typeof Resumed.Type

/**
 * Opcode 10: signalling of the long dead peer-to-peer calls. Opaque.
 *
 * @category schemas
 * @since 0.1.0
 */
export const ServerSignal = message(10, Schema.Unknown)

/**
 * @category models
 * @since 0.1.0
 */
export type ServerSignal = typeof ServerSignal.Type

/**
 * Opcode 11: users are connected: all of them at the start, then each one that joins.
 *
 * @category schemas
 * @since 0.1.0
 */
export const ClientsConnect = message(11, Schema.Struct({ user_ids: Schema.Array(UserId) }))

/**
 * @category models
 * @since 0.1.0
 */
export type ClientsConnect = typeof ClientsConnect.Type

/**
 * Opcode 12: the SSRCs and video streams of a user; before version 8 it also announced a user. Not documented by Discord.
 *
 * @category schemas
 * @since 0.1.0
 */
export const ServerVideo = message(
  12,
  Schema.Struct({
    user_id: UserId,
    audio_ssrc: Ssrc,
    video_ssrc: Lenient.orAbsent(Ssrc),
    streams: Lenient.orAbsent(ServerVideoStreams)
  })
)

/**
 * @category models
 * @since 0.1.0
 */
export type ServerVideo = typeof ServerVideo.Type

/**
 * Opcode 13: a user has left.
 *
 * @category schemas
 * @since 0.1.0
 */
export const ClientDisconnect = message(13, Schema.Struct({ user_id: UserId }))

/**
 * @category models
 * @since 0.1.0
 */
export type ClientDisconnect = typeof ClientDisconnect.Type

/**
 * Opcode 14: the codecs of the session have changed. Not documented by Discord.
 *
 * @category schemas
 * @since 0.1.0
 */
export const ServerSessionUpdate = message(14, Schema.Struct(codecFields))

/**
 * @category models
 * @since 0.1.0
 */
export type ServerSessionUpdate = typeof ServerSessionUpdate.Type

/**
 * Opcode 15: how much of which of our streams the receivers want. Not documented by Discord.
 *
 * @category schemas
 * @since 0.1.0
 */
export const ServerMediaSinkWants = message(15, Lenient.orElse(SinkWants, {}))

/**
 * @category models
 * @since 0.1.0
 */
export type ServerMediaSinkWants = typeof ServerMediaSinkWants.Type

/**
 * Opcode 16: versions of the voice backend. Not documented by Discord.
 *
 * @category schemas
 * @since 0.1.0
 */
export const ServerBackendVersion = message(
  16,
  Schema.Struct({ voice: Lenient.orAbsent(Schema.String), rtc_worker: Lenient.orAbsent(Schema.String) })
)

/**
 * @category models
 * @since 0.1.0
 */
export type ServerBackendVersion = typeof ServerBackendVersion.Type

/**
 * Opcode 17: dead. Opaque.
 *
 * @category schemas
 * @since 0.1.0
 */
export const ChannelOptionsUpdate = message(17, Schema.Unknown)

/**
 * @category models
 * @since 0.1.0
 */
export type ChannelOptionsUpdate = typeof ChannelOptionsUpdate.Type

/**
 * Opcode 18: what a user has set for clips, as bits of {@link ClientFlag}. Not documented by Discord.
 *
 * @category schemas
 * @since 0.1.0
 */
export const ClientFlags = message(
  18,
  Schema.Struct({ user_id: UserId, flags: Lenient.orAbsent(Schema.NullOr(Schema.Int)) })
)

/**
 * @category models
 * @since 0.1.0
 */
export type ClientFlags = typeof ClientFlags.Type

/**
 * Opcode 19: speed test. Opaque, and not documented by Discord.
 *
 * @category schemas
 * @since 0.1.0
 */
export const SpeedTest = message(19, Schema.Unknown)

/**
 * @category models
 * @since 0.1.0
 */
export type SpeedTest = typeof SpeedTest.Type

/**
 * Opcode 20: what a user is connected with: 0 desktop, 1 mobile, 2 Xbox, 3 PlayStation. Not documented by Discord.
 *
 * @category schemas
 * @since 0.1.0
 */
export const ClientPlatform = message(
  20,
  Schema.Struct({ user_id: UserId, platform: Lenient.orAbsent(Schema.NullOr(Schema.Int)) })
)

/**
 * @category models
 * @since 0.1.0
 */
export type ClientPlatform = typeof ClientPlatform.Type

/**
 * Opcode 21: prepare for another DAVE protocol version. Transition 0 is executed at once (DAVE whitepaper, Voice Gateway
 * Opcodes; so are the next two).
 *
 * @category schemas
 * @since 0.1.0
 */
export const DavePrepareTransition = message(
  21,
  Schema.Struct({ protocol_version: Schema.Natural, transition_id: Uint16 })
)

/**
 * @category models
 * @since 0.1.0
 */
export type DavePrepareTransition = typeof DavePrepareTransition.Type

/**
 * Opcode 22: execute a transition that was announced.
 *
 * @category schemas
 * @since 0.1.0
 */
export const DaveExecuteTransition = message(22, Schema.Struct({ transition_id: Uint16 }))

/**
 * @category models
 * @since 0.1.0
 */
export type DaveExecuteTransition = typeof DaveExecuteTransition.Type

/**
 * Opcode 24: prepare for another epoch; epoch 1 means a new group. `transition_id` is mentioned by Discord's prose but not
 * by its tables.
 *
 * @category schemas
 * @since 0.1.0
 */
export const DavePrepareEpoch = message(
  24,
  Schema.Struct({
    protocol_version: Schema.Natural,
    epoch: Schema.Natural,
    transition_id: Lenient.orAbsent(Uint16)
  })
)

/**
 * @category models
 * @since 0.1.0
 */
export type DavePrepareEpoch = typeof DavePrepareEpoch.Type

/**
 * Every JSON message of the voice gateway, discriminated by `op`.
 *
 * @category schemas
 * @since 0.1.0
 */
export const ServerMessage = Schema.Union([
  Ready,
  ServerHeartbeat,
  SessionDescription,
  ServerSpeaking,
  HeartbeatAck,
  Hello,
  Resumed,
  ServerSignal,
  ClientsConnect,
  ServerVideo,
  ClientDisconnect,
  ServerSessionUpdate,
  ServerMediaSinkWants,
  ServerBackendVersion,
  ChannelOptionsUpdate,
  ClientFlags,
  SpeedTest,
  ClientPlatform,
  DavePrepareTransition,
  DaveExecuteTransition,
  DavePrepareEpoch
]).pipe(Schema.toTaggedUnion("op"))

/**
 * @category models
 * @since 0.1.0
 */
export type ServerMessage = typeof ServerMessage.Type
