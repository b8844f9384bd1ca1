/**
 * The frames of a mix, in the ring that the driver reads: complete units are encoded, each with the beginning of the next
 * (`UnitEncoder`). What nobody has heard yet can be made again without some of the inputs.
 *
 * @since 0.1.0
 */
import type { EncoderSettings } from "../OpusEncoder.ts"
import type * as FrameRing from "../ring/FrameRing.ts"
import { unit } from "./Input.ts"
import { Kept } from "./Kept.ts"
import type { UnitEncoder } from "./UnitEncoder.ts"

/** How many units of what was heard before are given to an encoder. */
const historyUnits = 5

/**
 * @category models
 * @since 0.1.0
 */
export class Output {
  /** What the inputs contribute to the unit that is being made. */
  readonly kept: Kept
  readonly #encoder: UnitEncoder
  #ring: FrameRing.FrameRing
  #units = 0
  #hasBegun = false
  #isEnded = false
  /** The frames that are not predicted: what came before them here is not what the listener has heard. */
  #unpredicted: ReadonlyArray<number> = [0]

  /** Up to `aheadMs` of it may have been made before it is heard: each ring has room for that, and for the last frame. */
  constructor(encoder: UnitEncoder, ring: FrameRing.FrameRing, aheadMs: number) {
    this.#encoder = encoder
    this.#ring = ring
    this.kept = new Kept(Math.ceil(aheadMs / 20) + 2 + historyUnits, -historyUnits)
  }

  get hasBegun(): boolean {
    return this.#hasBegun
  }

  /** Whether no more units follow. */
  get isEnded(): boolean {
    return this.#isEnded
  }

  /** The number of units that were made. The frame of the last one is not encoded yet. */
  get units(): number {
    return this.#units
  }

  /** The samples of what follows in each channel that the last frame takes. */
  get lookahead(): number {
    return this.#encoder.lookahead
  }

  /** What the driver has not taken yet, in milliseconds. */
  bufferedMs(): number {
    return this.#ring.bufferedMs()
  }

  configure(settings: EncoderSettings): void {
    this.#encoder.configure(settings)
  }

  /** Gives the encoder what was heard before, in pieces of any length. */
  begin(history: ReadonlyArray<Float32Array>): void {
    this.#hasBegun = true
    const samples = history.reduce((sum, { length }) => sum + length, 0)
    const before = new Float32Array(historyUnits * unit * 2)
    let at = before.length - samples
    for (const piece of history) {
      const skipped = Math.max(0, -at)
      before.set(piece.subarray(skipped), at + skipped)
      at += piece.length
    }
    for (let i = 0; i < historyUnits; i++) {
      this.kept.begin()
      if (samples === 0) continue
      this.kept.put(before.subarray(i * unit * 2, (i + 1) * unit * 2))
      this.kept.sum(i - historyUnits, this.#encoder.current)
      if (i > 0) this.#encode(i - 1 - historyUnits)
      this.#encoder.advance()
    }
  }

  /** The unit that was begun last in {@link kept} is complete: encodes the frame of the one before it. */
  advance(): void {
    this.kept.sum(this.#units, this.#encoder.current)
    this.#units++
    const frame = this.#encode(this.#units - 2)
    // what was given before the first unit is not heard
    if (this.#units > 1) this.#write(frame)
    this.#encoder.advance()
  }

  /** Makes the frames from `from` on again, without some inputs, for a ring that follows the previous one at that frame. */
  cut(inputs: ReadonlyArray<number>, from: number, ring: FrameRing.FrameRing): void {
    // a reader that has not learned of the next one does not wait for more of this one
    this.#ring.end()
    this.#ring = ring
    this.kept.cut(inputs, from)
    if (!this.#hasBegun) return
    this.#unpredicted = [...this.#unpredicted.filter((at) => at >= from - historyUnits && at < from), from, from + 1]
    // the last unit is encoded with the next one
    const end = this.#isEnded ? this.#units : this.#units - 1
    this.kept.sum(from - historyUnits, this.#encoder.current)
    this.#encoder.advance()
    for (let at = from - historyUnits; at < end; at++) {
      this.kept.sum(at + 1, this.#encoder.current)
      const frame = this.#encode(at)
      if (at >= from) this.#write(frame)
      this.#encoder.advance()
    }
    if (this.#isEnded) this.#ring.end()
  }

  /** Makes the frame of the last unit, and no more. `next` is the beginning of what follows. */
  end(next: Float32Array): void {
    this.kept.begin()
    this.kept.put(next)
    this.kept.sum(this.#units, this.#encoder.current)
    this.#write(this.#encode(this.#units - 1))
    this.#isEnded = true
    this.#ring.end()
  }

  /** It cannot continue. What is in the ring can still be heard. */
  abandon(): void {
    this.#isEnded = true
  }

  free(): void {
    this.#encoder.free()
  }

  /** Encodes the frame of a unit after which the next one was made. */
  #encode(number: number): Uint8Array {
    return this.#encoder.encode(!this.#unpredicted.includes(number))
  }

  #write(frame: Uint8Array): void {
    this.#ring.write(frame, unit)
  }
}
