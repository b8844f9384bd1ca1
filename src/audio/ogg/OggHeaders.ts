/**
 * The headers of a stream in an Ogg file, after the first packet: comments, for Vorbis what its decoder needs, and for FLAC
 * other metadata such as pictures. They result in the description of the stream.
 *
 * @since 0.1.0
 */
import * as FlacFrame from "../format/FlacFrame.ts"
import * as OpusHead from "../format/OpusHead.ts"
import type { Header, Problem } from "../format/PacketReader.ts"
import type { MutableTags } from "../format/Tags.ts"
import * as Vorbis from "../format/Vorbis.ts"
import type { OggStream } from "./OggStream.ts"

/** The samples that a decoder of Opus needs to be right again: 80 ms (RFC 7845, 4.6). */
const opusWarmUp = 80 * 48

/**
 * A header whose delay may become known with the first page of sound.
 *
 * @category models
 * @since 0.1.0
 */
export type MutableHeader = { -readonly [key in keyof Header]: Header[key] }

/**
 * The description of a stream.
 *
 * @category models
 * @since 0.1.0
 */
export interface Described {
  readonly header: MutableHeader
  /** Counts the samples of packets of Vorbis and FLAC. */
  readonly counter: Vorbis.Counter | undefined
}

/**
 * Takes the packets of the headers one after another, from the second on, and returns `"more"` if another one follows. A
 * first frame of FLAC also ends the headers, see {@link isFrame}.
 *
 * @category models
 * @since 0.1.0
 */
export type OggHeaders = (packet: Uint8Array) => Described | Problem | "more"

const corrupt = (detail: string): Problem => ({ kind: "Corrupt", detail })

const opus =
  (stream: OggStream, tags: MutableTags, onComments: (comments: Uint8Array) => void): OggHeaders => (packet) => {
    if (!OpusHead.isTags(packet)) return corrupt("the Opus comment header is missing")
    onComments(packet.subarray(8))
    const header: MutableHeader = {
      codec: "opus",
      rate: stream.rate,
      channels: stream.channels,
      setup: [],
      sampleFormat: undefined,
      opus: stream.decoding,
      delay: stream.preSkip,
      total: undefined,
      warmUp: opusWarmUp,
      tags
    }
    return { header, counter: undefined }
  }

const vorbis = (
  identification: Vorbis.Identification,
  first: Uint8Array,
  tags: MutableTags,
  onComments: (comments: Uint8Array) => void
): OggHeaders => {
  let isCommented = false
  return (packet) => {
    if (!isCommented) {
      if (!Vorbis.isHeader(packet, "comment")) return corrupt("the Vorbis comment header is missing")
      isCommented = true
      onComments(packet.subarray(7))
      return "more"
    }
    const long = Vorbis.modes(packet)
    if (long === undefined) return corrupt("the Vorbis setup header is malformed")
    const header: MutableHeader = {
      codec: "vorbis",
      rate: identification.rate,
      channels: identification.channels,
      setup: [first, new Uint8Array(0), packet],
      sampleFormat: undefined,
      delay: 0,
      total: undefined,
      warmUp: identification.blocks[1],
      tags
    }
    return { header, counter: Vorbis.counter(identification.blocks, long) }
  }
}

/** The last block type of FLAC (RFC 9639, 8.1): a picture. */
const lastFlacType = 6

/**
 * Whether a packet of FLAC that begins with this byte is a frame; `undefined` if it is neither that nor a block of metadata.
 *
 * @category guards
 * @since 0.1.0
 */
export const isFrame = (first: number | undefined): boolean | undefined => {
  if (first === 0xff) return true
  return first !== undefined && (first & 127) <= lastFlacType ? false : undefined
}

/** Blocks of metadata (RFC 9639, 8). The last one is marked as such, but some writers mark none, or another one. */
const flac = (
  info: FlacFrame.StreamInfo,
  tags: MutableTags,
  onComments: (comments: Uint8Array) => void
): OggHeaders => {
  let isCommented = false
  return (packet) => {
    const [first = 0] = packet
    if (isFrame(first) === true && !isCommented) return corrupt("the FLAC comment header is missing")
    isCommented = true
    if ((first & 127) === 4) onComments(packet.subarray(4))
    if ((first & 128) === 0) return "more"
    const header: MutableHeader = {
      codec: "flac",
      rate: info.rate,
      channels: info.channels,
      setup: [],
      sampleFormat: undefined,
      delay: 0,
      total: undefined,
      warmUp: 0,
      tags
    }
    return { header, counter: FlacFrame.counter(info) }
  }
}

/**
 * Reads the headers of the stream that the packet `first` describes. `onComments` is called with the comments, as they are
 * after their magic; `tags` are those of the header.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  stream: OggStream,
  first: Uint8Array,
  tags: MutableTags,
  onComments: (comments: Uint8Array) => void
): OggHeaders => {
  if (stream.flac !== undefined) return flac(stream.flac, tags, onComments)
  return stream.vorbis === undefined
    ? opus(stream, tags, onComments)
    : vorbis(stream.vorbis, first.slice(), tags, onComments)
}

/**
 * Whether two streams of Vorbis have the same headers, so that a decoder can continue from one to the other.
 *
 * @category guards
 * @since 0.1.0
 */
export const isSameSetup = (a: Header["setup"], b: Header["setup"]): boolean =>
  a.length === b.length && a.every((bytes, i) => Buffer.compare(bytes, b[i] ?? new Uint8Array(0)) === 0)
