/**
 * Moves the sound around the listener.
 *
 * @since 0.1.0
 */
import { Lfo } from "./Lfo.ts"
import type { Processor } from "./Processor.ts"

/**
 * @category models
 * @since 0.1.0
 */
export class Rotation implements Processor {
  readonly tail = 0
  readonly #lfo: Lfo

  constructor({ hz }: { readonly hz: number }) {
    this.#lfo = new Lfo(hz)
  }

  adopt(former: Processor): void {
    if (former instanceof Rotation) this.#lfo.adopt(former.#lfo)
  }

  process(samples: Float32Array, from: number, to: number): void {
    const lfo = this.#lfo
    for (let i = from * 2; i < to * 2; i += 2) {
      // rounding may leave slightly less than zero
      samples[i] = (samples[i] ?? 0) * Math.sqrt(Math.max(0, (1 + lfo.sine) / 2))
      samples[i + 1] = (samples[i + 1] ?? 0) * Math.sqrt(Math.max(0, (1 - lfo.sine) / 2))
      lfo.step()
    }
    lfo.settle()
  }
}
