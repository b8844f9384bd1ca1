/**
 * Swings the level.
 *
 * @since 0.1.0
 */
import { Lfo } from "./Lfo.ts"
import type { Processor } from "./Processor.ts"

/**
 * @category models
 * @since 0.1.0
 */
export class Tremolo implements Processor {
  readonly tail = 0
  readonly #lfo: Lfo
  readonly #half: number

  constructor({ depth, hz }: { readonly hz: number; readonly depth: number }) {
    this.#lfo = new Lfo(hz)
    this.#half = depth / 2
  }

  adopt(former: Processor): void {
    if (former instanceof Tremolo) this.#lfo.adopt(former.#lfo)
  }

  process(samples: Float32Array, from: number, to: number): void {
    const lfo = this.#lfo
    const half = this.#half
    for (let i = from * 2; i < to * 2; i += 2) {
      const gain = 1 - half * (1 - lfo.cosine)
      samples[i] = (samples[i] ?? 0) * gain
      samples[i + 1] = (samples[i + 1] ?? 0) * gain
      lfo.step()
    }
    lfo.settle()
  }
}
