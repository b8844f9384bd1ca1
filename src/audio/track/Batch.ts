/**
 * The frames or samples of one pull from a source, on their way into a ring.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as PcmRing from "../../mixer/PcmRing.ts"
import * as FrameRing from "../../ring/FrameRing.ts"
import type { VoiceError } from "../../VoiceError.ts"
import type { OpenSource, OpusFrame } from "../OpenSource.ts"
import type { Media } from "../player/Seat.ts"

/**
 * A batch. It is consumed from its start: what was skipped or written is gone.
 *
 * @internal
 */
export interface Batch {
  /** Whether nothing of it is left. */
  readonly isOver: () => boolean
  /**
   * Skips samples, as far as it has them. Returns how many are still to be skipped; less than a frame if the batch is not
   * over.
   */
  readonly skip: (samples: number) => number
  /** The number of samples per channel that are left. */
  readonly samples: () => number
  /** Keeps only what ends within this many samples. */
  readonly limit: (samples: number) => void
  /** Writes as much as there is room for. */
  readonly write: () => void
  /** Whether all of it can be written, given time. */
  readonly isValid: () => boolean
  /** A copy of the rest that lasts for as long as needed: the source may reuse the memory. */
  readonly kept: () => Batch
  /** Why the next item can never be written. */
  readonly problem: () => string | undefined
}

/** 120 ms. */
const longestSamples = 5_760

const fits = (frame: OpusFrame): boolean =>
  frame.data.length <= FrameRing.maxFrameBytes && frame.samples % FrameRing.unitSamples === 0 &&
  frame.samples > 0 && frame.samples <= longestSamples

/** @internal */
export class OpusBatch implements Batch {
  readonly #ring: FrameRing.FrameRing
  readonly #bufferMs: number
  #frames: ReadonlyArray<OpusFrame>
  #at = 0

  constructor(ring: FrameRing.FrameRing, bufferMs: number, frames: ReadonlyArray<OpusFrame>) {
    this.#ring = ring
    this.#bufferMs = bufferMs
    this.#frames = frames
  }

  isOver(): boolean {
    return this.#at >= this.#frames.length
  }

  skip(samples: number): number {
    let left = samples
    for (
      let frame = this.#frames[this.#at];
      frame !== undefined && left >= frame.samples;
      frame = this.#frames[this.#at]
    ) {
      left -= frame.samples
      this.#at++
    }
    return left
  }

  samples(): number {
    let samples = 0
    for (let at = this.#at; at < this.#frames.length; at++) samples += this.#frames[at]?.samples ?? 0
    return samples
  }

  limit(samples: number): void {
    let at = this.#at
    for (let left = samples - (this.#frames[at]?.samples ?? 0); at < this.#frames.length && left >= 0;) {
      left -= this.#frames[++at]?.samples ?? 0
    }
    this.#frames = this.#frames.slice(0, at)
  }

  write(): void {
    const frames = this.#frames
    let bufferedMs = this.#ring.bufferedMs()
    for (; this.#at < frames.length && bufferedMs < this.#bufferMs; this.#at++) {
      const frame = frames[this.#at]
      if (frame === undefined) continue
      if (!fits(frame) || !this.#ring.write(frame.data, frame.samples)) break
      bufferedMs += frame.samples / 48
    }
  }

  isValid(): boolean {
    return this.#frames.every(fits)
  }

  kept(): Batch {
    const frames = this.#frames.slice(this.#at).map(({ data, samples }) => ({ data: data.slice(), samples }))
    return new OpusBatch(this.#ring, this.#bufferMs, frames)
  }

  problem(): string | undefined {
    const frame = this.#frames[this.#at]
    return frame === undefined || fits(frame)
      ? undefined
      : `a packet of ${frame.data.length} bytes and ${frame.samples} samples is not valid Opus`
  }
}

/** @internal */
export class PcmBatch implements Batch {
  readonly #ring: PcmRing.PcmRing
  readonly #bufferMs: number
  #samples: Float32Array
  #at = 0

  constructor(ring: PcmRing.PcmRing, bufferMs: number, samples: Float32Array) {
    this.#ring = ring
    this.#bufferMs = bufferMs
    this.#samples = samples
  }

  isOver(): boolean {
    return this.#at >= this.#samples.length
  }

  skip(samples: number): number {
    const skipped = Math.min(samples, this.samples())
    this.#at += skipped * 2
    return samples - skipped
  }

  samples(): number {
    return (this.#samples.length - this.#at) / 2
  }

  limit(samples: number): void {
    this.#samples = this.#samples.subarray(0, this.#at + samples * 2)
  }

  write(): void {
    const samples = this.#samples
    const room = Math.max(0, Math.floor((this.#bufferMs - this.#ring.bufferedMs()) * 48)) * 2
    const given = samples.length - this.#at <= room ? samples : samples.subarray(0, this.#at + room)
    this.#at = this.#ring.write(given, this.#at)
  }

  isValid(): boolean {
    return this.#samples.length % 2 === 0
  }

  kept(): Batch {
    return new PcmBatch(this.#ring, this.#bufferMs, this.#samples.slice(this.#at))
  }

  problem(): string | undefined {
    const { length } = this.#samples
    return length % 2 === 0 ? undefined : `${length} samples cannot belong to two channels`
  }
}

const nextOf = <A>(pull: Effect.Effect<A, VoiceError | Cause.Done>) =>
  Effect.catchIf(pull, Cause.isDone, () => Effect.undefined)

/**
 * The next batch of a source; none after its end. Fails if the ring is for another format.
 *
 * @internal
 */
export const next = (
  opened: OpenSource,
  media: Media,
  bufferMs: number
): Effect.Effect<Batch | undefined, VoiceError> | undefined => {
  if (opened.format === "opus" && media.format === "opus") {
    return Effect.map(
      nextOf(opened.pull),
      (frames) => frames === undefined ? undefined : new OpusBatch(media.ring, bufferMs, frames)
    )
  }
  if (opened.format === "pcm" && media.format === "pcm") {
    return Effect.map(
      nextOf(opened.pull),
      (samples) => samples === undefined ? undefined : new PcmBatch(media.ring, bufferMs, samples)
    )
  }
  return undefined
}
