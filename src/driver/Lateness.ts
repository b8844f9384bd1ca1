/**
 * How late packets were sent: a histogram of fixed size, cheap enough for every packet.
 *
 * @since 0.1.0
 */

const bucketMs = 0.25
const buckets = 400

/**
 * @category models
 * @since 0.1.0
 */
export interface Lateness {
  readonly record: (ms: number) => void
  /** The lateness in milliseconds that the given share (0 to 1) of packets did not exceed, within 0.25 ms. */
  readonly percentile: (share: number) => number
  readonly max: () => number
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (): Lateness => {
  const counts = new Uint32Array(buckets)
  let total = 0
  let max = 0
  return {
    record: (ms) => {
      const bucket = ms <= 0 ? 0 : Math.min(buckets - 1, Math.floor(ms / bucketMs))
      counts[bucket] = (counts[bucket] ?? 0) + 1
      total++
      if (ms > max) max = ms
    },
    percentile: (share) => {
      if (total === 0) return 0
      const wanted = Math.ceil(total * share)
      let seen = 0
      for (let i = 0; i < buckets; i++) {
        seen += counts[i] ?? 0
        if (seen >= wanted) return Math.min(max, (i + 1) * bucketMs)
      }
      return max
    },
    max: () => max
  }
}
