/**
 * Holds back what a source gives after its track has run dry, until there is enough to resume. A source that is slower than
 * real time would otherwise be heard one piece at a time.
 *
 * @since 0.1.0
 */
import type { Media } from "../player/Seat.ts"
import type { Batch } from "./Batch.ts"

/** @internal */
export interface Refill {
  /** Returns what is to be written, of what was held back and what has arrived: nothing until that is enough. */
  readonly put: (batch: Batch) => ReadonlyArray<Batch>
  /** Returns the next piece that was held back, if nothing more will come that could be waited for. */
  readonly next: () => Batch | undefined
  /** The media time that is held back, in milliseconds. */
  readonly heldMs: () => number
}

/**
 * Makes a refill. `wantedMs`: the media time to wait for, in milliseconds; 0 for none.
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
    // a batch that can never be written ends the track, and is not waited for
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
