/**
 * Sources that are read once, into memory, as Opus. They can be played any number of times and in many places at once,
 * without being opened, decoded or encoded again.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { EncoderOptions, OpusEncoder } from "../../OpusEncoder.ts"
import type { VoiceError } from "../../VoiceError.ts"
import * as Bounds from "../Bounds.ts"
import * as ByteSource from "../ByteSource.ts"
import type { AudioSource, OpenOpus, OpusFrame } from "../OpenSource.ts"
import * as Encoded from "./Encoded.ts"

/**
 * The options of `preloaded`.
 *
 * @category models
 * @since 0.1.0
 */
export interface PreloadOptions {
  /**
   * The most memory that it may take, in bytes, as counted by {@link PreloadedSource.bytes}; 4 GiB at most. Default 16 MiB,
   * about 17 minutes of music.
   */
  readonly maxBytes?: number | undefined
  /** How to encode a source that is not Opus. */
  readonly encoder?: EncoderOptions | undefined
}

/**
 * A source in memory. The memory is freed when nothing refers to it any more.
 *
 * @category models
 * @since 0.1.0
 */
export interface PreloadedSource extends AudioSource {
  /** The memory that it takes: its packets, and 12 bytes for each. */
  readonly bytes: number
  /** The length of the source in milliseconds. */
  readonly durationMs: number
}

const defaultMaxBytes = 16 * 1024 * 1024

/** The bytes that store where a packet begins, in the bytes and in the sound. */
const indexBytes = 12

/** The positions of packets are kept in 32 bits. */
const mostBytes = 0xffff_ffff

/** The most that one pull gives: a second of frames of 20 ms. */
const batch = 50

/** Packets, stored one after another in one piece of memory. */
interface Packed {
  readonly bytes: Uint8Array
  /** Where each packet begins, and where the last one ends. */
  readonly offsets: Uint32Array
  /** The same in samples at 48 kHz. */
  readonly starts: Float64Array
}

const grown = <A extends Uint8Array | Uint32Array | Float64Array>(
  array: A,
  length: number,
  make: (size: number) => A
): A => {
  if (length <= array.length) return array
  const larger = make(Math.max(length, 2 * array.length))
  larger.set(array)
  return larger
}

/** Collects packets while there is room. */
const packer = (maxBytes: number) => {
  let bytes = new Uint8Array(65_536)
  let offsets = new Uint32Array(1_024)
  let starts = new Float64Array(1_024)
  let count = 0
  const size = () => (offsets[count] ?? 0) + indexBytes * count
  return {
    size,
    /** Adds a packet; returns whether there was room for it. */
    add: ({ data, samples }: OpusFrame): boolean => {
      if (size() + data.length + indexBytes > maxBytes) return false
      const offset = offsets[count] ?? 0
      const start = starts[count] ?? 0
      bytes = grown(bytes, offset + data.length, (length) => new Uint8Array(length))
      offsets = grown(offsets, count + 2, (length) => new Uint32Array(length))
      starts = grown(starts, count + 2, (length) => new Float64Array(length))
      bytes.set(data, offset)
      count++
      offsets[count] = offset + data.length
      starts[count] = start + samples
      return true
    },
    packed: (): Packed => ({
      bytes: bytes.slice(0, offsets[count]),
      offsets: offsets.slice(0, count + 1),
      starts: starts.slice(0, count + 1)
    })
  }
}

/** The index of the packet that contains a sample; after the end, the number of packets. */
const indexOf = (starts: Float64Array, sample: number): number => {
  let low = 0
  let high = starts.length - 1
  while (low < high) {
    const middle = (low + high) >> 1
    if ((starts[middle + 1] ?? 0) > sample) high = middle
    else low = middle + 1
  }
  return low
}

const reader = ({ bytes, offsets, starts }: Packed, speed: number): Pick<OpenOpus, "pull" | "seek"> => {
  const count = offsets.length - 1
  let next = 0
  const frameAt = (index: number): OpusFrame => ({
    data: bytes.subarray(offsets[index], offsets[index + 1]),
    samples: (starts[index + 1] ?? 0) - (starts[index] ?? 0)
  })
  return {
    pull: Effect.suspend(() => {
      if (next >= count) return Cause.done()
      const from = next
      next = Math.min(count, from + batch)
      return Effect.succeed(Array.from({ length: next - from }, (_, i) => frameAt(from + i)))
    }),
    seek: (positionMs) =>
      Effect.sync(() => {
        next = indexOf(starts, Math.max(0, Math.round(positionMs * 48 / speed)))
        return (starts[next] ?? 0) / 48 * speed
      })
  }
}

/**
 * Reads a source to its end, into memory, and returns a source that plays from there: any number of times, also at once and
 * in many sessions, with seek, and without any work other than sending. Opus stays as it is, and anything else is encoded,
 * once. Use it for sound that is heard again and again: a soundboard, announcements, hold music.
 *
 * Fails as the source does. Fails with `SourceFailed`, `TooLarge` as soon as it would take more memory than `maxBytes`, and
 * `Unsupported` if the source is live. Fails with `Unsupported` if `maxBytes` is not a whole number from 1 on.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { AudioSource, type VoiceSession } from "effect-discord-voice"
 *
 * const everywhere = Effect.fnUntraced(function*(sessions: ReadonlyArray<VoiceSession.VoiceSession>) {
 *   const gong = yield* AudioSource.preloaded(AudioSource.fromFile("gong.wav"), { maxBytes: 1_000_000 })
 *   yield* Effect.forEach(sessions, (session) => session.play(gong))
 * })
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const preloaded = Effect.fnUntraced(
  function*<R>(
    source: AudioSource<R>,
    options: PreloadOptions = {}
  ): Effect.fn.Return<PreloadedSource, VoiceError, R | OpusEncoder | Scope.Scope> {
    const { name } = source
    const maxBytes = Math.min(mostBytes, yield* Bounds.count(options.maxBytes ?? defaultMaxBytes, "a `maxBytes`"))
    const opened = yield* source.open
    if (opened.live === true) {
      return yield* ByteSource.failure(
        name,
        "Unsupported",
        "it is live, and only a source that ends can be read into memory"
      )
    }
    const { channels, pull, speed = 1, tags } = yield* Encoded.open(opened, options.encoder ?? {})
    const packets = packer(maxBytes)
    let samples = 0
    while (true) {
      const frames = yield* Effect.catchIf(pull, Cause.isDone, () => Effect.undefined)
      if (frames === undefined) break
      for (const frame of frames) {
        if (!packets.add(frame)) {
          const detail = `it takes more than ${maxBytes} bytes of memory, which is the maximum`
          return yield* ByteSource.failure(name, "TooLarge", detail, { positionMs: samples / 48 * speed })
        }
        samples += frame.samples
      }
    }
    const packed = packets.packed()
    const durationMs = samples / 48 * speed
    return {
      name,
      bytes: packets.size(),
      durationMs,
      open: Effect.sync(() => ({ format: "opus", channels, durationMs, tags, speed, ...reader(packed, speed) }))
    }
  },
  Effect.scoped
)
