/**
 * Reduces the difference between soft and loud.
 *
 * @since 0.1.0
 */
import { amplitude, type Processor, rate, settled } from "./Processor.ts"

/** The samples between two computed gains; those in between are interpolated linearly. */
const step = 8

interface Options {
  readonly thresholdDb: number
  readonly ratio: number
  readonly attackMs: number
  readonly releaseMs: number
  readonly makeupDb: number
}

/** The share of a difference that is left after `step` samples. */
const rest = (ms: number): number => Math.exp((-step * 1_000) / (ms * rate))

/**
 * @category models
 * @since 0.1.0
 */
export class Compressor implements Processor {
  readonly tail = 0
  readonly #threshold: number
  readonly #exponent: number
  readonly #attack: number
  readonly #release: number
  readonly #makeup: number
  /** The level that it reacts to, which follows the peaks of both sides. */
  #level = 0
  #gain: number

  constructor({ attackMs, makeupDb, ratio, releaseMs, thresholdDb }: Options) {
    this.#threshold = amplitude(thresholdDb)
    this.#exponent = 1 / ratio - 1
    this.#attack = rest(attackMs)
    this.#release = rest(releaseMs)
    this.#makeup = amplitude(makeupDb)
    this.#gain = this.#makeup
  }

  adopt(former: Processor): void {
    if (!(former instanceof Compressor)) return
    this.#level = former.#level
    this.#gain = this.#gainOf(this.#level)
  }

  process(samples: Float32Array, from: number, to: number): void {
    for (let start = from; start < to; start += step) {
      const end = Math.min(to, start + step)
      let peak = 0
      for (let i = start * 2; i < end * 2; i++) {
        const value = samples[i] ?? 0
        if (value > peak) peak = value
        else if (-value > peak) peak = -value
      }
      const left = peak > this.#level ? this.#attack : this.#release
      this.#level = settled(peak + (this.#level - peak) * left)
      const next = this.#gainOf(this.#level)
      const slope = (next - this.#gain) / (end - start)
      let gain = this.#gain
      for (let i = start * 2; i < end * 2; i += 2) {
        gain += slope
        samples[i] = (samples[i] ?? 0) * gain
        samples[i + 1] = (samples[i + 1] ?? 0) * gain
      }
      this.#gain = next
    }
  }

  #gainOf(level: number): number {
    return level <= this.#threshold ? this.#makeup : this.#makeup * (level / this.#threshold) ** this.#exponent
  }
}
