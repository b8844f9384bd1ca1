/**
 * Repeats the sound after a delay.
 *
 * @since 0.1.0
 */
import { change, type Processor, rate, settled, timesUntilGone } from "./Processor.ts"

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
  /** The samples until the input reaches its level, and the level before that: a step would be repeated as a click. */
  #left = 0
  #soundBefore = 1
  #decayBefore = 0

  constructor({ decay, delayMs, level }: { readonly delayMs: number; readonly level: number; readonly decay: number }) {
    const delay = Math.max(1, Math.round((delayMs * rate) / 1_000))
    this.#line = new Float32Array(delay * 2)
    this.#level = level
    this.#decay = decay
    this.tail = level === 0 ? 0 : delay * timesUntilGone(decay)
  }

  comeIn(): void {
    this.#left = change
    this.#soundBefore = 0
  }

  /** Takes over as much of what is to be repeated as there is room for, the latest first. */
  adopt(former: Processor): void {
    if (!(former instanceof Echo)) return
    const from = former.#line
    const into = this.#line
    const length = Math.min(from.length, into.length)
    // the latest sound is before the oldest
    for (let i = 1; i <= length; i++) {
      into[into.length - i] = from[(former.#at - i + from.length) % from.length] ?? 0
    }
    this.#left = change
    this.#decayBefore = former.#decay
    if (from.length !== into.length) this.#joinNothing(length)
  }

  /** Nothing in the line continues what was before it, or what comes now. */
  #joinNothing(length: number): void {
    const line = this.#line
    const fade = Math.min(change, length / 4)
    for (let i = 0; i < fade * 2; i++) {
      const gain = (i >> 1) / fade
      const [first, last] = [line.length - length + i, line.length - 1 - i]
      line[first] = (line[first] ?? 0) * gain
      line[last] = (line[last] ?? 0) * gain
    }
    this.#soundBefore = 0
    this.#decayBefore = 0
  }

  process(samples: Float32Array, from: number, to: number): void {
    const line = this.#line
    let at = this.#at
    let i = from * 2
    for (; i < to * 2 && this.#left > 0; i++) {
      const value = samples[i] ?? 0
      const before = line[at] ?? 0
      const share = this.#left / change
      const sound = 1 + (this.#soundBefore - 1) * share
      const decay = this.#decay + (this.#decayBefore - this.#decay) * share
      line[at] = settled(sound * value + decay * before)
      samples[i] = value + this.#level * before
      if (++at === line.length) at = 0
      if (i % 2 === 1) this.#left--
    }
    for (; i < to * 2; i++) {
      const value = samples[i] ?? 0
      const before = line[at] ?? 0
      line[at] = settled(value + this.#decay * before)
      samples[i] = value + this.#level * before
      if (++at === line.length) at = 0
    }
    this.#at = at
  }
}
