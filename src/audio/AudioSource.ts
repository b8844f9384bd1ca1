/**
 * What can be played. A source describes audio; it is opened in a scope and then gives Opus frames, as many at a time as
 * it likes. Opus that comes from a container is passed through untouched.
 *
 * @since 0.1.0
 */
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import * as Path from "node:path"
import type { OpusEncoder } from "../OpusEncoder.ts"
import type { VoiceError } from "../VoiceError.ts"
import * as ByteSource from "./ByteSource.ts"
import * as FrameSource from "./FrameSource.ts"
import * as Container from "./Container.ts"
import * as PcmSource from "./PcmSource.ts"

/**
 * One Opus packet, ready to be sent. `samples` is its duration at 48 kHz, 120 to 5760 (2.5 to 120 ms).
 *
 * @category models
 * @since 0.1.0
 */
export interface OpusFrame {
  readonly data: Uint8Array
  readonly samples: number
}

/**
 * What a source says of itself: title, artist, album and whatever else its container tells, by lower-case name.
 *
 * @category models
 * @since 0.1.0
 */
export type Tags = Readonly<Record<string, string>>

interface OpenBase {
  /** Milliseconds, where it is known before the end. */
  readonly durationMs: number | undefined
  readonly tags: Tags
  /**
   * Goes to a place, in milliseconds of the source; left out by a source that cannot. What is pulled next holds that place.
   * Gives where that begins: at the place itself for PCM, and at the frame that holds it for Opus.
   */
  readonly seek?: ((positionMs: number) => Effect.Effect<number, VoiceError>) | undefined
  /**
   * It has no end and comes as it happens: what is not taken in time is lost, and there is nothing to read ahead. Default
   * false.
   */
  readonly live?: boolean | undefined
}

/**
 * A source of Opus that is open; its packets can be passed through untouched. `pull` gives the next frames (never none) and
 * ends with `Cause.Done`; it fails with `SourceFailed`.
 *
 * @category models
 * @since 0.1.0
 */
export interface OpenOpus extends OpenBase {
  readonly format: "opus"
  readonly channels: 1 | 2
  readonly pull: Effect.Effect<ReadonlyArray<OpusFrame>, VoiceError | Cause.Done>
}

/**
 * A source of PCM that is open: whatever it was, it is 48 kHz in two channels here. `pull` gives the next samples, left and
 * right in turn, 1.0 at full scale; never none, some 100 ms at most, and the array is the caller's. It ends with `Cause.Done`
 * and fails with `SourceFailed`.
 *
 * @category models
 * @since 0.1.0
 */
export interface OpenPcm extends OpenBase {
  readonly format: "pcm"
  readonly pull: Effect.Effect<Float32Array, VoiceError | Cause.Done>
}

/**
 * @category models
 * @since 0.1.0
 */
export type OpenSource = OpenOpus | OpenPcm

/**
 * Something to play. It can be opened many times, also at the same time.
 *
 * @category models
 * @since 0.1.0
 */
export interface AudioSource<out R = never> {
  /** For messages and displays: a file name, or what the source is. */
  readonly name: string
  readonly open: Effect.Effect<OpenSource, VoiceError, R | Scope.Scope>
}

/**
 * Opus in Ogg, WebM or Matroska from a file, which is read piece by piece and closed with the scope of whoever opened it.
 * The packets are passed through untouched; pre-skip and end trimming, which are for a decoder, are not applied.
 *
 * Opening fails with `SourceFailed`: `NotFound`, `Unreadable` (a directory, no permission), `Empty`, `UnknownFormat`,
 * `Unsupported` (another codec or container; more than two channels; an output gain), `Corrupt` or `Truncated` (in the
 * headers). Reading fails with `Corrupt`, `Unsupported` (a stream that follows another) or `Truncated`: the bytes end inside
 * a page or an element. All packets before that are given first, and `positionMs` is where it was.
 *
 * @example
 * ```ts
 * import { AudioSource } from "effect-discord-voice"
 *
 * const song = AudioSource.fromFile("song.ogg")
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromFile = (path: string | URL): AudioSource => {
  const name = Path.basename(path instanceof URL ? decoded(path.pathname) : path)
  return { name, open: Effect.flatMap(ByteSource.file(path, name), (bytes) => Container.open(bytes, noFallback)) }
}

/** A URL may hold a percent sign that encodes nothing. */
const decoded = (pathname: string): string => {
  try {
    return decodeURIComponent(pathname)
  } catch {
    return pathname
  }
}

/**
 * Opus in Ogg, WebM or Matroska from memory. The bytes are not copied. Fails like {@link fromFile}. The name is "bytes" by
 * default.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromBytes = (bytes: Uint8Array, options?: { readonly name?: string | undefined }): AudioSource => {
  const name = options?.name ?? "bytes"
  return { name, open: Effect.suspend(() => Container.open(ByteSource.memory(bytes, name), noFallback)) }
}

/**
 * Opus in Ogg, WebM or Matroska from a stream of bytes in pieces of any size, such as an HTTP response. Each opening runs the
 * stream anew, and its packets are there as soon as their bytes are. Fails like {@link fromFile}, and with `Failed` where the
 * stream fails. The name is "stream" by default.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromStream = <E, R>(
  stream: Stream.Stream<Uint8Array, E, R>,
  options?: { readonly name?: string | undefined }
): AudioSource<R> => {
  const name = options?.name ?? "stream"
  return { name, open: Effect.flatMap(ByteSource.stream(stream, name), (bytes) => Container.open(bytes, noFallback)) }
}

/**
 * Opus packets that are there already. An iterable is iterated anew at each opening, so a generator object plays once; no
 * frames at all are an end, not a failure. Fails with `Corrupt` for a frame that is not an Opus packet of `samples` samples,
 * and with `Failed` where the stream or the iterable fails. The name is "frames" and `channels` 2 by default.
 *
 * @category constructors
 * @since 0.1.0
 */
export function fromFrames(frames: Iterable<OpusFrame>, options?: FrameSource.FrameOptions): AudioSource
export function fromFrames<E, R>(
  frames: Stream.Stream<OpusFrame, E, R>,
  options?: FrameSource.FrameOptions
): AudioSource<R>
export function fromFrames<E, R>(
  frames: Iterable<OpusFrame> | Stream.Stream<OpusFrame, E, R>,
  options?: FrameSource.FrameOptions
): AudioSource<R> {
  const name = options?.name ?? "frames"
  return { name, open: FrameSource.open(frames, name, options) }
}

/**
 * Raw PCM: interleaved signed 16-bit samples, as an `Int16Array` or as little-endian bytes, in pieces of any size. It is
 * encoded by {@link OpusEncoder} as it is pulled, five frames at most at a time; the last frame is filled up with silence.
 *
 * Opening fails with `CodecUnavailable`, or with `SourceFailed` and `Unsupported` for another rate than 48000 Hz, which this
 * version cannot resample. Reading fails with `EncodeFailed`, with `Unsupported` for anything but 16-bit PCM, with
 * `Truncated` if it ends inside a sample (of all channels), and with
 * `Failed` where the stream or the iterable fails.
 *
 * @category constructors
 * @since 0.1.0
 */
export function fromPcm(
  pcm: PcmSource.Pcm | Iterable<PcmSource.Pcm>,
  options: PcmSource.PcmOptions
): AudioSource<OpusEncoder>
export function fromPcm<E, R>(
  pcm: Stream.Stream<PcmSource.Pcm, E, R>,
  options: PcmSource.PcmOptions
): AudioSource<R | OpusEncoder>
export function fromPcm<E, R>(
  pcm: PcmSource.Pcm | Iterable<PcmSource.Pcm> | Stream.Stream<PcmSource.Pcm, E, R>,
  options: PcmSource.PcmOptions
): AudioSource<R | OpusEncoder> {
  const name = options.name ?? "pcm"
  return { name, open: PcmSource.open(pcm, name, options) }
}

const noFallback: Container.Fallback = (source, reason) => Effect.fail(ByteSource.failure(source.name, "Unsupported", reason))
