/**
 * The clock of the arrival times of packets. Only the driver knows it, and after a reconnect it may be another one, but it has
 * the same rate as ours.
 *
 * @since 0.1.0
 */

/**
 * @category models
 * @since 0.1.0
 */
export interface ArrivalClock {
  /** Tells that the next packets may have another clock. */
  readonly renew: () => void
  /**
   * What has to be added to arrival times, in milliseconds, to convert them to our clock. `packets` have just arrived; at least
   * one.
   */
  readonly offsetMs: (
    packets: ReadonlyArray<{ readonly arrivalMs: number; readonly waitedMs?: number | undefined }>
  ) => number
}

/** Two clocks are different if they are off by more than this, in milliseconds. */
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
      // packets may have waited for a name or a key, or here: the one that arrived last is the best indication of the clock
      const off = nowMs() -
        packets.reduce((latest, { arrivalMs, waitedMs = 0 }) => Math.max(latest, arrivalMs + waitedMs), -Infinity)
      offsetMs = offsetMs === undefined || (isNew && Math.abs(off - offsetMs) > stepMs) ? off : Math.min(offsetMs, off)
      isNew = false
      return offsetMs
    }
  }
}
