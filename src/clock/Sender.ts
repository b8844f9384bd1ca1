/**
 * What the clock of the beat knows of a sender, and a sender of the clock.
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
   * Called at `nowMs`, at or after the time it asked for. Returns when it is due next, in milliseconds of the same clock,
   * or `Infinity` to be left alone until {@link Registration.schedule}.
   */
  readonly onDue: (nowMs: number) => number
  /**
   * Reads what `onDue` is about to need, and returns some number made of it. All senders of a slot are asked before the
   * first of them is called: a thousand are more than the processor's caches hold, and what is read here for one waits for
   * memory together with what is read for the next. An address that lies in memory itself would have to be waited for, so
   * there are {@link prefetchSteps} rounds: each reads only what can be found from what those before have read.
   */
  readonly prefetch?: ((step: number) => number) | undefined
}

/**
 * A sender's place at the clock. Its functions belong to it: they cannot be called apart from it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Registration {
  /** Asks to be called at `dueMs`, in place of any time asked for before. */
  readonly schedule: (dueMs: number) => void
  /** The first time to come, at or after `fromMs`, that lies on this sender's own slot of the 20 ms grid. */
  readonly align: (fromMs: number) => number
  /** Leaves the clock. Doing it twice is harmless. */
  readonly remove: () => void
}

/**
 * How many rounds of {@link Sender.prefetch} there are: from 0 on.
 *
 * @category constants
 * @since 0.1.0
 */
export const prefetchSteps = 6
