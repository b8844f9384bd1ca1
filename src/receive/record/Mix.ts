/**
 * Mixes what users said, each at its place, to stereo at 48 kHz. Where they are too loud together, peaks are limited softly.
 *
 * @since 0.1.0
 */

/**
 * @category models
 * @since 0.1.0
 */
export interface Mix {
  /**
   * Adds interleaved stereo at a time in samples, with the gain of each stereo sample if there are gains. Sound before what was
   * already taken is left out.
   */
  readonly add: (pcm: Int16Array, at: number, gains?: Float32Array) => void
  /** Takes everything up to a time, with silence where nothing was added. */
  readonly take: (until: number) => Int16Array
  /** The time up to which it was taken. */
  readonly taken: () => number
}

/** Up to here nothing is limited. */
const knee = 0.8

const limit = (value: number): number => {
  const size = Math.abs(value)
  if (size <= knee) return value
  return Math.sign(value) * (knee + (1 - knee) * Math.tanh((size - knee) / (1 - knee)))
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (): Mix => {
  let sums = new Float32Array(2 * 48_000)
  /** The time of the first sum, and how many after it were added to. */
  let start = 0
  let used = 0

  const reserve = (length: number): void => {
    if (length <= sums.length) return
    const larger = new Float32Array(Math.max(length, sums.length * 2))
    larger.set(sums.subarray(0, used))
    sums = larger
  }

  return {
    add: (pcm, at, gains) => {
      const from = Math.max(0, 2 * (start - at))
      const offset = 2 * (at - start)
      reserve(offset + pcm.length)
      for (let i = from; i < pcm.length; i++) {
        const value = (pcm[i] ?? 0) / 32_768
        sums[offset + i] = (sums[offset + i] ?? 0) + (gains === undefined ? value : value * (gains[i >> 1] ?? 1))
      }
      used = Math.max(used, offset + pcm.length)
    },
    take: (until) => {
      const length = Math.max(0, 2 * (until - start))
      const out = new Int16Array(length)
      const there = Math.min(length, used)
      for (let i = 0; i < there; i++) out[i] = Math.round(limit(sums[i] ?? 0) * 32_767)
      sums.copyWithin(0, there, used)
      sums.fill(0, used - there, used)
      used -= there
      start += length / 2
      return out
    },
    taken: () => start
  }
}
