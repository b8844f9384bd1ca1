/**
 * Distorts the waves.
 *
 * @since 0.1.0
 */
import { amplitude, type Processor } from "./Processor.ts"

/**
 * @category models
 * @since 0.1.0
 */
export class Distortion implements Processor {
  readonly tail = 0
  readonly #drive: number
  readonly #wet: number
  readonly #dry: number

  constructor({ driveDb, mix }: { readonly driveDb: number; readonly mix: number }) {
    this.#drive = amplitude(driveDb)
    // full scale stays there
    this.#wet = mix / Math.tanh(this.#drive)
    this.#dry = 1 - mix
  }

  process(samples: Float32Array, from: number, to: number): void {
    for (let i = from * 2; i < to * 2; i++) {
      const value = samples[i] ?? 0
      samples[i] = this.#dry * value + this.#wet * Math.tanh(this.#drive * value)
    }
  }
}
