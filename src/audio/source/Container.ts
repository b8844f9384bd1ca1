/**
 * Opens bytes of any format: recognizes them by their beginning, chooses a reader, and passes Opus through or decodes the
 * rest.
 *
 * @since 0.1.0
 */
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { VoiceError } from "../../VoiceError.ts"
import * as ByteSource from "../ByteSource.ts"
import * as AdtsReader from "../format/AdtsReader.ts"
import * as DcaReader from "../format/DcaReader.ts"
import * as FlacReader from "../format/FlacReader.ts"
import * as Mp3Reader from "../format/Mp3Reader.ts"
import * as PacketSource from "../format/PacketSource.ts"
import * as Playlist from "../format/Playlist.ts"
import * as Probe from "../format/Probe.ts"
import * as WavReader from "../format/WavReader.ts"
import * as WebmReader from "../matroska/WebmReader.ts"
import * as Mp4Source from "../mp4/Mp4Source.ts"
import * as OggReader from "../ogg/OggReader.ts"
import type { OpenSource } from "../OpenSource.ts"
import * as TagChanges from "../TagChanges.ts"
import * as DecodedSource from "./DecodedSource.ts"
import * as Decoders from "./Decoders.ts"
import * as Head from "./Head.ts"
import * as OpusSource from "./OpusSource.ts"

const readers = {
  ogg: () => OggReader.make(),
  matroska: WebmReader.make,
  wav: WavReader.make,
  flac: FlacReader.make,
  mp3: Mp3Reader.make,
  adts: AdtsReader.make,
  dca: DcaReader.make
}

/** The formats that have an ID3v2 tag as their own. Some programs put one before others nevertheless. */
const tagged = new Set<Probe.Format>(["mp3", "adts", "flac"])

/** A larger tag is not kept to see what follows it: if no other position can be read, it is taken for that of an MP3. */
const maxLeadingBytes = 1024 * 1024

/** How much is kept for ffmpeg of bytes that cannot be read again. Headers may be longer, and those of a stranger endless. */
const maxKeptBytes = 64 * 1024 * 1024

/**
 * What to do with bytes that nothing here decodes. It is called with the reason, the container if that is known, and the
 * bytes from their beginning.
 *
 * @category models
 * @since 0.1.0
 */
export type Fallback = (
  source: ByteSource.ByteSource,
  reason: string,
  format?: Probe.Format
) => Effect.Effect<OpenSource, VoiceError, Scope.Scope>

/**
 * How many bytes are searched for frames if nothing is recognized at the beginning: a station is joined in the middle of one.
 */
const searchBytes = [4_096, 16_384, 65_536]

/** The format of frames that are somewhere after the beginning. */
const search = (bytes: ByteSource.ByteSource) =>
  Effect.gen(function*() {
    let source = bytes
    for (const length of searchBytes) {
      const [first, again] = yield* ByteSource.peek(source, length)
      source = again
      const found = Mp3Reader.hasFrames(first) ? "mp3" : AdtsReader.hasFrames(first) ? "adts" : undefined
      if (found !== undefined || first.length < length) return [found, source] as const
    }
    return [undefined, source] as const
  })

/** Fails if the format turns out to be wrong. */
const confirmed = (opened: OpenSource): Effect.Effect<OpenSource, VoiceError | Cause.Done> => {
  if (opened.format !== "pcm") return Effect.succeed(opened)
  const { pull, seek } = opened
  return Effect.map(pull, (first) => {
    let held: Float32Array | undefined = first
    const take = Effect.suspend(() => {
      const samples = held
      held = undefined
      return samples === undefined ? pull : Effect.succeed(samples)
    })
    return {
      ...opened,
      pull: take,
      seek: seek === undefined ? undefined : (positionMs: number) => {
        held = undefined
        return seek(positionMs)
      }
    }
  })
}

const unknownFormat = "it is not Ogg, WebM, MP4, MP3, AAC, FLAC or WAV, nor any other known format"

/** How much of a playlist is examined to recognize its kind. */
const playlistBytes = 512

/** A playlist names places that are relative to its own, which bytes do not have. */
const refusePlaylist = (bytes: ByteSource.ByteSource) =>
  Effect.gen(function*() {
    const [first] = yield* ByteSource.peek(bytes, playlistBytes)
    const { kind } = Playlist.parse(first)
    const what = `it is a playlist (${kind}), not audio`
    return yield* ByteSource.failure(
      bytes.name,
      "Unsupported",
      `${what}: use AudioSource.fromUrl with the URL of the playlist`
    )
  })

/** Looks at the bytes after a tag, without losing any, and returns the length of the tag. */
const peek = (bytes: ByteSource.ByteSource) =>
  Effect.gen(function*() {
    const [first, source] = yield* Head.peek(bytes)
    const leading = Probe.leading(first)
    if (leading === 0) return { first, leading, behind: first, source }
    if (leading > maxLeadingBytes) {
      const behind = yield* source.random?.read(leading, leading + Probe.probeBytes) ?? Effect.undefined
      return { first, leading, behind, source }
    }
    const [more, again] = yield* ByteSource.peek(source, leading + Probe.probeBytes)
    return { first: more, leading, behind: more.subarray(leading), source: again }
  })

/**
 * Reads up to the header and, if any position can be read, what determines the duration. The scope frees a decoder.
 *
 * @category constructors
 * @since 0.1.0
 */
export const open = (
  bytes: ByteSource.ByteSource,
  fallback: Fallback
): Effect.Effect<OpenSource, VoiceError, Scope.Scope> =>
  Effect.gen(function*() {
    const { behind, first, leading, source: peeked } = yield* peek(bytes)
    if (first.length === 0) return yield* ByteSource.failure(peeked.name, "Empty", "it is empty")
    if (Playlist.isPlaylist(first)) return yield* refusePlaylist(peeked)
    const probed: Probe.Found = behind === undefined
      ? { format: "mp3" }
      : Probe.probe(behind) ?? (leading > 0 ? { format: "mp3" } : undefined)
    // what a station sends first can be anything, and look like something else
    const isInMiddle = probed === undefined || ("known" in probed && (probed.isDoubtful || peeked.live))
    const [format, source] = isInMiddle ? yield* search(peeked) : [undefined, peeked]
    const found = format === undefined ? probed : { format }
    if (found === undefined) {
      let broken: VoiceError | undefined
      const watched = {
        ...source,
        next: Effect.tapError(source.next, (error) =>
          Effect.sync(() => {
            broken = error
          }))
      }
      return yield* fallback(watched, unknownFormat).pipe(
        Effect.flatMap(confirmed),
        // ffmpeg's message about the format does not help a user, but a failure to read the bytes does
        Effect.mapError((cause) => broken ?? ByteSource.failure(source.name, "UnknownFormat", unknownFormat, { cause }))
      )
    }
    if ("known" in found) {
      const what = `it is ${found.known}`
      if (!found.isSound && !found.isDoubtful) return yield* ByteSource.failure(source.name, "Unsupported", what)
      return yield* fallback(source, what).pipe(
        // ffmpeg cannot help with a wrong link, whether it is installed or not
        Effect.mapError((error) =>
          found.isSound ? error : ByteSource.failure(source.name, "Unsupported", what, { cause: error })
        )
      )
    }
    const tagBytes = behind === undefined || tagged.has(found.format) ? 0 : leading
    // a reader may have taken bytes before it detects another format
    const recording = ByteSource.record(
      tagBytes === 0 ? source : ByteSource.behind(source, tagBytes),
      found.format === "mp4" ? Mp4Source.maxSpoolBytes : maxKeptBytes
    )
    return yield* openFormat(found.format, recording.source).pipe(
      Effect.catch((error) => {
        const { reason } = error
        return reason._tag === "SourceFailed" && reason.kind === "Unsupported"
          ? Effect.flatMap(
            recording.replay,
            (again) => again === undefined ? Effect.fail(error) : fallback(again, reason.detail, found.format)
          )
          : Effect.fail(error)
      }),
      Effect.tap(() => Effect.sync(recording.stop))
    )
  })

const openFormat = (
  format: Probe.Format,
  source: ByteSource.ByteSource
): Effect.Effect<OpenSource, VoiceError, Scope.Scope> =>
  Effect.gen(function*() {
    if (format === "mp4") return yield* openPackets(yield* Mp4Source.open(source))
    if (format !== "ogg" || !source.live) {
      return yield* openPackets(yield* PacketSource.open(source, readers[format]()))
    }
    const changes = TagChanges.make()
    const opened = yield* openPackets(yield* PacketSource.open(source, OggReader.make(changes.publish)))
    return { ...opened, tagChanges: changes.stream }
  })

/** Opus that needs nothing else is passed through. */
const openPackets = (packets: PacketSource.PacketSource): Effect.Effect<OpenSource, VoiceError, Scope.Scope> =>
  Effect.gen(function*() {
    const { codec, opus } = packets.header
    if (codec === "opus" && opus === undefined) return yield* OpusSource.make(packets)
    if (!(yield* Decoders.isAvailable(codec))) return yield* ByteSource.failure(packets.name, "Unsupported", noAac)
    return yield* DecodedSource.open(packets)
  })

const noAac = "it is AAC, which needs the package @audio/decode-aac: it is not installed"
