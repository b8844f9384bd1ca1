/**
 * Chooses the track of WebM or Matroska that is played, and describes its packets (RFC 9559, 5.1.4).
 *
 * @since 0.1.0
 */
import { isDeepStrictEqual } from "node:util"
import type { Header, Problem } from "../format/PacketReader.ts"
import { children, float, text, uint } from "./Ebml.ts"
import * as WebmCodec from "./WebmCodec.ts"

const idTrackEntry = 0xae
const idTrackNumber = 0xd7
const idTrackType = 0x83
const idCodec = 0x86
const idCodecPrivate = 0x63a2
const idAudio = 0xe1
const idChannels = 0x9f
const idRate = 0xb5
const idBits = 0x6264
const idCodecDelay = 0x56aa
const idEncodings = 0x6d80
const idEncoding = 0x6240
const idEncodingScope = 0x5032
const idCompression = 0x5034
const idCompressionAlgorithm = 0x4254
const idCompressionSettings = 0x4255

/**
 * @category models
 * @since 0.1.0
 */
export interface Track extends WebmCodec.Sound {
  readonly number: number
  /** Bytes that every packet begins with, and that were left out of the blocks. */
  readonly stripped: Uint8Array | undefined
}

const malformedTracks: Problem = { kind: "Corrupt", detail: "the description of the tracks is malformed" }

const strippedBytes = (encodings: Uint8Array): Uint8Array | Problem | undefined => {
  const list = children(encodings)?.filter(([id]) => id === idEncoding)
  if (list === undefined) return malformedTracks
  let stripped: Uint8Array | undefined
  for (const [, data] of list) {
    const fields = children(data)
    if (fields === undefined) return malformedTracks
    const scope = fields.find(([id]) => id === idEncodingScope)
    if (scope !== undefined && (uint(scope[1]) & 1) === 0) continue
    const compression = fields.find(([id]) => id === idCompression)
    const settings = compression === undefined ? undefined : children(compression[1])
    const algorithm = settings?.find(([id]) => id === idCompressionAlgorithm)
    if (settings === undefined || algorithm === undefined || uint(algorithm[1]) !== 3 || stripped !== undefined) {
      return { kind: "Unsupported", detail: "the track is compressed or encrypted by the container" }
    }
    stripped = settings.find(([id]) => id === idCompressionSettings)?.[1]?.slice()
  }
  return stripped
}

const none = new Uint8Array(0)

/** The description of a track, with the defaults for values that it may leave out (RFC 9559, 5.1.4.1.29). */
const entryOf = (fields: ReadonlyMap<number, Uint8Array>): WebmCodec.Entry => {
  const audio = new Map(children(fields.get(idAudio) ?? none))
  const rate = audio.get(idRate)
  return {
    codec: text(fields.get(idCodec) ?? none),
    head: fields.get(idCodecPrivate),
    rate: rate === undefined ? 8000 : float(rate),
    channels: uint(audio.get(idChannels) ?? Uint8Array.of(1)),
    bits: uint(audio.get(idBits) ?? none),
    delayNs: uint(fields.get(idCodecDelay) ?? none)
  }
}

/**
 * The first track of Opus or Vorbis, else the first one that is not malformed, or why that cannot be played.
 *
 * @category codecs
 * @since 0.1.0
 */
export const choose = (tracks: Uint8Array): Track | Problem => {
  const entries = children(tracks)?.filter(([id]) => id === idTrackEntry)
  if (entries === undefined) return malformedTracks
  const found: Array<Track | Problem> = []
  for (const [, data] of entries) {
    const list = children(data)
    if (list === undefined) {
      found.push(malformedTracks)
      continue
    }
    const fields = new Map(list)
    if (uint(fields.get(idTrackType) ?? none) !== 2) continue
    const sound = soundOf(entryOf(fields))
    const encodings = fields.get(idEncodings)
    const stripped = encodings === undefined ? undefined : strippedBytes(encodings)
    if ("kind" in sound) found.push(sound)
    else if (stripped !== undefined && "kind" in stripped) found.push(stripped)
    else found.push({ ...sound, number: uint(fields.get(idTrackNumber) ?? none), stripped })
  }
  return found.find((track) => "codec" in track && (track.codec === "opus" || track.codec === "vorbis")) ??
    // a track that nothing here decodes is still the one to be played, by ffmpeg
    found.find((track) => !("kind" in track) || track.kind !== "Corrupt") ??
    found[0] ?? { kind: "Unsupported", detail: "it has no audio track" }
}

const soundOf = (entry: WebmCodec.Entry): WebmCodec.Sound | Problem =>
  WebmCodec.soundOf(entry) ?? {
    kind: "Unsupported",
    detail: `its audio is ${entry.codec.replace(/^A_/, "")}, which this library cannot decode`
  }

/**
 * Why a track cannot be played after another one of the same file, if it cannot.
 *
 * @category guards
 * @since 0.1.0
 */
export const refusal = (first: Header, track: Track): string | undefined => {
  if (first.codec !== track.codec || first.rate !== track.rate) {
    return "a different codec or sample rate follows in the same file"
  }
  if (!isDeepStrictEqual(first.opus, track.opus)) {
    return "Opus with a different output gain or channel mapping follows in the same file"
  }
  const isLike = first.sampleFormat === track.sampleFormat && first.channels === track.channels
  if (first.codec === "pcm" && !isLike) {
    return "PCM with a different format or number of channels follows in the same file"
  }
  return isDeepStrictEqual(first.setup, track.setup)
    ? undefined
    : "a track with different headers follows in the same file"
}

/**
 * What has to be known before the packets of a track are decoded.
 *
 * @category combinators
 * @since 0.1.0
 */
export const headerOf = (track: Track, tags: Header["tags"]): Header => ({
  codec: track.codec,
  rate: track.rate,
  channels: track.channels,
  setup: track.setup,
  sampleFormat: track.sampleFormat,
  opus: track.opus,
  delay: track.delay,
  total: undefined,
  warmUp: track.warmUp,
  tags
})
