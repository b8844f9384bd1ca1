/**
 * Payload types, and video from the voice server's point of view: the SSRCs that may be announced, and the streams that a
 * client wants. The server forwards packets without reading them.
 *
 * @since 0.1.0
 */
import * as RtpPacket from "../../../protocol/RtpPacket.ts"
import type { ClientVideo, Codec, SinkWants } from "../../../protocol/VoicePayload.ts"

/**
 * The payload types of Opus, of the video codec, and of its retransmissions (RFC 4588).
 *
 * @category models
 * @since 0.1.0
 */
export interface PayloadTypes {
  readonly opus: number
  readonly video: number
  readonly rtx: number
}

/**
 * The codec of everything that is sent here.
 *
 * @category constants
 * @since 0.1.0
 */
export const codec = "H264"

/**
 * The types of a client that has not named any in Select Protocol (op 1). Those of video are undocumented: these are the ones
 * that clients name first.
 *
 * @category constants
 * @since 0.1.0
 */
export const usualTypes: PayloadTypes = { opus: RtpPacket.payloadTypeOpus, video: 101, rtx: 102 }

/**
 * The payload types for a client that has these codecs.
 *
 * @category constructors
 * @since 0.1.0
 */
export const typesOf = (codecs: ReadonlyArray<Codec> | undefined): PayloadTypes => {
  const typeOf = (kind: string, called: string) =>
    codecs?.find(({ name, type }) => type === kind && name.toLowerCase() === called.toLowerCase())
  const opus = (typeOf("audio", "opus")?.payload_type ?? usualTypes.opus) & 0x7f
  const found = typeOf("video", codec)
  if (found === undefined) return { ...usualTypes, opus }
  return { opus, video: found.payload_type & 0x7f, rtx: (found.rtx_payload_type ?? found.payload_type + 1) & 0x7f }
}

/**
 * Whether a receiver wants a stream, according to Media Sink Wants (op 15). Before that, everything is wanted.
 *
 * @category guards
 * @since 0.1.0
 */
export const isWanted = (wants: SinkWants | undefined, ssrc: number): boolean => {
  if (wants === undefined) return true
  const own = Object.entries(wants).find(([key]) => key === String(ssrc))?.[1]
  return (typeof own === "number" ? own : wants.any ?? 0) > 0
}

/**
 * Every SSRC that a Video (op 12) names, except 0.
 *
 * @category combinators
 * @since 0.1.0
 */
export const ssrcsOf = ({ audio_ssrc, rtx_ssrc, streams, video_ssrc }: ClientVideo["d"]): ReadonlyArray<number> =>
  [audio_ssrc, video_ssrc, rtx_ssrc, ...streams.flatMap((stream) => [stream.ssrc ?? 0, stream.rtx_ssrc ?? 0])]
    .filter((ssrc) => ssrc !== 0)
