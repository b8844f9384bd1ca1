/**
 * Decides when to ask to be added to the group again, and when to give up, based on encrypted frames that cannot be decrypted,
 * and commits and Welcomes that cannot be used. Plain code.
 *
 * @since 0.1.0
 */
import type { Ssrc } from "../../protocol/Identifier.ts"

/**
 * The number of consecutive undecryptable frames after which we ask to be added to the group again: 0.72 s of one speaker.
 *
 * @category constants
 * @since 0.1.0
 */
export const failureTolerance = 36

/**
 * The number of recoveries without a resulting group after which we give up.
 *
 * @category constants
 * @since 0.1.0
 */
export const maxRecoveries = 5

/**
 * The minimum time, in milliseconds, over which they have to arrive: a burst of one member says nothing about our keys. If
 * several members speak, 36 frames take less time.
 */
const leastStretchMs = 500

/** The minimum time between a recovery and one because of undecryptable frames. */
const intervalMs = 10_000
const maxIntervalMs = 300_000

/**
 * @category models
 * @since 0.1.0
 */
export class E2eeRecovery {
  #unreadable = 0
  /** When the first and the last of them arrived. */
  #firstMs = 0
  #lastUnreadableMs = 0
  #lastUnreadable: Ssrc | undefined = undefined
  /** Whose frame made the last recovery due. */
  #cause: Ssrc | undefined = undefined
  /** When the last frame arrived that was decrypted. */
  #readMs = -Infinity
  #inRow = 0
  #lastMs = -Infinity
  #intervalMs = intervalMs

  /**
   * An encrypted frame was decrypted, or could not be. That it cannot be is known only after it has waited for another key, and
   * counts at its arrival: if a later frame was decrypted, our keys are right.
   */
  onDecrypted(isReadable: boolean, arrivalMs: number, ssrc: Ssrc): void {
    if (isReadable) {
      this.#unreadable = 0
      this.#readMs = Math.max(this.#readMs, arrivalMs)
      // that others can be read does not mean that it has helped
      if (ssrc === this.#cause) this.#intervalMs = intervalMs
    } else if (arrivalMs > this.#readMs) {
      if (this.#unreadable++ === 0) this.#firstMs = arrivalMs
      this.#lastUnreadableMs = arrivalMs
      this.#lastUnreadable = ssrc
    }
  }

  /**
   * Whether so many consecutive frames were undecryptable that our keys must be wrong, and the last recovery is long enough
   * ago.
   */
  isDue(nowMs: number): boolean {
    return this.#unreadable >= failureTolerance && this.#lastUnreadableMs - this.#firstMs >= leastStretchMs &&
      nowMs - this.#lastMs >= this.#intervalMs
  }

  /** Waits twice as long before the next one: a member who sends garbage must not make us leave and return forever. */
  backOff(): void {
    this.#intervalMs = Math.min(maxIntervalMs, this.#intervalMs * 2)
    this.#cause = this.#lastUnreadable
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
