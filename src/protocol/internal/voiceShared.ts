/**
 * What client and server messages of the voice gateway have in common.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import { Ssrc } from "../Identifier.ts"
import * as Lenient from "./lenient.ts"

/**
 * The integer in a heartbeat that the answer repeats, often a time in milliseconds. Some clients send random 64-bit integers:
 * JSON numbers beyond 2^53 are accepted, rounded as `JSON.parse` rounds them.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Nonce = Schema.Finite.pipe(
  Schema.check(
    Schema.makeFilter((n: number) => Number.isInteger(n), {
      expected: "an integer",
      arbitraryConstraint: { number: "integer" }
    })
  )
)

/**
 * An unsigned 16-bit integer: UDP ports and DAVE transition ids.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Uint16 = Schema.Int.pipe(Schema.check(Schema.isBetween({ minimum: 0, maximum: 0xffff })))

/**
 * A percentage of quality, 0 to 100.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Percentage = Schema.Finite.pipe(Schema.check(Schema.isBetween({ minimum: 0, maximum: 100 })))

/**
 * Bits of {@link SpeakingFlag}, combined. 0 is silence.
 *
 * @category schemas
 * @since 0.1.0
 */
export const SpeakingFlags = Schema.Natural

/**
 * The bits of Speaking (op 5): voice from a microphone, sound that accompanies a video, and priority over other speakers
 * (Discord docs, Voice Connections, Speaking).
 *
 * @category constants
 * @since 0.1.0
 */
export const SpeakingFlag = { Microphone: 1, Soundshare: 2, Priority: 4 } as const

/**
 * The bits of Client Flags (op 18): whether the user makes clips, lets the clips of others include their voice, and lets
 * viewers of their stream make clips of it. They are settings of Discord's own Clips. Not documented by Discord.
 *
 * @category constants
 * @since 0.1.0
 */
export const ClientFlag = { Clips: 1, VoiceRecording: 2, ViewerClips: 4 } as const

const Resolution = Schema.Struct({ type: Schema.String, width: Schema.Finite, height: Schema.Finite })

/**
 * One video stream of a user. `type` is "video", "screen" or "test"; `rid` names the simulcast layer. Not documented by
 * Discord, so everything but the type may be missing.
 *
 * @category schemas
 * @since 0.1.0
 */
export const VideoStream = Schema.Struct({
  type: Schema.String,
  rid: Schema.optionalKey(Schema.String),
  quality: Schema.optionalKey(Percentage),
  active: Schema.optionalKey(Schema.Boolean),
  max_bitrate: Schema.optionalKey(Schema.Finite),
  max_framerate: Schema.optionalKey(Schema.Finite),
  max_resolution: Schema.optionalKey(Resolution),
  ssrc: Schema.optionalKey(Ssrc),
  rtx_ssrc: Schema.optionalKey(Ssrc)
})

/**
 * @category models
 * @since 0.1.0
 */
export type VideoStream = typeof VideoStream.Type

/**
 * The video streams of a user, as the server reports them. Nothing here needs them. Malformed ones are left out.
 *
 * @category schemas
 * @since 0.1.0
 */
export const ServerVideoStreams = Lenient.items(Schema.Struct({
  type: Schema.String,
  rid: Lenient.orAbsent(Schema.String),
  quality: Lenient.orAbsent(Percentage),
  active: Lenient.orAbsent(Schema.Boolean),
  max_bitrate: Lenient.orAbsent(Schema.Finite),
  max_framerate: Lenient.orAbsent(Schema.Finite),
  max_resolution: Lenient.orAbsent(Resolution),
  ssrc: Lenient.orAbsent(Ssrc),
  rtx_ssrc: Lenient.orAbsent(Ssrc)
}))

/**
 * One codec that a client can use. `name` is "opus", "H264" and so on, `type` "audio" or "video", `priority` a multiple
 * of 1000 (lower is preferred), `payload_type` the RTP payload type. Not documented by Discord. Without codecs the server
 * assumes Opus at payload type 120.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Codec = Schema.Struct({
  name: Schema.String,
  type: Schema.String,
  priority: Schema.Finite,
  payload_type: Schema.Int,
  rtx_payload_type: Schema.optionalKey(Schema.NullOr(Schema.Int)),
  encode: Schema.optionalKey(Schema.Boolean),
  decode: Schema.optionalKey(Schema.Boolean)
})

/**
 * @category models
 * @since 0.1.0
 */
export type Codec = typeof Codec.Type

const SsrcKey = Schema.TemplateLiteral([Schema.Natural]).pipe(Schema.check(Schema.isPattern(/^\d{1,10}$/)))

/**
 * The quality in which a receiver wants each stream, 0 to 100, by SSRC; `any` stands for the streams that are not listed. Not
 * documented by Discord.
 *
 * @category schemas
 * @since 0.1.0
 */
export const SinkWants = Schema.StructWithRest(
  Schema.Struct({
    any: Schema.optionalKey(Percentage),
    pixelCounts: Schema.optionalKey(Schema.Record(SsrcKey, Schema.Finite))
  }),
  [Schema.Record(SsrcKey, Percentage)]
)

/**
 * @category models
 * @since 0.1.0
 */
export type SinkWants = typeof SinkWants.Type
