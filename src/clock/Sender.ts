/**
 * The interface between the clock of the beat and its senders.
 *
 * @since 0.1.0
 */

/**
 * Something that is called when it is due.
 *
 * @category models
 * @since 0.1.0
 */
export interface Sender {
  /**
   * Called at `nowMs`, at or after the time that the sender asked for. Returns when it is due next, in milliseconds of the same
   * clock, or `Infinity` to wait for {@link Registration.schedule}.
   */
  readonly onDue: (nowMs: number) => number
  /**
   * Reads what `onDue` is about to need, and returns a number computed from it. All senders of a slot are asked before the
   * first of them is called. A thousand of them exceed the processor's caches, and this way the memory accesses of one overlap
   * with those of the next. An address that is itself in memory would have to be waited for, so there are {@link prefetchSteps}
   * rounds: each reads only what can be found with the results of the rounds before.
   */
  readonly prefetch?: ((step: number) => number) | undefined
}

/**
 * A sender's place at the clock. Its functions are methods: they cannot be called detached from it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Registration {
  /** Asks to be called at `dueMs`, replacing an earlier time. */
  readonly schedule: (dueMs: number) => void
  /** The first future time, at or after `fromMs`, on this sender's own slot of the 20 ms grid. */
  readonly align: (fromMs: number) => number
  /** Leaves the clock. It can be called more than once. */
  readonly remove: () => void
}

/**
 * The number of rounds of {@link Sender.prefetch}, counted from 0.
 *
 * @category constants
 * @since 0.1.0
 */
export const prefetchSteps = 6
