/**
 * Swings the pitch: the delay of what is heard increases and decreases.
 *
 * @since 0.1.0
 */
import { Lfo } from "./Lfo.ts"
import type { Processor } from "./Processor.ts"

/** The number of samples that are kept per channel: more than the longest delay. A power of two. */
const kept = 256
const mask = kept - 1

/** Half of the range of the delay at a depth of 1, in samples: 1 ms. */
const reach = 48

/** The curve through four samples needs one ahead. */
const least = 2

/**
 * @category models
 * @since 0.1.0
 */
export class Vibrato implements Processor {
  readonly tail = least + 2 * reach + 2
  readonly #lfo: Lfo
  readonly #reach: number
  readonly #line = new Float32Array(kept * 2)
  #at = 0

  constructor({ depth, hz }: { readonly hz: number; readonly depth: number }) {
    this.#lfo = new Lfo(hz)
    this.#reach = depth * reach
  }

  adopt(former: Processor): void {
    if (!(former instanceof Vibrato)) return
    this.#lfo.adopt(former.#lfo)
    this.#line.set(former.#line)
    this.#at = former.#at
  }

  process(samples: Float32Array, from: number, to: number): void {
    const lfo = this.#lfo
    const line = this.#line
    let at = this.#at
    for (let i = from * 2; i < to * 2; i += 2) {
      line[at * 2] = samples[i] ?? 0
      line[at * 2 + 1] = samples[i + 1] ?? 0
      const delay = least + this.#reach * (1 - lfo.cosine)
      const whole = Math.floor(delay)
      // the position between two samples, the later of which is nearer to now
      const part = delay - whole
      const next = ((at - whole + 1) & mask) * 2
      const later = ((at - whole) & mask) * 2
      const earlier = ((at - whole - 1) & mask) * 2
      const before = ((at - whole - 2) & mask) * 2
      samples[i] = between(line[next] ?? 0, line[later] ?? 0, line[earlier] ?? 0, line[before] ?? 0, part)
      samples[i + 1] = between(
        line[next + 1] ?? 0,
        line[later + 1] ?? 0,
        line[earlier + 1] ?? 0,
        line[before + 1] ?? 0,
        part
      )
      at = (at + 1) & mask
      lfo.step()
    }
    this.#at = at
    lfo.settle()
  }
}

/** A cubic through four samples (Catmull and Rom), from `b` to `c`. */
const between = (a: number, b: number, c: number, d: number, part: number): number =>
  b + 0.5 * part * (c - a + part * (2 * a - 5 * b + 4 * c - d + part * (3 * (b - c) + d - a)))
