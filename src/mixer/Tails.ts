/**
 * What the effects of inputs still sound after these have ended: an echo does not end with its track.
 *
 * @since 0.1.0
 */
import type { Input } from "./Input.ts"
import type { Kept } from "./Kept.ts"

/**
 * @category models
 * @since 0.1.0
 */
export class Tails {
  readonly #inputs = new Map<number, Input>()

  get isEmpty(): boolean {
    return this.#inputs.size === 0
  }

  /** Adds an input that has ended, if its effects still sound. */
  add(input: Input): void {
    if (input.isRinging) this.#inputs.set(input.id, input)
  }

  get(input: number): Input | undefined {
    return this.#inputs.get(input)
  }

  remove(input: number): void {
    this.#inputs.delete(input)
  }

  /** Writes them into the unit that was begun last, with the ducking gain. */
  render(kept: Kept, duckFrom: number, duckTo: number): void {
    for (const input of this.#inputs.values()) {
      const part = kept.part(input.id)
      if (input.duck === undefined) input.ring(part, duckFrom, duckTo)
      else input.ring(part, 1, 1)
      kept.level(input.level)
      if (!input.isRinging) this.#inputs.delete(input.id)
    }
  }
}
