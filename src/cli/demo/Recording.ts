/**
 * Records what a listener heard: the packets as they arrived, and silence between them, so that the recording has the real
 * duration.
 *
 * @since 0.1.0
 */
import * as OggWriter from "../../audio/ogg/OggWriter.ts"
import type { HeardFrame } from "../../emulator/Emulator.ts"
import { timestampDelta } from "../../protocol/RtpPacket.ts"
import * as Comparison from "./Comparison.ts"

/**
 * The frames of one speaker with their positions by RTP timestamp (RFC 7587, 4.1: 48 kHz), in the order in which they were
 * sent.
 *
 * @category combinators
 * @since 0.1.0
 */
export const positioned = (heard: ReadonlyArray<HeardFrame>): ReadonlyArray<OggWriter.PositionedPacket> => {
  const { frames } = Comparison.inOrder(heard)
  const first = frames[0]
  if (first === undefined) return []
  let previous = first.timestamp
  let position = 0
  return frames.map(({ payload, timestamp }) => {
    position += timestampDelta(timestamp, previous)
    previous = timestamp
    return { data: payload, position }
  })
}

/**
 * The recording as an Ogg Opus file.
 *
 * @category codecs
 * @since 0.1.0
 */
export const encode = (
  heard: ReadonlyArray<HeardFrame>,
  options: { readonly title: string; readonly channels: 1 | 2 }
): Uint8Array =>
  OggWriter.encode(positioned(heard), {
    channels: options.channels,
    tags: { TITLE: options.title, COMMENT: "Recorded by a listener of the effect-discord-voice demo" }
  })
