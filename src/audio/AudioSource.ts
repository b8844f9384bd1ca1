/**
 * What can be played. A source describes audio; it is opened in a scope, and then gives Opus packets that are passed through
 * untouched, or PCM at 48 kHz in two channels, as much at a time as it likes.
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
   * What {@link fromUrl} takes.
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
 * A file, which is read piece by piece and closed with the scope of whoever opened it. What it is, its content says and not its
 * name:
 *
 * - Opus in Ogg, WebM, Matroska, MP4 or DCA1 is passed through untouched; pre-skip and end trimming, which are for a decoder, are not
 *   applied. With an output gain, or channels that are mapped, it is decoded here and given as PCM.
 * - MP3, FLAC, Vorbis in Ogg or WebM, and WAV are decoded here, and so is AAC (ADTS, MP4) where the package
 *   `@audio/decode-aac` is installed. What an encoder has put before and behind the sound is left out.
 * - All else is given to ffmpeg, if there is one, which reads it as a format of sound, and opens nothing else that it names.
 *
 * Opening fails with `SourceFailed`: `NotFound`, `Unreadable` (a directory, no permission), `Empty`, `UnknownFormat`,
 * `Unsupported` (another codec or container, and no ffmpeg; a playlist, which {@link fromUrl} plays; Opus of another mapping family than 0 and 1), `Corrupt` or
 * `Truncated` (in the headers). Reading fails with `Corrupt`, `Unsupported` (a stream that follows another) or `Truncated`: the
 * bytes end inside a page, an element or a frame. All sound before that is given first, and `positionMs` is where it was.
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
  // a name that begins with a dash is none of ffmpeg's options this way
  const fallback = Ffmpeg.fallback(options?.ffmpeg, Path.resolve(file))
  return { name, open: Effect.flatMap(ByteSource.file(place, name), (bytes) => Container.open(bytes, fallback)) }
}

/**
 * What {@link fromFile} reads, from memory. The bytes are not copied. Fails like it. The name is "bytes" by default.
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
 * What {@link fromFile} reads, from a stream of bytes in pieces of any size. Each opening runs the stream anew, and its packets
 * are there as soon as their bytes are; only an MP4 is read to its end first, 256 MiB at most. There is no way back in it, and so
 * no seek. Fails like {@link fromFile}, and with `Failed` where the stream fails. The name is "stream" by default.
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
 * What {@link fromFile} reads, from a Node stream, which is destroyed with the scope. A stream can be opened once; a function that
 * makes one, often. Fails like {@link fromStream}. The name is "stream" by default.
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
 * What {@link fromFile} reads, from an HTTP or HTTPS URL. A connection that breaks or stalls is replaced by the schedule
 * `reconnect`, and goes on at the byte where it was; the content must be the same by its `ETag`, its `Last-Modified` and its
 * length. Where the server has ranges, it can be sought in. A station is joined again by the same schedule, and goes on with what
 * it sends then; it is asked for what is on air, which is told as it changes. The name is the last part of the path by default.
 *
 * Of a playlist there (M3U, PLS, XSPF, ASX), the first entry of http or https that can be opened is played; all are tried, and again by
 * `reconnect`. Headers go with them, those that hold secrets to the same place only. HLS is played by ffmpeg.
 * All but that is asked by the option `fetch`, Node's by default.
 *
 * A URL of a stranger may lead anywhere, such as into your own network: `addresses: "public"` refuses that, with `AddressRefused`.
 *
 * Fails like {@link fromFile}, and with `NotFound` for 404 and 410, `Unreadable` for 401 and 403, and `Failed` for other answers,
 * when the schedule has ended, and when the content has changed; for a playlist also with `Empty`, or as an entry of it does.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromUrl = (url: string | URL, options?: UrlSource.Options): AudioSource => {
  return { name: HttpSource.name(url, options), open: UrlSource.open(url, options) }
}

/**
 * All that the playlist at a URL names (M3U, PLS, XSPF, ASX), in its order: to play each, where {@link fromUrl} of the playlist plays the first that
 * can be opened. Of the first 64 KiB, a thousand at most; what is not http or https is left out, and nothing of it is opened. `undefined` where
 * there is no list of other addresses: sound, HLS, a page. The connection is closed by then. Fails as {@link fromUrl} does for an address.
 *
 * `addresses` hold for the playlist, and are to be given for its entries, too. `headers` are said to the playlist. Which of its entries may have them is for the program to say: they may be anywhere.
 *
 * @category constructors
 * @since 0.1.0
 */
export const entriesOf: (
  url: string | URL,
  options?: HttpSource.UrlOptions
) => Effect.Effect<ReadonlyArray<PlaylistEntry> | undefined, VoiceError.VoiceError> = UrlSource.entriesOf

/**
 * What {@link fromProcess} starts, and what that writes.
 *
 * @category models
 * @since 0.1.0
 */
export interface ProcessOptions extends ChildProcess.Command, ContainerOptions {
  /** That it writes raw PCM of this format. Default: anything that {@link fromFile} reads. */
  readonly pcm?: RawPcm.RawFormat | undefined
}

/**
 * What a program writes to its standard output. Each opening starts it, and the scope ends it: with SIGTERM, and with SIGKILL
 * after `killAfterMs` (2 seconds by default). There is no shell. The name is that of the program by default.
 *
 * Fails like {@link fromStream}, with `NotFound` if there is no such program, and with `Failed` if it ends by a signal or with
 * another exit code than 0, after all sound that it gave; the end of its standard error is in the message. With `Unsupported` for a
 * `killAfterMs` that is negative or none.
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
 * Anything that ffmpeg can open, decoded by it: a path, a URL, a device, with filters if wanted. It is started anew for a seek. It opens
 * what the input names, and what that names: no input of a stranger, for whose links there is {@link fromUrl}.
 * Fails like {@link fromProcess}; that ffmpeg is missing is `NotFound`. Duration and tags of a file or an HTTP URL are what ffprobe
 * says, if that is there, too. The name is the last part of the input by default.
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
 * Silence, without end by default. Opening fails with `Unsupported` for a duration that is negative or none.
 *
 * @category constructors
 * @since 0.1.0
 */
export const silence = (duration?: Duration.Input): AudioSource => ({
  name: "silence",
  open: Effect.map(Bounds.patience(duration ?? Infinity, "a duration"), Generated.silence)
})

/**
 * A sine, without end by default. Opening fails with `Unsupported` if the frequency is not between 0 and 24 kHz, the gain not
 * a number from 0 on, the duration or the ramp negative or none, or the ramp without end.
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
        new VoiceError.Unsupported({ feature: `a tone of ${frequency} Hz`, detail: "it has to be between 0 and 24000" })
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
 * A source as PCM, whatever it is: one of Opus is decoded, by the `OpusDecoder` that is provided.
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
 * A source whose samples go through a filter: an equalizer, an echo, another pitch. `make` is called for each opening, and after each
 * seek, so that a filter may keep what it has heard. It gets some 100 ms of samples at most (48 kHz, left and right in turn, 1.0
 * at full scale), which are its own, and gives as many; one that gives more or fewer has to say so by `speed`, so that positions,
 * durations and seeks stay those of the source. What it throws is `Failed`. Opus is decoded for it, and no longer passed through.
 * Opening fails with `Unsupported` for a speed that is no number above 0.
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
 * A live source, and what it has lost.
 *
 * @category models
 * @since 0.1.0
 */
export interface LiveAudioSource<out R = never> extends AudioSource<R> {
  /** Of all its openings so far. */
  readonly statistics: Effect.Effect<LiveSource.LiveStatistics>
}

/**
 * Makes a source live: it has no end that is known and no seek, and it is read as fast as it comes, into a buffer of so many
 * seconds at most. For what comes as it happens, at the pace of time and in bursts: a microphone, a station, a voice that is
 * made while it is heard. Do not give it a file: of that, all but the last seconds would be dropped. A source that never ends
 * and never waits would be read, and dropped, without a pause. Opening fails with `Unsupported` for a buffer that is negative,
 * longer than 10 minutes, or none.
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
 * Raw PCM: interleaved samples of any rate and up to eight channels, as numbers (`Int16Array`, `Int32Array`, `Float32Array`,
 * `Float64Array`) or as bytes of the `format` of the options ("s16le" by default), in pieces of any size. One channel is heard on
 * both sides. In one piece it can be sought in, and tells its duration. The name is "pcm" by default.
 *
 * Opening fails with `SourceFailed` and `Unsupported` for a rate, a number of channels or a format that there is not. Reading fails
 * with `Unsupported` for a piece of another type, with `Truncated` if it ends inside a sample (of all channels), and with `Failed`
 * where the stream or the iterable fails.
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
