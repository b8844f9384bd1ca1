/**
 * Encodes units of 20 ms so that each frame sounds like its unit. A decoder returns what an encoder is given some samples
 * later (its lookahead). So the encoder is given the end of one unit and the beginning of the next, and a frame can be made
 * when its successor is known.
 *
 * @since 0.1.0
 */
import type { FloatEncoder } from "../codec/FloatCodec.ts"
import type { EncoderSettings } from "../OpusEncoder.ts"
import { unit } from "./Input.ts"

/**
 * @category models
 * @since 0.1.0
 */
export class UnitEncoder {
  readonly #encoder: FloatEncoder
  #former = new Float32Array(unit * 2)
  #current = new Float32Array(unit * 2)
  readonly #block = new Float32Array(unit * 2)
  #isPredicting = true

  constructor(encoder: FloatEncoder) {
    this.#encoder = encoder
  }

  /** The samples of the next unit in each channel that a frame takes. */
  get lookahead(): number {
    return this.#encoder.lookahead
  }

  /** Where the next unit is to be written; it contains older samples. */
  get current(): Float32Array {
    return this.#current
  }

  /**
   * Encodes the frame of the unit before the one in `current`. A frame that is not predicted can be decoded after whatever
   * came before it.
   */
  encode(isPredicted: boolean): Uint8Array {
    if (isPredicted !== this.#isPredicting) this.#encoder.setPrediction(isPredicted)
    this.#isPredicting = isPredicted
    const skipped = this.#encoder.lookahead * 2
    this.#block.set(this.#former.subarray(skipped))
    this.#block.set(this.#current.subarray(0, skipped), this.#former.length - skipped)
    return this.#encoder.encode(this.#block)
  }

  /** Advances to the next unit: the one in `current` becomes the one before. */
  advance(): void {
    const done = this.#former
    this.#former = this.#current
    this.#current = done
  }

  configure(settings: EncoderSettings): void {
    this.#encoder.configure(settings)
  }

  free(): void {
    this.#encoder.free()
  }
}
