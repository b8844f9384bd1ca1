/**
 * What we send, as packets that a recording can place like those of others.
 *
 * @since 0.1.0
 */
import type { SentFrame } from "../../driver/media/Tap.ts"
import type { Received } from "./Part.ts"

/**
 * Not an SSRC: ours changes with each connection, and is not known here.
 *
 * @category constants
 * @since 0.1.0
 */
export const ssrc = -1

const samplesPerMs = 48

/**
 * Numbers frames in the order in which they were sent, and counts their time in samples.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (): (frame: SentFrame) => Omit<Received, "arrival"> => {
  let sequence = -1
  let end: number | undefined
  return ({ atMs, data, samples }) => {
    const at = Math.round(atMs * samplesPerMs)
    // what follows without a gap should do so to the sample
    const extended = end !== undefined && Math.abs(at - end) <= 1 ? end : at
    end = extended + samples
    sequence = (sequence + 1) & 0xffff
    return { ssrc, sequence, timestamp: extended >>> 0, payload: data }
  }
}
