/**
 * A slow oscillation: a sine that is rotated from sample to sample instead of being computed.
 *
 * @since 0.1.0
 */
import { rate } from "./Processor.ts"

/**
 * @category models
 * @since 0.1.0
 */
export class Lfo {
  /** Sine and cosine of the phase: 0 and 1 at first. */
  sine = 0
  cosine = 1
  readonly #stepSine: number
  readonly #stepCosine: number

  constructor(hz: number) {
    this.#stepSine = Math.sin((2 * Math.PI * hz) / rate)
    this.#stepCosine = Math.cos((2 * Math.PI * hz) / rate)
  }

  /** Advances by one sample. */
  step(): void {
    const sine = this.sine * this.#stepCosine + this.cosine * this.#stepSine
    this.cosine = this.cosine * this.#stepCosine - this.sine * this.#stepSine
    this.sine = sine
  }

  /** Corrects accumulated rounding errors. To be called now and then. */
  settle(): void {
    const correction = (3 - (this.sine * this.sine + this.cosine * this.cosine)) / 2
    this.sine *= correction
    this.cosine *= correction
  }

  adopt(former: Lfo): void {
    this.sine = former.sine
    this.cosine = former.cosine
  }
}
