/**
 * Interpolates between samples with a windowed sinc, so that sound can be read at another pace, which changes its pitch.
 *
 * @since 0.1.0
 */
import * as WindowedSinc from "../WindowedSinc.ts"

/** Weights on either side of the center at a pace of up to 1. */
const halfTaps = 16

/** The parameter of the Kaiser window: about 70 dB. */
const beta = 6.8

/** The weights between two phases are interpolated linearly. */
const phases = 64

/**
 * Weights on either side of the center at the greatest pace, 2.
 *
 * @category constants
 * @since 0.1.0
 */
export const mostHalf = halfTaps * 2

/** The number of tables that are kept. */
const most = 8

const tableOf = WindowedSinc.kept(most, (pace) => ({ halfTaps, beta, phases, share: 1 / pace }))

/**
 * The weights for a pace of 0.5 to 2. Above 1, frequencies that would alias are removed.
 *
 * @category constructors
 * @since 0.1.0
 */
export const of = (pace: number): WindowedSinc.Table => tableOf(Math.max(1, pace))

/**
 * Reads frames of two channels at `at`, a position between them, and writes one to index `to` of `into`. There have to be
 * `half - 1` frames before it; after `end` is silence.
 *
 * @category combinators
 * @since 0.1.0
 */
export const read = (
  { half, weights }: WindowedSinc.Table,
  frames: Float32Array,
  at: number,
  end: number,
  into: Float32Array,
  to: number
): void => {
  const whole = Math.floor(at)
  const phase = (at - whole) * phases
  const row = Math.floor(phase)
  const part = phase - row
  const taps = half * 2
  const first = whole - half + 1
  const count = Math.min(taps, end - first)
  let left = 0
  let right = 0
  for (let i = 0, w = row * taps, f = first * 2; i < count; i++, w++, f += 2) {
    const one = weights[w] ?? 0
    const weight = one + ((weights[w + taps] ?? 0) - one) * part
    left += weight * (frames[f] ?? 0)
    right += weight * (frames[f + 1] ?? 0)
  }
  into[to * 2] = left
  into[to * 2 + 1] = right
}
