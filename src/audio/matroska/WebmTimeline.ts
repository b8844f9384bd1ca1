/**
 * Where the packets of a track of WebM or Matroska are. They are counted from the first one on, which is exact; if something
 * is missing between two of them, as in a recording of a user who was silent, the times of their blocks are used (RFC 9559,
 * 11).
 *
 * @since 0.1.0
 */

/**
 * Times are rounded, and in recordings they are sometimes early and sometimes late. Something is missing if a block is late
 * by this much.
 */
const gapMs = 40

/**
 * @category models
 * @since 0.1.0
 */
export interface WebmTimeline {
  /** A segment begins, whose times start over. */
  readonly onSegment: () => void
  /**
   * A block at a time in milliseconds, at `rate` samples per second. `placeOf` returns the exact sample at which its first
   * packet begins, given the approximate one; it is left out if only counting gives that.
   */
  readonly onBlock: (timeMs: number, rate: number, placeOf: ((sample: number) => number) | undefined) => void
  /** The sample at which the next packet begins. */
  readonly next: () => number
  /** A packet of this many samples, less those that are cut off. */
  readonly pass: (samples: number) => void
  /** The sample of the first segment that is heard at a time in milliseconds. */
  readonly sampleAt: (timeMs: number, rate: number) => number
  /** Continues in the first segment, with a block that says where it is. */
  readonly restart: (sample: number) => void
}

interface Origin {
  readonly timeMs: number
  readonly sample: number
}

const toldBy = ({ sample, timeMs }: Origin, at: number, rate: number): number => sample + (at - timeMs) * rate / 1000

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (): WebmTimeline => {
  /** The first block of the first segment, and of the current one. */
  let first: Origin | undefined
  let origin: Origin | undefined
  let next = 0
  /** When the previous block ends, as far as it has been passed. */
  let endMs = Infinity
  let samplesPerMs = 1
  let searching = false
  return {
    onSegment: () => {
      origin = undefined
      endMs = Infinity
    },
    onBlock: (timeMs, rate, placeOf) => {
      samplesPerMs = rate / 1000
      origin ??= { timeMs, sample: next }
      first ??= origin
      const told = toldBy(origin, timeMs, rate)
      // a time that cannot be counted in samples is ignored
      const isMissing = timeMs - endMs >= gapMs && told - next >= gapMs * samplesPerMs &&
        told <= Number.MAX_SAFE_INTEGER / 2
      // after a restart, the first block says where it is, to the millisecond
      if (searching) next = Math.max(0, placeOf?.(told) ?? next)
      else if (isMissing) next = Math.max(next, placeOf?.(told) ?? next)
      searching = false
      endMs = timeMs
    },
    next: () => next,
    pass: (samples) => {
      next += samples
      endMs += samples / samplesPerMs
    },
    sampleAt: (timeMs, rate) => toldBy(first ?? { timeMs: 0, sample: 0 }, timeMs, rate),
    restart: (sample) => {
      origin = first
      endMs = Infinity
      next = sample
      searching = true
    }
  }
}
