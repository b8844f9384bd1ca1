/**
 * How long packets are under way, as far as a receiver can tell: the arrival time less the media time, whose least value of
 * the last seconds is that of a network without jitter. It follows a sender's clock that runs at another rate than ours.
 *
 * @since 0.1.0
 */

/**
 * @category models
 * @since 0.1.0
 */
export interface Transit {
  readonly add: (arrivalMs: number, transitMs: number) => void
  /** The least value of the last 5 to 10 seconds; `undefined` before the first. */
  readonly least: () => number | undefined
  /** The greatest one less the least, in milliseconds. */
  readonly spread: () => number
  /** Whether there is more than the first window of 5 seconds. */
  readonly isSettled: () => boolean
}

const windowMs = 5_000

/** What two quartz clocks can differ by: 200 ppm. */
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
      // nothing came for long: the path is the same, with its jitter, and the clocks can only have drifted so far
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
