/**
 * What the first packet says about a logical stream of an Ogg file: its codec, and whether it can be played, alone and after
 * another stream (a chained file).
 *
 * @since 0.1.0
 */
import * as FlacFrame from "../format/FlacFrame.ts"
import * as OpusHead from "../format/OpusHead.ts"
import type { Header, Problem } from "../format/PacketReader.ts"
import * as Samples from "../format/Samples.ts"
import * as Vorbis from "../format/Vorbis.ts"

/**
 * A stream of Opus, Vorbis or FLAC.
 *
 * @category models
 * @since 0.1.0
 */
export interface OggStream {
  readonly codec: "opus" | "vorbis" | "flac"
  readonly channels: number
  /** Samples per second in each channel. */
  readonly rate: number
  /** Samples that a decoder drops at the start. */
  readonly preSkip: number
  /** How to decode Opus that cannot be passed through. */
  readonly decoding: OpusHead.Decoding | undefined
  /** The identification of a Vorbis stream. */
  readonly vorbis: Vorbis.Identification | undefined
  /** The stream information of a FLAC stream. */
  readonly flac: FlacFrame.StreamInfo | undefined
}

/**
 * The most bytes of a packet. RFC 6716, 3.4: 48 frames of 1275 bytes with their lengths; only padding could make it longer. A
 * frame of FLAC has 65,535 samples at most.
 *
 * @category constants
 * @since 0.1.0
 */
export const maxPacketBytes = { opus: 65_536, vorbis: 65_536, flac: 2 * 1024 * 1024 }

/**
 * The names of the codecs, for messages.
 *
 * @category constants
 * @since 0.1.0
 */
export const names = { opus: "Opus", vorbis: "Vorbis", flac: "FLAC" }

const opusRate = 48_000

const others: ReadonlyArray<readonly [magic: string, name: string]> = [
  ["\x7FFLAC", "an unknown version of FLAC"],
  ["Speex   ", "Speex"],
  ["\x80theora", "Theora"],
  ["fishead\0", "Skeleton"]
]

/**
 * The name of another codec.
 *
 * @category getters
 * @since 0.1.0
 */
export const codecName = (packet: Uint8Array): string => {
  const start = String.fromCharCode(...packet.subarray(0, 8))
  return others.find(([magic]) => start.startsWith(magic))?.[1] ?? "an unknown codec"
}

const opus = (packet: Uint8Array): OggStream | Problem => {
  const head = OpusHead.decode(packet)
  if ("kind" in head) return head
  const { channels, decoding, preSkip } = head
  return { codec: "opus", channels, rate: opusRate, preSkip, decoding, vorbis: undefined, flac: undefined }
}

const vorbis = (packet: Uint8Array): OggStream | Problem => {
  const found = Vorbis.identification(packet)
  if (found === undefined) return { kind: "Corrupt", detail: "the Vorbis identification header is malformed" }
  const { channels, rate } = found
  if (channels > Samples.maxChannels) {
    return {
      kind: "Unsupported",
      detail: `it is Vorbis with ${channels} channels; at most ${Samples.maxChannels} are supported`
    }
  }
  return { codec: "vorbis", channels, rate, preSkip: 0, decoding: undefined, vorbis: found, flac: undefined }
}

const flacMagic = "\x7FFLAC\x01"

const isFlac = (packet: Uint8Array): boolean =>
  String.fromCharCode(...packet.subarray(0, flacMagic.length)) === flacMagic

/**
 * Where the stream information is: after the magic, a version, a count, and the beginning of a file of FLAC (RFC 9639, 10.1).
 */
const flacInfoAt = 17

const flac = (packet: Uint8Array): OggStream | Problem => {
  const found = FlacFrame.decodeInfo(packet.subarray(flacInfoAt))
  if (found === undefined) return { kind: "Corrupt", detail: "the FLAC stream information is malformed" }
  const { bits, channels, rate } = found
  if (bits > 24) {
    return { kind: "Unsupported", detail: `it is FLAC with ${bits} bits per sample; at most 24 are supported` }
  }
  return { codec: "flac", channels, rate, preSkip: 0, decoding: undefined, vorbis: undefined, flac: found }
}

/** Why a stream cannot be played after the first one of its file, if it cannot. */
const refusal = (first: Header, stream: OggStream): Problem | undefined => {
  if (first.codec !== stream.codec || first.rate !== stream.rate) {
    return { kind: "Unsupported", detail: "a different codec or sample rate follows in the same file" }
  }
  return undefined
}

/**
 * Reads the first packet of a stream; `undefined` if it is neither Opus, Vorbis nor FLAC. `first` is the header of the file's
 * first stream, if this is not the first.
 *
 * @category codecs
 * @since 0.1.0
 */
export const identify = (packet: Uint8Array, first?: Header): OggStream | Problem | undefined => {
  const stream = OpusHead.isHead(packet)
    ? opus(packet)
    : Vorbis.isHeader(packet, "identification")
    ? vorbis(packet)
    : isFlac(packet)
    ? flac(packet)
    : undefined
  if (stream === undefined) return undefined
  if ("kind" in stream || first === undefined) return stream
  return refusal(first, stream) ?? stream
}
