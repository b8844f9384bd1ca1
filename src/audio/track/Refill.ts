/**
 * What a source gives once its track has run dry, held back until there is enough to go on: a source that is slower than time would
 * be heard a piece at a time otherwise.
 *
 * @since 0.1.0
 */
import type { Media } from "../player/Seat.ts"
import type { Batch } from "./Batch.ts"

/** @internal */
export interface Refill {
  /** What is to be written, of what was held back and what has come: nothing, while that is not enough. */
  readonly put: (batch: Batch) => ReadonlyArray<Batch>
  /** The next of what was held back, where nothing more comes that could be waited for. */
  readonly next: () => Batch | undefined
  /** Media time that is held back, in milliseconds. */
  readonly heldMs: () => number
}

/**
 * `wantedMs`: media time to wait for, in milliseconds; 0 for none.
 *
 * @internal
 */
export const make = (ring: Pick<Media["ring"], "isStarving" | "recover">, wantedMs: () => number): Refill =>
  new Holding(ring, wantedMs)

class Holding implements Refill {
  readonly #ring: Pick<Media["ring"], "isStarving" | "recover">
  readonly #wantedMs: () => number
  #held: Array<Batch> = []
  #heldMs = 0

  constructor(ring: Pick<Media["ring"], "isStarving" | "recover">, wantedMs: () => number) {
    this.#ring = ring
    this.#wantedMs = wantedMs
  }

  put(batch: Batch): ReadonlyArray<Batch> {
    if (!this.#ring.isStarving()) return [batch]
    const ms = batch.samples() / 48
    // what can never be written ends the track, and that is not to be waited for
    if (batch.isValid() && this.#heldMs + ms < this.#wantedMs()) {
      this.#held.push(batch.kept())
      this.#heldMs += ms
      return none
    }
    const ready = [...this.#held, batch]
    this.#forget()
    return ready
  }

  next(): Batch | undefined {
    const batch = this.#held.shift()
    if (this.#held.length === 0) this.#forget()
    else this.#heldMs -= (batch?.samples() ?? 0) / 48
    return batch
  }

  heldMs(): number {
    return this.#heldMs
  }

  #forget(): void {
    this.#held = []
    this.#heldMs = 0
    this.#ring.recover()
  }
}

const none: ReadonlyArray<never> = []
