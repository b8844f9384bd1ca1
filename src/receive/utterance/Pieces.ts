/**
 * What was heard, as packets that can be played or written.
 *
 * @since 0.1.0
 */
import * as Silence from "../record/Silence.ts"
import type { Heard, OpusPiece } from "./Detector.ts"

/**
 * Packets without a gap: what did not come is silence, in whole units of Opus.
 *
 * @category constructors
 * @since 0.1.0
 */
export const of = (frames: ReadonlyArray<Heard>): ReadonlyArray<OpusPiece> => {
  const pieces: Array<OpusPiece> = []
  for (const { data, samples } of frames) {
    if (data !== undefined) pieces.push({ data, samples })
    else Silence.fill(samples, (silence, length) => pieces.push({ data: silence, samples: length }))
  }
  return pieces
}
