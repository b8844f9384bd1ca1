/**
 * How late packets were sent: a histogram of fixed size, cheap enough for every packet.
 *
 * @since 0.1.0
 */
import { frameMs } from "../AudioClock.ts"

const bucketMs = 0.25

/** Nothing is sent later than a frame: the sender goes back to its slot instead. What is later all the same counts as that. */
const buckets = frameMs / bucketMs

/**
 * @category models
 * @since 0.1.0
 */
export interface Lateness {
  readonly record: (ms: number) => void
  /** Reads what `record` will need ahead of its time, and returns a number without meaning. */
  readonly prefetch: () => number
  /** The lateness in milliseconds that the given share (0 to 1) of packets did not exceed, within 0.25 ms. */
  readonly percentile: (share: number) => number
  readonly max: () => number
}

/** Recording touches the object and one or two of the counts: a thousand senders do it fifty times a second each. */
class Histogram implements Lateness {
  readonly #counts = new Uint32Array(buckets)
  /** The bucket of the maximum, so that it is looked at only where it may change. */
  #highest = 0
  #max = 0

  prefetch(): number {
    return this.#counts[0] ?? 0
  }

  record(ms: number): void {
    const bucket = ms <= 0 ? 0 : Math.min(buckets - 1, Math.floor(ms / bucketMs))
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1
    if (bucket < this.#highest) return
    this.#highest = bucket
    if (ms > this.#max) this.#max = ms
  }

  percentile(share: number): number {
    const wanted = Math.ceil(this.#counts.reduce((sum, count) => sum + count, 0) * share)
    let seen = 0
    for (let i = 0; i <= this.#highest; i++) {
      seen += this.#counts[i] ?? 0
      if (seen >= wanted) return Math.min(this.#max, (i + 1) * bucketMs)
    }
    return this.#max
  }

  max(): number {
    return this.#max
  }
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (): Lateness => new Histogram()
