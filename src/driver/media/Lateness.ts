/**
 * How late packets were sent: a histogram of fixed size, cheap enough for every packet.
 *
 * @since 0.1.0
 */
import { frameMs } from "../../AudioClock.ts"

const bucketMs = 0.25

/** Up to the length of a frame. */
const fineBuckets = frameMs / bucketMs

const coarseBucketMs = 5

/** Nothing is sent more than three frames late: the sender returns to its slot instead. Anything later is counted there. */
const buckets = fineBuckets + 2 * frameMs / coarseBucketMs

const bucketOf = (ms: number): number =>
  ms < frameMs
    ? Math.floor(ms / bucketMs)
    : Math.min(buckets - 1, fineBuckets + Math.floor((ms - frameMs) / coarseBucketMs))

/** The end of a bucket. */
const endMs = (bucket: number): number =>
  bucket < fineBuckets ? (bucket + 1) * bucketMs : frameMs + (bucket + 1 - fineBuckets) * coarseBucketMs

/**
 * @category models
 * @since 0.1.0
 */
export interface Lateness {
  readonly record: (ms: number) => void
  /** Reads, step by step and ahead of time, what `record` will need. Returns a meaningless number. */
  readonly prefetch: (step: number) => number
  /**
   * The lateness in milliseconds that the given share (0 to 1) of packets did not exceed. Accurate to 0.25 ms, and to 5 ms
   * above 20.
   */
  readonly percentile: (share: number) => number
  readonly max: () => number
  /** Ends recording. What was recorded stays readable. */
  readonly close: () => void
}

/**
 * The number of senders that share a table. A separate array for each would add three memory locations that each packet needs.
 */
const tableRows = 64

interface Table {
  readonly counts: Uint32Array
  readonly free: Array<number>
}

/** Tables with free rows. */
const tables: Array<Table> = []

const makeTable = (): Table => ({
  counts: new Uint32Array(tableRows * buckets),
  free: Array.from({ length: tableRows }, (_, row) => (tableRows - 1 - row) * buckets)
})

/** Recording touches the object and one or two of the counts: a thousand senders each do it fifty times per second. */
class Histogram implements Lateness {
  #counts: Uint32Array
  #at: number
  #table: Table | undefined
  /** The bucket of the maximum, so that the maximum is checked only where it may change. */
  #highest = 0
  #max = 0

  constructor() {
    const table = tables.at(-1) ?? makeTable()
    if (tables.length === 0) tables.push(table)
    this.#table = table
    this.#counts = table.counts
    this.#at = table.free.pop() ?? 0
    if (table.free.length === 0) tables.pop()
  }

  prefetch(step: number): number {
    return step === 0 ? this.#highest : (this.#counts[this.#at] ?? 0) | 0
  }

  record(ms: number): void {
    const bucket = ms <= 0 ? 0 : bucketOf(ms)
    const at = this.#at + bucket
    this.#counts[at] = (this.#counts[at] ?? 0) + 1
    if (bucket < this.#highest) return
    this.#highest = bucket
    if (ms > this.#max) this.#max = ms
  }

  percentile(share: number): number {
    const counts = this.#counts.subarray(this.#at, this.#at + buckets)
    const wanted = Math.ceil(counts.reduce((sum, count) => sum + count, 0) * share)
    let seen = 0
    for (let i = 0; i <= this.#highest; i++) {
      seen += counts[i] ?? 0
      if (seen >= wanted) return Math.min(this.#max, endMs(i))
    }
    return this.#max
  }

  max(): number {
    return this.#max
  }

  close(): void {
    const table = this.#table
    if (table === undefined) return
    this.#table = undefined
    this.#counts = table.counts.slice(this.#at, this.#at + buckets)
    table.counts.fill(0, this.#at, this.#at + buckets)
    if (table.free.length === 0) tables.push(table)
    table.free.push(this.#at)
    this.#at = 0
  }
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (): Lateness => new Histogram()
