/**
 * Where the packets of a track of WebM or Matroska are: counted from the first one on, as exactly as that is, and by the times of
 * their blocks (RFC 9559, 11) where something is missing between two of them, as in a recording of somebody who was silent.
 *
 * @since 0.1.0
 */

/** Times are rounded, and those of recordings are early and late by turns. Something is missing where a block comes so much later. */
const gapMs = 40

/**
 * @category models
 * @since 0.1.0
 */
export interface WebmTimeline {
  /** A segment begins: its times begin anew. */
  readonly onSegment: () => void
  /**
   * A block at a time in milliseconds, at `rate` samples a second. `placeOf` gives the sample that its first packet begins with by the one
   * that is told; it is left out where only counting says that.
   */
  readonly onBlock: (timeMs: number, rate: number, placeOf: ((sample: number) => number) | undefined) => void
  /** The sample that the next packet begins with. */
  readonly next: () => number
  /** A packet of so many samples, or so many less where they are cut off. */
  readonly pass: (samples: number) => void
  /** The sample of the first segment that is heard at a time in milliseconds. */
  readonly sampleAt: (timeMs: number, rate: number) => number
  /** Goes on in the first segment, with a block that says where it is. */
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
  /** The first block of the first segment, and of the one that is read. */
  let first: Origin | undefined
  let origin: Origin | undefined
  let next = 0
  /** When the block before ends, as far as it has been passed. */
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
      // a time that cannot be counted in samples is none
      const isMissing = timeMs - endMs >= gapMs && told - next >= gapMs * samplesPerMs &&
        told <= Number.MAX_SAFE_INTEGER / 2
      // after a restart the first block says where it is, to the millisecond
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
