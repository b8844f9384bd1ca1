/**
 * Heard frames as packets that can be played or written.
 *
 * @since 0.1.0
 */
import * as Silence from "../record/Silence.ts"
import type { Heard, OpusPiece } from "./Detector.ts"

/**
 * Packets without gaps: what did not arrive is silence, in whole units of Opus. The next pause makes up for the rounding of the
 * previous one, so the total is off by less than one unit.
 *
 * @category constructors
 * @since 0.1.0
 */
export const of = (frames: ReadonlyArray<Heard>): ReadonlyArray<OpusPiece> => {
  const pieces: Array<OpusPiece> = []
  let missing = 0
  for (const { data, samples } of frames) {
    if (data !== undefined) {
      pieces.push({ data, samples })
      continue
    }
    const units = Math.ceil((missing + samples) / Silence.unitSamples)
    missing += samples - units * Silence.unitSamples
    Silence.fill(units * Silence.unitSamples, (silence, length) => pieces.push({ data: silence, samples: length }))
  }
  return pieces
}
