/**
 * When to ask to be added to the group anew, and when to give up: what counts are encrypted frames that cannot be read, and
 * commits and Welcomes that cannot be used. Plain code.
 *
 * @since 0.1.0
 */

/**
 * How many frames in a row have to be unreadable before we ask to be added to the group anew: 0.72 s of one speaker.
 *
 * @category constants
 * @since 0.1.0
 */
export const failureTolerance = 36

/**
 * Recoveries that are not followed by a group before we give up.
 *
 * @category constants
 * @since 0.1.0
 */
export const maxRecoveries = 5

/**
 * They have to have come over so many milliseconds: what a member sends as a burst says nothing of our keys. Where several speak, there
 * are 36 in less.
 */
const leastStretchMs = 500

/** The least time between a recovery and one for unreadable frames. */
const intervalMs = 10_000
const maxIntervalMs = 300_000

/**
 * @category models
 * @since 0.1.0
 */
export class E2eeRecovery {
  #unreadable = 0
  /** When the first and the last of them came. */
  #firstMs = 0
  #lastUnreadableMs = 0
  /** When the last frame came that was read. */
  #readMs = -Infinity
  #inRow = 0
  #lastMs = -Infinity
  #intervalMs = intervalMs

  /**
   * An encrypted frame was read, or could not be. That it cannot be is known when it has waited for another key, and counts at
   * the time that it came: if one that came later was read, our keys are right.
   */
  onDecrypted(isReadable: boolean, arrivalMs: number): void {
    if (isReadable) {
      this.#unreadable = 0
      this.#readMs = Math.max(this.#readMs, arrivalMs)
      this.#intervalMs = intervalMs
    } else if (arrivalMs > this.#readMs) {
      if (this.#unreadable++ === 0) this.#firstMs = arrivalMs
      this.#lastUnreadableMs = arrivalMs
    }
  }

  /** Whether so many frames in a row were unreadable that our keys must be to blame, and the last recovery is long enough ago. */
  isDue(nowMs: number): boolean {
    return this.#unreadable >= failureTolerance && this.#lastUnreadableMs - this.#firstMs >= leastStretchMs &&
      nowMs - this.#lastMs >= this.#intervalMs
  }

  /** Waits twice as long with the next one: a member who sends rubbish must not make us leave and come back for ever. */
  backOff(): void {
    this.#intervalMs = Math.min(maxIntervalMs, this.#intervalMs * 2)
  }

  /** Begins a recovery; false if there have been too many. */
  begin(nowMs: number): boolean {
    if (++this.#inRow > maxRecoveries) return false
    this.#lastMs = nowMs
    return true
  }

  /** There is a group again. */
  joined(): void {
    this.#unreadable = 0
    this.#inRow = 0
  }
}
