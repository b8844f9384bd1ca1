/**
 * Plays raw PCM: cuts it into frames, whatever the pieces it comes in, and has them encoded.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { type EncoderOptions, OpusEncoder } from "../OpusEncoder.ts"
import type { VoiceError } from "../VoiceError.ts"
import type { OpenOpus, OpusFrame } from "./AudioSource.ts"
import * as ByteSource from "./ByteSource.ts"
import * as FrameSource from "./FrameSource.ts"

/**
 * Interleaved signed 16-bit samples: as numbers, or as bytes, the lower one first.
 *
 * @category models
 * @since 0.1.0
 */
export type Pcm = Int16Array | Uint8Array

/**
 * @category models
 * @since 0.1.0
 */
export interface PcmOptions {
  readonly channels: 1 | 2
  /** Samples a second in each channel. This version takes 48000. */
  readonly rate: number
  /** Default "pcm". */
  readonly name?: string | undefined
  /** Milliseconds of a frame. Default 20. */
  readonly frameMs?: 2.5 | 5 | 10 | 20 | 40 | 60 | undefined
  /** For the encoder; the channels are those of the PCM. */
  readonly encoder?: Omit<EncoderOptions, "channels"> | undefined
}

/** What one pull encodes: at 20 ms some 0.8 ms of work, so that a pull never holds up the beat. */
const framesAtOnce = 5

const isPcm = (value: unknown): value is Pcm => value instanceof Int16Array || value instanceof Uint8Array

/**
 * Makes an encoder, which is freed with the scope, and starts to read.
 *
 * @category constructors
 * @since 0.1.0
 */
export const open = <E, R>(
  pcm: Pcm | Iterable<Pcm> | Stream.Stream<Pcm, E, R>,
  name: string,
  options: PcmOptions
): Effect.Effect<OpenOpus, VoiceError, R | OpusEncoder | Scope.Scope> =>
  Effect.gen(function*() {
    const { channels, rate } = options
    if (rate !== 48_000) {
      return yield* ByteSource.failure(
        name,
        "Unsupported",
        `PCM at ${rate} Hz needs a resampler, which this version has not; give 48000 Hz`
      )
    }
    if (channels !== 1 && channels !== 2) {
      return yield* ByteSource.failure(
        name,
        "Unsupported",
        `PCM of ${String(channels)} channels needs a downmix, which this version has not`
      )
    }
    const encoder = yield* (yield* OpusEncoder).make({ ...options.encoder, channels })
    const next = isPcm(pcm)
      ? FrameSource.pullIterable([pcm], 1, name)
      : Stream.isStream(pcm)
      ? yield* FrameSource.pullStream(pcm, name)
      : FrameSource.pullIterable(pcm, 1, name)

    const samples = 48 * (options.frameMs ?? 20)
    const frame = new Int16Array(samples * channels)
    let filled = 0
    let pieces: ReadonlyArray<Pcm> = []
    let piece = 0
    let offset = 0
    let oddByte = -1
    let cutSample = false
    let ended = false
    let playedSamples = 0

    /** Fills the frame from the pieces at hand; whether it is full. */
    const fill = (): boolean => {
      while (filled < frame.length) {
        const current = pieces[piece]
        if (current === undefined) return false
        if (current instanceof Int16Array) fillFromSamples(current)
        else fillFromBytes(current)
        if (offset >= current.length) {
          piece++
          offset = 0
        }
      }
      return true
    }

    const fillFromSamples = (current: Int16Array): void => {
      const count = Math.min(frame.length - filled, current.length - offset)
      frame.set(current.subarray(offset, offset + count), filled)
      filled += count
      offset += count
    }

    const fillFromBytes = (current: Uint8Array): void => {
      while (filled < frame.length && offset < current.length) {
        const byte = current[offset++] ?? 0
        if (oddByte < 0) {
          oddByte = byte
        } else {
          frame[filled++] = (byte << 8) | oddByte
          oddByte = -1
        }
      }
    }

    const encode = Effect.map(Effect.suspend(() => encoder.encode(frame)), (data): OpusFrame => {
      filled = 0
      playedSamples += samples
      return { data, samples }
    })

    const more = Effect.catch(
      Effect.flatMap(next, (items) => {
        // a caller without types can hand in anything that is iterable, such as a Float32Array
        if (!items.every(isPcm)) {
          return ByteSource.failure(
            name,
            "Unsupported",
            "PCM is signed 16-bit: an Int16Array, or its bytes as a Uint8Array",
            playedSamples / 48
          )
        }
        pieces = items
        piece = 0
        offset = 0
        return Effect.void
      }),
      (error) => {
        if (!Cause.isDone(error)) return Effect.fail(error)
        ended = true
        return Effect.void
      }
    )

    const pull: OpenOpus["pull"] = Effect.gen(function*() {
      const frames: Array<OpusFrame> = []
      while (frames.length < framesAtOnce) {
        if (fill()) {
          frames.push(yield* encode)
        } else if (frames.length > 0) {
          return frames
        } else if (!ended) {
          yield* more
        } else if (filled > 0) {
          cutSample = filled % channels !== 0
          frame.fill(0, filled)
          frames.push(yield* encode)
          return frames
        } else if (oddByte >= 0 || cutSample) {
          return yield* ByteSource.failure(name, "Truncated", "it ends inside a sample", playedSamples / 48)
        } else {
          return yield* Cause.done()
        }
      }
      return frames
    })

    const durationMs = isPcm(pcm) ? (pcm.byteLength / (2 * channels)) / 48 : undefined
    return { format: "opus", channels, durationMs, tags: {}, pull }
  })
