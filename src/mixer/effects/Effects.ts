/**
 * The effects of an input, which can change from one unit to the next.
 *
 * @since 0.1.0
 */
import { Chain, type Shaping } from "./Chain.ts"
import { change } from "./Processor.ts"

/** The output of the effects before a change. All inputs of a thread share it: one is changed at a time. */
const others = new Float32Array(change * 2)

const empty = new Chain([])

/**
 * @category models
 * @since 0.1.0
 */
export class Effects {
  #chain: Chain
  /** Fades out. */
  #former: Chain | undefined
  /** The samples since the change began. */
  #done = 0
  /** Applied when the change before is over. */
  #next: ReadonlyArray<Shaping> | undefined

  /** `isCutIn`: the first sample is in the middle of something. */
  constructor(effects: ReadonlyArray<Shaping>, isCutIn = false) {
    this.#chain = effects.length === 0 ? empty : new Chain(effects, isCutIn ? empty : undefined)
  }

  /** Whether nothing is changed. */
  get isPlain(): boolean {
    return this.#chain === empty && this.#former === undefined && this.#next === undefined
  }

  /** How long they sound after the last sample, in samples per channel. */
  get tail(): number {
    // what is fading out is gone when the change is over
    if (this.#next !== undefined) return Math.max(new Chain(this.#next).tail, Math.min(change, this.#chain.tail))
    return Math.max(this.#chain.tail, Math.min(change - this.#done, this.#former?.tail ?? 0))
  }

  /** Changes to other effects within 20 ms. */
  set(effects: ReadonlyArray<Shaping>): void {
    if (this.isPlain && effects.length === 0) return
    this.#next = effects
  }

  /** Processes samples of a unit in place, from index `from` of a channel to before `to`. */
  process(samples: Float32Array, from: number, to: number): void {
    if (this.#next !== undefined && this.#former === undefined) {
      this.#former = this.#chain
      this.#chain = this.#next.length === 0 ? empty : new Chain(this.#next, this.#former)
      this.#next = undefined
      this.#done = 0
    }
    const former = this.#former
    if (former === undefined) {
      if (this.#chain !== empty) this.#chain.process(samples, from, to)
      return
    }
    for (let i = from * 2; i < to * 2; i++) others[i] = samples[i] ?? 0
    former.process(others, from, to)
    this.#chain.process(samples, from, to)
    for (let i = from * 2; i < to * 2; i += 2) {
      const share = Math.min(1, ++this.#done / change)
      const left = others[i] ?? 0
      const right = others[i + 1] ?? 0
      samples[i] = left + ((samples[i] ?? 0) - left) * share
      samples[i + 1] = right + ((samples[i + 1] ?? 0) - right) * share
    }
    if (this.#done >= change) this.#former = undefined
  }
}
