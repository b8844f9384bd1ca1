/**
 * The messages of the voice gateway about the session itself: its beginning, its continuation and resumption, and its
 * transport.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import { Ssrc } from "../Identifier.ts"
import * as Lenient from "./lenient.ts"
import { message } from "./voiceServerMessage.ts"
import { Nonce, ServerVideoStreams, Uint16 } from "./voiceShared.ts"

/**
 * Opcode 2: the session exists. `ip` and `port` are the media server's, `modes` the encryption modes that it accepts.
 * `heartbeat_interval` is a mistake of old servers and has to be ignored; the correct one is in {@link Hello}.
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
    modes: Lenient.items(Schema.String),
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
 * Opcode 3: the server asks for an immediate heartbeat. It does not exist in version 1, where opcode 3 from the server is the
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
 * The 32 bytes of the transport key in the wire format: an array of integers.
 *
 * @category schemas
 * @since 0.1.0
 */
export const SecretKey = Schema.Array(
  Schema.Int.pipe(Schema.check(Schema.isBetween({ minimum: 0, maximum: 0xff })))
).pipe(Schema.check(Schema.isBetweenLength(32, 32)))

/**
 * The session over UDP: mode and key of the transport encryption. A `dave_protocol_version` of 0 or absent means no end-to-end
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
 * Opcode 4: the answer to Select Protocol. Distinguish the two forms with `"secret_key" in d`.
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
 * Opcode 6: the answer to a heartbeat, with its nonce. Below version 8 only `t` is sent; version 1 answers with opcode 3.
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
 * gateway version. Below version 3 the wire has only `{heartbeat_interval}`, without an opcode.
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
 * Opcode 9: Resume succeeded, and everything that was missed has been sent.
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
