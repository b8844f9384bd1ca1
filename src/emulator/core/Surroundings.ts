/**
 * What every part of the core works with, however small it is: time, randomness and counters.
 *
 * @since 0.1.0
 */

/**
 * Seeded randomness: the same seed gives the same run.
 *
 * @category models
 * @since 0.1.0
 */
export interface Random {
  /** Uniform in [0, 1). */
  readonly next: () => number
  /** Uniform integer in [0, bound). */
  readonly int: (bound: number) => number
  readonly bytes: (length: number) => Uint8Array
}

/**
 * A due time of the core.
 *
 * @category models
 * @since 0.1.0
 */
export interface Timers {
  /** Runs `action` once when the core's time reaches `atMs`. The returned function cancels it. */
  readonly at: (atMs: number, action: () => void) => () => void
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Surroundings {
  readonly random: Random
  readonly timers: Timers
  /** Monotonic milliseconds, which the shell sets through `advance`. */
  readonly now: () => number
  /** Counts something by name that is neither a violation nor advice, for inspection from outside. */
  readonly count: (name: string) => void
}
