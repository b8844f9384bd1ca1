/**
 * Mixes the two sides.
 *
 * @since 0.1.0
 */
import type { Processor } from "./Processor.ts"

interface Shares {
  readonly leftToLeft: number
  readonly leftToRight: number
  readonly rightToLeft: number
  readonly rightToRight: number
}

/**
 * @category models
 * @since 0.1.0
 */
export class ChannelMix implements Processor {
  readonly tail = 0
  readonly #shares: Shares

  constructor(shares: Shares) {
    this.#shares = shares
  }

  process(samples: Float32Array, from: number, to: number): void {
    const { leftToLeft, leftToRight, rightToLeft, rightToRight } = this.#shares
    for (let i = from * 2; i < to * 2; i += 2) {
      const left = samples[i] ?? 0
      const right = samples[i + 1] ?? 0
      samples[i] = left * leftToLeft + right * rightToLeft
      samples[i + 1] = left * leftToRight + right * rightToRight
    }
  }
}
