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
  /** Runs `action` once when the core's time reaches `atMs`; the result cancels it. */
  readonly at: (atMs: number, action: () => void) => () => void
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Surroundings {
  readonly random: Random
  readonly timers: Timers
  /** Milliseconds; set by the shell through `advance`, monotonic. */
  readonly now: () => number
  /** Counts something that is neither a violation nor advice, by name, for a look from outside. */
  readonly count: (name: string) => void
}
