/**
 * The transit time of packets, as far as a receiver can tell: the arrival time minus the media time. Its minimum over the last
 * seconds is that of a network without jitter. It follows a sender's clock that has a different rate than ours.
 *
 * @since 0.1.0
 */

/**
 * @category models
 * @since 0.1.0
 */
export interface Transit {
  readonly add: (arrivalMs: number, transitMs: number) => void
  /** The minimum of the last 5 to 10 seconds; `undefined` before the first packet. */
  readonly least: () => number | undefined
  /** The maximum minus the minimum, in milliseconds. */
  readonly spread: () => number
  /** Whether more than the first window of 5 seconds has passed. */
  readonly isSettled: () => boolean
}

const windowMs = 5_000

/** The maximum difference between two quartz clocks: 200 ppm. */
const driftPerMs = 0.0002

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (): Transit => {
  let startMs = -Infinity
  let least = Infinity
  let greatest = -Infinity
  let formerLeast = Infinity
  let formerGreatest = -Infinity
  let isSettled = false

  const rotate = (arrivalMs: number): void => {
    const passedMs = arrivalMs - startMs
    if (passedMs < windowMs) return
    if (startMs !== -Infinity) isSettled = true
    const known = Math.min(least, formerLeast)
    if (passedMs < 2 * windowMs) {
      formerLeast = least
      formerGreatest = greatest
      startMs += windowMs
    } else {
      // nothing came for a long time: the path and its jitter are the same, and the clocks can have drifted only this far
      const jitterMs = Math.max(0, greatest - least, (formerGreatest - formerLeast) / 2)
      formerLeast = known + passedMs * driftPerMs
      formerGreatest = known === Infinity ? -Infinity : formerLeast + jitterMs
      startMs = arrivalMs
    }
    least = Infinity
    greatest = -Infinity
  }

  const leastNow = (): number => Math.min(least, formerLeast)

  return {
    add: (arrivalMs, transitMs) => {
      rotate(arrivalMs)
      if (transitMs < least) least = transitMs
      if (transitMs > greatest) greatest = transitMs
    },
    least: () => {
      const now = leastNow()
      return now === Infinity ? undefined : now
    },
    spread: () => Math.max(0, Math.max(greatest, formerGreatest) - leastNow()),
    isSettled: () => isSettled
  }
}
