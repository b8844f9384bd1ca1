/**
 * What comes back again and again.
 *
 * @since 0.1.0
 */
import { type Processor, rate, settled, timesUntilGone } from "./Processor.ts"

/**
 * @category models
 * @since 0.1.0
 */
export class Echo implements Processor {
  readonly tail: number
  readonly #line: Float32Array
  readonly #level: number
  readonly #decay: number
  /** The oldest sample of both channels. */
  #at = 0

  constructor({ decay, delayMs, level }: { readonly delayMs: number; readonly level: number; readonly decay: number }) {
    const delay = Math.max(1, Math.round((delayMs * rate) / 1_000))
    this.#line = new Float32Array(delay * 2)
    this.#level = level
    this.#decay = decay
    this.tail = level === 0 ? 0 : delay * timesUntilGone(decay)
  }

  /** As much of what is to come back as there is room for, the latest. */
  adopt(former: Processor): void {
    if (!(former instanceof Echo)) return
    const from = former.#line
    const into = this.#line
    const length = Math.min(from.length, into.length)
    // what was heard last is in front of the oldest
    for (let i = 1; i <= length; i++) {
      into[into.length - i] = from[(former.#at - i + from.length) % from.length] ?? 0
    }
    this.#at = 0
  }

  process(samples: Float32Array, from: number, to: number): void {
    const line = this.#line
    let at = this.#at
    for (let i = from * 2; i < to * 2; i++) {
      const value = samples[i] ?? 0
      const before = line[at] ?? 0
      line[at] = settled(value + this.#decay * before)
      samples[i] = value + this.#level * before
      if (++at === line.length) at = 0
    }
    this.#at = at
  }
}
