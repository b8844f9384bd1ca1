/**
 * The messages of the voice gateway about the users of a call: who is there, what they send, and what they want to receive.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import { Ssrc, UserId } from "../Identifier.ts"
import * as Lenient from "./lenient.ts"
import { message } from "./voiceServerMessage.ts"
import { ServerVideoStreams, SinkWants, SpeakingFlags } from "./voiceShared.ts"

/**
 * Opcode 5: which SSRC belongs to a user and, if present, what it carries. Below version 4 the wire has a boolean.
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
 * Opcode 11: users are connected: all of them at the start, then each one that joins.
 *
 * @category schemas
 * @since 0.1.0
 */
export const ClientsConnect = message(11, Schema.Struct({ user_ids: Lenient.items(UserId) }))

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
    audio_ssrc: Lenient.orAbsent(Ssrc),
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
 * Opcode 15: the quality in which the receivers want each of our streams. Not documented by Discord.
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
 * Opcode 18: a user's settings for clips, as bits of {@link ClientFlag}. Not documented by Discord.
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
 * Opcode 20: the kind of device of a user: 0 desktop, 1 mobile, 2 Xbox, 3 PlayStation. Not documented by Discord.
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
