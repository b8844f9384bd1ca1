/**
 * A gain that moves from one value to another, sample by sample, so that a change of level does not click.
 *
 * @since 0.1.0
 */

/**
 * `linear` changes the amplitude evenly. `power` is for a crossfade: the sum of the two powers stays the same.
 *
 * @category models
 * @since 0.1.0
 */
export type Curve = "linear" | "power"

/**
 * @category models
 * @since 0.1.0
 */
export class Ramp {
  #from: number
  #to: number
  #done = 0
  #samples = 0
  #curve: Curve = "linear"

  constructor(gain: number) {
    this.#from = gain
    this.#to = gain
  }

  get target(): number {
    return this.#to
  }

  /** The current gain. */
  get value(): number {
    return this.#at(this.#done)
  }

  get isSettled(): boolean {
    return this.#done >= this.#samples
  }

  /** Moves to a gain from the current one, within some samples. */
  to(gain: number, samples: number, curve: Curve): void {
    this.#from = this.value
    this.#to = gain
    this.#done = 0
    this.#samples = Math.max(0, Math.round(samples))
    this.#curve = curve
  }

  /** Multiplies `count` gains, starting at index `at`, by its own, and advances. */
  apply(gains: Float32Array, at: number, count: number): void {
    let i = 0
    for (; i < count && this.#done < this.#samples; i++) {
      gains[at + i] = (gains[at + i] ?? 0) * this.#at(++this.#done)
    }
    if (this.#to === 1) return
    for (; i < count; i++) gains[at + i] = (gains[at + i] ?? 0) * this.#to
  }

  #at(done: number): number {
    if (done >= this.#samples) return this.#to
    const part = done / this.#samples
    if (this.#curve === "linear") return this.#from + (this.#to - this.#from) * part
    const sine = Math.sin((part * Math.PI) / 2)
    const from = this.#from * this.#from
    return Math.sqrt(from + (this.#to * this.#to - from) * sine * sine)
  }
}
