/**
 * Audio sources: everything that can be played. A source describes audio. It is opened in a scope, and then gives Opus
 * packets, which are passed through untouched, or PCM at 48 kHz in two channels, in pieces of any size.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Stream from "effect/Stream"
import * as Path from "node:path"
import type { Readable } from "node:stream"
import type { OpusDecoder } from "../OpusDecoder.ts"
import * as VoiceError from "../VoiceError.ts"
import * as Bounds from "./Bounds.ts"
import * as ByteSource from "./ByteSource.ts"
import * as HttpSource from "./http/HttpSource.ts"
import type { AudioSource, OpusFrame } from "./OpenSource.ts"
import * as ChildProcess from "./process/ChildProcess.ts"
import * as Container from "./source/Container.ts"
import type { ContainerOptions } from "./source/ContainerOptions.ts"
import * as Ffmpeg from "./source/Ffmpeg.ts"
import type { FfmpegOptions } from "./source/Ffmpeg.ts"
import * as Filter from "./source/Filter.ts"
import * as FrameSource from "./source/FrameSource.ts"
import * as Generated from "./source/Generated.ts"
import * as LiveSource from "./source/LiveSource.ts"
import * as NodeStream from "./source/NodeStream.ts"
import * as PcmSource from "./source/PcmSource.ts"
import * as RawPcm from "./source/RawPcm.ts"
import * as UrlSource from "./source/UrlSource.ts"
import type { PlaylistEntry } from "./source/UrlSource.ts"

export type { Fetch, FetchAnswer, FetchHeaders, FetchReader, FetchRequest } from "./http/HttpFetch.ts"

export type {
  /**
   * @category models
   * @since 0.1.0
   */
  Addresses
} from "./http/HttpAddress.ts"

export { isPublic as isPublicAddress } from "./http/HttpAddress.ts"

export type {
  /**
   * The options of {@link fromUrl}.
   *
   * @category models
   * @since 0.1.0
   */
  Options as UrlOptions,
  PlaylistEntry
} from "./source/UrlSource.ts"

export type { ContainerOptions } from "./source/ContainerOptions.ts"

export type { AudioSource, Opening, OpenOpus, OpenPcm, OpenSource, OpusFrame, Tags } from "./OpenSource.ts"

/**
 * A source that plays a file. The file is read piece by piece, and closed with the scope that it was opened in. Its content
 * decides what it is, not its name:
 *
 * - Opus in Ogg, WebM, Matroska, MP4 or DCA1 is passed through untouched; pre-skip and end trimming, which are meant for a
 *   decoder, are not applied. With an output gain or a channel mapping, it is decoded and given as PCM.
 * - MP3, FLAC, Vorbis in Ogg or WebM, and WAV are decoded, and so is AAC (ADTS, MP4) if the package `@audio/decode-aac` is
 *   installed. Padding that an encoder has added before and after the sound is left out.
 * - Everything else is given to ffmpeg, if it is installed. ffmpeg may only read it as an audio format, and opens nothing
 *   that it refers to.
 *
 * Opening fails with `SourceFailed`: `NotFound`, `Unreadable` (a directory, no permission), `Empty`, `UnknownFormat`,
 * `Unsupported` (another codec or container without ffmpeg; a playlist, which {@link fromUrl} plays; Opus of a mapping family
 * other than 0 and 1), `Corrupt` or `Truncated` (in the headers).
 *
 * Reading fails with `Corrupt`, `Unsupported` (a stream that follows another) or `Truncated`: the bytes end inside a page, an
 * element or a frame. All sound before that is given first, and `positionMs` says where it was.
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
export const fromFile = (path: string | URL, options?: ContainerOptions): AudioSource => {
  const isUrl = typeof path === "string" && /^[a-z][a-z0-9+.-]+:\/\//i.test(path) && URL.canParse(path)
  const place = isUrl ? new URL(path) : path
  const file = place instanceof URL ? ByteSource.unescaped(place.pathname) : place
  const name = options?.name ?? Path.basename(file)
  // as an absolute path: ffmpeg would take a name that begins with a dash for an option
  const fallback = Ffmpeg.fallback(options?.ffmpeg, Path.resolve(file))
  return { name, open: Effect.flatMap(ByteSource.file(place, name), (bytes) => Container.open(bytes, fallback)) }
}

/**
 * A source that plays bytes in memory, of any format that {@link fromFile} reads. The bytes are not copied. Fails like
 * {@link fromFile}. The default name is "bytes".
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromBytes = (bytes: Uint8Array, options?: ContainerOptions): AudioSource => {
  const name = options?.name ?? "bytes"
  const fallback = Ffmpeg.fallback(options?.ffmpeg)
  return { name, open: Effect.suspend(() => Container.open(ByteSource.memory(bytes, name), fallback)) }
}

/**
 * A source that plays a stream of bytes, in pieces of any size, of any format that {@link fromFile} reads. Each opening runs
 * the stream again, and packets are available as soon as their bytes are; only an MP4 is read to its end first, 256 MiB at
 * most. The stream cannot go back, so there is no seek. Fails like {@link fromFile}, and with `Failed` if the stream fails.
 * The default name is "stream".
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromStream = <E, R>(
  stream: Stream.Stream<Uint8Array, E, R>,
  options?: ContainerOptions
): AudioSource<R> => {
  const name = options?.name ?? "stream"
  const fallback = Ffmpeg.fallback(options?.ffmpeg)
  return { name, open: Effect.flatMap(ByteSource.stream(stream, name), (bytes) => Container.open(bytes, fallback)) }
}

/**
 * A source that plays a Node stream, of any format that {@link fromFile} reads. The stream is destroyed with the scope. A
 * stream can be opened once; pass a function that makes one to open it often. Fails like {@link fromStream}. The default name
 * is "stream".
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromNodeStream = (stream: Readable | (() => Readable), options?: ContainerOptions): AudioSource => {
  const name = options?.name ?? "stream"
  const fallback = Ffmpeg.fallback(options?.ffmpeg)
  const make = typeof stream === "function" ? stream : () => stream
  return { name, open: Effect.flatMap(NodeStream.open(make, name), (bytes) => Container.open(bytes, fallback)) }
}

/**
 * A source that plays an HTTP or HTTPS URL, of any format that {@link fromFile} reads. The default name is the last part of
 * the path.
 *
 * - A connection that breaks or stalls is replaced according to the schedule `reconnect`, and continues at the same byte. The
 *   content must then be the same, judged by its `ETag`, its `Last-Modified` and its length. If the server supports ranges,
 *   the source can seek.
 * - A station is joined again by the same schedule, and continues with what it sends then. It is asked for the title on air,
 *   and changes are reported.
 * - Of a playlist (M3U, PLS, XSPF, ASX), the first http or https entry that can be opened is played; all are tried, and again
 *   according to `reconnect`. Headers are sent to the entries, too; those that hold secrets only to the same place. HLS is
 *   played by ffmpeg.
 *
 * Everything else is requested with the option `fetch`, Node's by default.
 *
 * A URL from a stranger may lead anywhere, for example into your own network: `addresses: "public"` refuses that, with
 * `AddressRefused`.
 *
 * Fails like {@link fromFile}, and with `NotFound` for 404 and 410, `Unreadable` for 401 and 403, and `Failed` for other
 * answers, when the schedule has ended, and when the content has changed. A playlist also fails with `Empty`, or as one of
 * its entries does.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromUrl = (url: string | URL, options?: UrlSource.Options): AudioSource => {
  return { name: HttpSource.name(url, options), open: UrlSource.open(url, options) }
}

/**
 * Reads the entries of the playlist at a URL (M3U, PLS, XSPF, ASX), in order, to play each of them. {@link fromUrl} of the
 * playlist would play the first that can be opened.
 *
 * It reads the first 64 KiB, and returns a thousand entries at most. Entries other than http and https are left out, and none
 * is opened. Returns `undefined` if there is no list of other addresses: sound, HLS, a page. The connection is closed by
 * then. Fails as {@link fromUrl} does for an address.
 *
 * `addresses` applies to the playlist only; pass it for its entries, too. `headers` are sent to the playlist only: your
 * program decides which of its entries may have them, since they may be anywhere.
 *
 * @category constructors
 * @since 0.1.0
 */
export const entriesOf: (
  url: string | URL,
  options?: HttpSource.UrlOptions
) => Effect.Effect<ReadonlyArray<PlaylistEntry> | undefined, VoiceError.VoiceError> = UrlSource.entriesOf

/**
 * The options of {@link fromProcess}: what to start, and what it writes.
 *
 * @category models
 * @since 0.1.0
 */
export interface ProcessOptions extends ChildProcess.Command, ContainerOptions {
  /** The format, if the program writes raw PCM. Default: anything that {@link fromFile} reads. */
  readonly pcm?: RawPcm.RawFormat | undefined
}

/**
 * A source that plays what a program writes to its standard output. Each opening starts the program, and closing the scope
 * ends it: with SIGTERM, and with SIGKILL after `killAfterMs` (2 seconds by default). No shell is involved. The default name
 * is that of the program.
 *
 * Fails like {@link fromStream}, with `NotFound` if there is no such program, and with `Failed` if it ends by a signal or
 * with an exit code other than 0, after all sound that it gave; the message has the end of its standard error. Fails with
 * `Unsupported` for an invalid `killAfterMs`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromProcess = (options: ProcessOptions): AudioSource => {
  const name = options.name ?? Path.basename(options.command)
  const { pcm } = options
  const fallback = Ffmpeg.fallback(options.ffmpeg)
  return {
    name,
    open: Effect.flatMap(
      ChildProcess.open(options, name),
      (bytes) => pcm === undefined ? Container.open(bytes, fallback) : RawPcm.open(bytes, pcm)
    )
  }
}

/**
 * A source that ffmpeg opens and decodes: a path, a URL or a device, with filters if you want. A seek starts ffmpeg again. It
 * opens whatever the input refers to, so do not pass input from strangers; use {@link fromUrl} for their links.
 *
 * Fails like {@link fromProcess}; `NotFound` means that ffmpeg is missing. Duration and tags of a file or an HTTP URL come
 * from ffprobe, if that is installed, too. The default name is the last part of the input.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromFfmpeg = (
  input: string,
  options?: FfmpegOptions & { readonly name?: string | undefined }
): AudioSource => {
  const name = options?.name ?? Path.basename(ByteSource.withoutSecrets(input))
  return { name, open: Ffmpeg.open(input, name, options) }
}

export { readFrames } from "./source/Frames.ts"

/**
 * Silence, endless by default. Opening fails with `Unsupported` for an invalid duration.
 *
 * @category constructors
 * @since 0.1.0
 */
export const silence = (duration?: Duration.Input): AudioSource => ({
  name: "silence",
  open: Effect.map(Bounds.patience(duration ?? Infinity, "a duration"), Generated.silence)
})

/**
 * A sine tone, endless by default. Opening fails with `Unsupported` if the frequency is not between 0 and 24 kHz, or if the
 * gain, duration or ramp is invalid or negative, or the ramp infinite.
 *
 * @category constructors
 * @since 0.1.0
 */
export const tone = (options: Generated.ToneOptions): AudioSource => ({
  name: `${options.frequency} Hz`,
  open: Effect.gen(function*() {
    const { duration = Infinity, frequency, gain = 0.25, ramp = 5 } = options
    if (!(frequency >= 0 && frequency <= 24_000)) {
      return yield* VoiceError.fail(
        new VoiceError.Unsupported({ feature: `a tone of ${frequency} Hz`, detail: "it must be between 0 and 24000" })
      )
    }
    return Generated.tone({
      frequency,
      durationMs: yield* Bounds.patience(duration, "a duration"),
      gain: yield* Bounds.gain(gain),
      rampMs: yield* Bounds.span(ramp, "a ramp")
    })
  })
})

/**
 * A source as PCM: a source of Opus is decoded, by the `OpusDecoder` that is provided.
 *
 * @category combinators
 * @since 0.1.0
 */
export const decoded = <R>(source: AudioSource<R>): AudioSource<R | OpusDecoder> => ({
  name: source.name,
  open: Effect.flatMap(source.open, Filter.decoded)
})

export { encoded } from "./source/Encoded.ts"

export { unwrap } from "./source/Lazy.ts"

export type {
  /**
   * @category models
   * @since 0.1.0
   */
  PreloadedSource,
  /**
   * @category models
   * @since 0.1.0
   */
  PreloadOptions
} from "./source/Preloaded.ts"

export { preloaded } from "./source/Preloaded.ts"

/**
 * A source whose samples go through a filter, such as an equalizer, an echo or another pitch. Opus is decoded for it, and is
 * no longer passed through.
 *
 * `make` is called for each opening, and after each seek, so that a filter may keep what it has heard. The filter takes about
 * 100 ms of samples at most (48 kHz, left and right in turn, 1.0 at full scale), which it may modify, and returns as many. A
 * filter that returns more or fewer has to declare it with `speed`, so that positions, durations and seeks stay those of the
 * source. An error that it throws is `Failed`. Opening fails with `Unsupported` for a speed that is not a number above 0.
 *
 * @example
 * ```ts
 * import { AudioSource } from "effect-discord-voice"
 *
 * const quieter = AudioSource.mapPcm(AudioSource.fromFile("song.ogg"), () => (samples) => samples.map((sample) => sample / 2))
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const mapPcm = <R>(
  source: AudioSource<R>,
  make: () => Filter.Filter,
  options?: Filter.FilterOptions
): AudioSource<R | OpusDecoder> => ({
  name: source.name,
  open: Effect.gen(function*() {
    const speed = yield* Bounds.speed(options?.speed ?? 1)
    return Filter.map(source.name, yield* Filter.decoded(yield* source.open), make, speed)
  })
})

/**
 * A live source that counts what it has lost.
 *
 * @category models
 * @since 0.1.0
 */
export interface LiveAudioSource<out R = never> extends AudioSource<R> {
  /** The losses of all its openings so far. */
  readonly statistics: Effect.Effect<LiveSource.LiveStatistics>
}

/**
 * Makes a source live: it has no known end and no seek, and it is read as fast as it arrives, into a buffer of limited
 * length. Use this for sound that arrives in real time and in bursts: a microphone, a station, a voice that is generated
 * while it is heard.
 *
 * Do not give it a file: everything but the last seconds would be dropped. A source that never ends and never waits would be
 * read, and dropped, without a pause. Opening fails with `Unsupported` for a buffer that is invalid, negative or longer than
 * 10 minutes.
 *
 * @category constructors
 * @since 0.1.0
 */
export const live = <R>(source: AudioSource<R>, options: LiveSource.LiveOptions = {}): LiveAudioSource<R> => {
  const counts = LiveSource.counts()
  return {
    name: source.name,
    open: Effect.gen(function*() {
      const bufferMs = yield* Bounds.buffer(options.buffer ?? "2 seconds")
      return yield* LiveSource.make(yield* source.open, { bufferMs, overflow: options.overflow }, counts)
    }),
    statistics: Effect.sync(() => ({ ...counts }))
  }
}

/**
 * A source that plays existing Opus packets. An iterable is iterated again at each opening, so a generator object plays once.
 * No frames at all are an end, not a failure. Fails with `Corrupt` for a frame that is not an Opus packet of `samples`
 * samples, and with `Failed` if the stream or the iterable fails. The default name is "frames", and `channels` is 2 by
 * default.
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
 * A source that plays raw PCM: interleaved samples of any rate and up to eight channels, as numbers (`Int16Array`,
 * `Int32Array`, `Float32Array`, `Float64Array`) or as bytes in the `format` of the options ("s16le" by default), in pieces of
 * any size. One channel is heard on both sides. A single piece can be sought in, and its duration is known. The default name
 * is "pcm".
 *
 * Opening fails with `SourceFailed` and `Unsupported` for an unsupported rate, number of channels or format. Reading fails
 * with `Unsupported` for a piece of another type, with `Truncated` if it ends inside a sample (of all channels), and with
 * `Failed` if the stream or the iterable fails.
 *
 * @category constructors
 * @since 0.1.0
 */
export function fromPcm(pcm: PcmSource.Pcm | Iterable<PcmSource.Pcm>, options: PcmSource.PcmOptions): AudioSource
export function fromPcm<E, R>(
  pcm: Stream.Stream<PcmSource.Pcm, E, R>,
  options: PcmSource.PcmOptions
): AudioSource<R>
export function fromPcm<E, R>(
  pcm: PcmSource.Pcm | Iterable<PcmSource.Pcm> | Stream.Stream<PcmSource.Pcm, E, R>,
  options: PcmSource.PcmOptions
): AudioSource<R> {
  const name = options.name ?? "pcm"
  return { name, open: PcmSource.open(pcm, name, options) }
}
