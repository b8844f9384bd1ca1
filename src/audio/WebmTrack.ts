/**
 * Which track of WebM or Matroska is played, and what its packets are (RFC 9559, 5.1.4).
 *
 * @since 0.1.0
 */
import { children, text, u8, uint, unlace } from "./Ebml.ts"
import * as OpusHead from "./OpusHead.ts"
import type { Problem } from "./PacketReader.ts"
import * as Samples from "./Samples.ts"
import * as Vorbis from "./Vorbis.ts"

const idTrackEntry = 0xae
const idTrackNumber = 0xd7
const idTrackType = 0x83
const idCodec = 0x86
const idCodecPrivate = 0x63a2
const idAudio = 0xe1
const idChannels = 0x9f
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
export interface Track {
  readonly number: number
  readonly codec: "opus" | "vorbis"
  readonly rate: number
  readonly channels: number
  /** The three headers of Vorbis. */
  readonly setup: ReadonlyArray<Uint8Array>
  readonly counter: Vorbis.Counter | undefined
  readonly opus?: OpusHead.Decoding | undefined
  /** Samples that a decoder drops at the start. */
  readonly delay: number
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
      return { kind: "Unsupported", detail: "the Opus track is compressed or encrypted by the container" }
    }
    stripped = settings.find(([id]) => id === idCompressionSettings)?.[1]?.slice()
  }
  return stripped
}

/** The headers of Vorbis, put together with the lengths of the first two before them (RFC 9559, 5.1.4.1.22; Xiph lacing). */
const vorbisTrack = (bytes: Uint8Array): Pick<Track, "channels" | "counter" | "delay" | "rate" | "setup"> | Problem => {
  const malformed: Problem = { kind: "Corrupt", detail: "the headers of the Vorbis track are malformed" }
  if (u8(bytes, 0) !== 2) return malformed
  const [first, comment, setup] = unlace(bytes, 1) ?? []
  if (first === undefined || comment === undefined || setup === undefined) return malformed
  const found = Vorbis.identification(first)
  const long = Vorbis.modes(setup)
  if (found === undefined || long === undefined || found.channels > Samples.maxChannels) return malformed
  return {
    channels: found.channels,
    rate: found.rate,
    setup: [first.slice(), new Uint8Array(0), setup.slice()],
    counter: Vorbis.counter(found.blocks, long),
    delay: 0
  }
}

const opusTrack = (head: Uint8Array | undefined, channels: number) => {
  const decoded = head === undefined
    ? { channels: channels === 1 ? 1 : 2, preSkip: 0, decoding: undefined }
    : OpusHead.decode(head)
  if ("kind" in decoded) return decoded
  const { decoding, preSkip } = decoded
  return { channels: decoded.channels, rate: 48_000, setup: [], counter: undefined, opus: decoding, delay: preSkip }
}

/**
 * The first track of Opus or Vorbis, or why there is none to play.
 *
 * @category codecs
 * @since 0.1.0
 */
export const choose = (tracks: Uint8Array): Track | Problem => {
  const entries = children(tracks)?.filter(([id]) => id === idTrackEntry)
  if (entries === undefined) return malformedTracks
  const others: Array<string> = []
  let refused: Problem | undefined
  for (const [, data] of entries) {
    const list = children(data)
    if (list === undefined) return malformedTracks
    const fields = new Map(list)
    if (uint(fields.get(idTrackType) ?? new Uint8Array(0)) !== 2) continue
    const codec = text(fields.get(idCodec) ?? new Uint8Array(0))
    if (codec !== "A_OPUS" && codec !== "A_VORBIS") {
      others.push(codec.replace(/^A_/, ""))
      continue
    }
    const head = fields.get(idCodecPrivate)
    const audio = new Map(children(fields.get(idAudio) ?? new Uint8Array(0)))
    const decoded = codec === "A_VORBIS"
      ? vorbisTrack(head ?? new Uint8Array(0))
      : opusTrack(head, uint(audio.get(idChannels) ?? Uint8Array.of(1)))
    const encodings = fields.get(idEncodings)
    const stripped = encodings === undefined ? undefined : strippedBytes(encodings)
    if ("kind" in decoded) refused ??= decoded
    else if (stripped !== undefined && "kind" in stripped) refused ??= stripped
    else {
      return {
        ...decoded,
        number: uint(fields.get(idTrackNumber) ?? new Uint8Array(0)),
        codec: codec === "A_VORBIS" ? "vorbis" : "opus",
        stripped
      }
    }
  }
  return refused ?? {
    kind: "Unsupported",
    detail: others.length === 0
      ? "it holds no audio track"
      : `its audio is ${others.join(", ")}, neither Opus nor Vorbis`
  }
}
