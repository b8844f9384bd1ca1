/**
 * The clock that arrival times of packets are of. Only the driver knows it, and after a reconnect it may be another one, but it runs
 * as fast as ours.
 *
 * @since 0.1.0
 */

/**
 * @category models
 * @since 0.1.0
 */
export interface ArrivalClock {
  /** It may be another one from the next packets on. */
  readonly renew: () => void
  /** What is to be added to arrival times, in milliseconds, so that they are of our clock. `packets` have just come; one at least. */
  readonly offsetMs: (
    packets: ReadonlyArray<{ readonly arrivalMs: number; readonly waitedMs?: number | undefined }>
  ) => number
}

/** Two clocks are different ones if they are off by more than this, in milliseconds. */
const stepMs = 100

/**
 * `nowMs` is our clock.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (nowMs: () => number): ArrivalClock => {
  let offsetMs: number | undefined
  let isNew = false
  return {
    renew: () => {
      isNew = true
    },
    offsetMs: (packets) => {
      // packets may have waited for a name or a key, or here: the one that came last says most about the clock
      const off = nowMs() -
        packets.reduce((latest, { arrivalMs, waitedMs = 0 }) => Math.max(latest, arrivalMs + waitedMs), -Infinity)
      offsetMs = offsetMs === undefined || (isNew && Math.abs(off - offsetMs) > stepMs) ? off : Math.min(offsetMs, off)
      isNew = false
      return offsetMs
    }
  }
}
