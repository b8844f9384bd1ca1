/**
 * A sender's place at the clock.
 *
 * @since 0.1.0
 */
import type { Registration, Sender } from "./Sender.ts"
import { type Entry, noSlot } from "./Wheel.ts"

/**
 * What a place needs from its clock.
 *
 * @category models
 * @since 0.1.0
 */
export interface Keeper {
  readonly schedule: (place: Place, dueMs: number) => void
  readonly align: (place: Place, fromMs: number) => number
  readonly remove: (place: Place) => void
}

/**
 * Used instead of a time.
 *
 * @category constants
 * @since 0.1.0
 */
export const never = -1

/**
 * Used instead of a phase.
 *
 * @category constants
 * @since 0.1.0
 */
export const noPhase = -1

/**
 * A time on the grid of the clock, which has only whole numbers: these are stored without an object of their own.
 *
 * @category arithmetic
 * @since 0.1.0
 */
export const gridOf = (dueMs: number): number => dueMs === Infinity ? never : Math.max(0, Math.ceil(dueMs))

/**
 * One object per sender: what is read for each packet should be close together.
 *
 * @category models
 * @since 0.1.0
 */
export class Place implements Registration, Entry {
  readonly sender: Sender
  /** The millisecond of the grid at which it is due, or {@link never}. */
  due = never
  slot = noSlot
  removed = false
  /** Its phase of the 20 ms grid, or {@link noPhase} until it asks for one. */
  phase = noPhase
  readonly #keeper: Keeper

  constructor(sender: Sender, keeper: Keeper) {
    this.sender = sender
    this.#keeper = keeper
  }

  schedule(dueMs: number): void {
    this.#keeper.schedule(this, dueMs)
  }

  align(fromMs: number): number {
    return this.#keeper.align(this, fromMs)
  }

  remove(): void {
    this.#keeper.remove(this)
  }
}
