/**
 * Remembers which frames of a sender have been decrypted recently: a repetition of one can never be decrypted, so it should not
 * wait.
 *
 * @since 0.1.0
 */
import type { Ssrc } from "../../protocol/Identifier.ts"

interface Numbered {
  readonly ssrc: Ssrc
  readonly sequence: number
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Repeats {
  readonly note: (packet: Numbered) => void
  readonly has: (packet: Numbered) => boolean
}

/** The number of sequence numbers that are remembered per sender. A power of two. */
const remembered = 64
const senders = 256

class Recent implements Repeats {
  readonly #read = new Map<Ssrc, Int32Array>()

  note({ sequence, ssrc }: Numbered): void {
    let numbers = this.#read.get(ssrc)
    if (numbers === undefined) {
      numbers = new Int32Array(remembered).fill(-1)
      this.#read.set(ssrc, numbers)
      const [oldest] = this.#read.keys()
      if (this.#read.size > senders && oldest !== undefined) this.#read.delete(oldest)
    }
    numbers[sequence & (remembered - 1)] = sequence
  }

  has({ sequence, ssrc }: Numbered): boolean {
    return this.#read.get(ssrc)?.[sequence & (remembered - 1)] === sequence
  }
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (): Repeats => new Recent()
