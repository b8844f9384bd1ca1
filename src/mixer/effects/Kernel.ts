/**
 * What lies between samples: a windowed sinc, so that sound can be read at another pace, which moves its pitch.
 *
 * @since 0.1.0
 */

/** Weights on either side of the centre at a pace of up to 1. */
const halfTaps = 16

/** Of the Kaiser window: about 70 dB. */
const beta = 6.8

/** The weights between two phases are drawn by a line. */
const phases = 64

/**
 * Weights on either side of the centre at the greatest pace, 2.
 *
 * @category constants
 * @since 0.1.0
 */
export const mostHalf = halfTaps * 2

const besselI0 = (x: number): number => {
  let sum = 1
  let term = 1
  for (let k = 1; term > sum * 1e-12; k++) {
    term *= (x / (2 * k)) ** 2
    sum += term
  }
  return sum
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Kernel {
  /** Weights on either side of the centre. */
  readonly half: number
  /** `phases + 1` rows of `2 * half` weights. */
  readonly weights: Float32Array
}

const make = (pace: number): Kernel => {
  const scale = Math.min(1, 1 / pace)
  const half = Math.ceil(halfTaps / scale)
  const taps = half * 2
  const weights = new Float32Array((phases + 1) * taps)
  for (let phase = 0; phase <= phases; phase++) {
    const row = phase * taps
    let sum = 0
    for (let i = 0; i < taps; i++) {
      const distance = i - (half - 1) - phase / phases
      const place = distance / half
      const x = Math.PI * distance * scale
      const sinc = x === 0 ? 1 : Math.sin(x) / x
      const weight = Math.abs(place) >= 1 ? 0 : sinc * besselI0(beta * Math.sqrt(1 - place * place))
      weights[row + i] = weight
      sum += weight
    }
    // each phase passes a constant as it is
    for (let i = 0; i < taps; i++) weights[row + i] = (weights[row + i] ?? 0) / sum
  }
  return { half, weights }
}

/** Tables that are kept, of which the one that was wanted last comes last. */
const kernels = new Map<number, Kernel>()
const most = 8

/**
 * The weights for a pace of 0.5 to 2. What would fold back from above is taken away where it is more than 1.
 *
 * @category constructors
 * @since 0.1.0
 */
export const of = (pace: number): Kernel => {
  const key = Math.max(1, pace)
  const kernel = kernels.get(key) ?? make(key)
  kernels.delete(key)
  kernels.set(key, kernel)
  const [oldest] = kernels.keys()
  if (kernels.size > most && oldest !== undefined) kernels.delete(oldest)
  return kernel
}

/**
 * Reads frames of two channels at `at`, a place between them, and writes one to index `to` of `into`. There have to be `half - 1`
 * frames before it; behind `end` is silence.
 *
 * @category combinators
 * @since 0.1.0
 */
export const read = (
  { half, weights }: Kernel,
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
