/**
 * Removes what is the same on both sides, except for a band.
 *
 * @since 0.1.0
 */
import * as Biquads from "./Biquads.ts"
import { type Processor, settled } from "./Processor.ts"

/**
 * @category models
 * @since 0.1.0
 */
export class Karaoke implements Processor {
  readonly tail: number
  readonly #level: number
  readonly #monoLevel: number
  readonly #section: Biquads.Section
  #state1 = 0
  #state2 = 0

  constructor({ hz, level, monoLevel, width }: {
    readonly level: number
    readonly monoLevel: number
    readonly hz: number
    readonly width: number
  }) {
    this.#level = level
    this.#monoLevel = monoLevel
    this.#section = Biquads.band(hz, hz / width)
    this.tail = Biquads.ringing(this.#section)
  }

  adopt(former: Processor): void {
    if (!(former instanceof Karaoke)) return
    this.#state1 = former.#state1
    this.#state2 = Biquads.carried(former.#state1, former.#state2, former.#section, this.#section)
  }

  process(samples: Float32Array, from: number, to: number): void {
    const [b0, b1, b2, a1, a2] = this.#section
    let state1 = this.#state1
    let state2 = this.#state2
    for (let i = from * 2; i < to * 2; i += 2) {
      const left = samples[i] ?? 0
      const right = samples[i + 1] ?? 0
      const middle = (left + right) / 2
      const band = b0 * middle + state1
      state1 = b1 * middle - a1 * band + state2
      state2 = b2 * middle - a2 * band
      const taken = this.#level * (middle - this.#monoLevel * band)
      samples[i] = left - taken
      samples[i + 1] = right - taken
    }
    this.#state1 = settled(state1)
    this.#state2 = settled(state2)
  }
}
