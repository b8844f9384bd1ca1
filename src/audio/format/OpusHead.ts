/**
 * The two header packets of Opus in a container (RFC 7845, 5): the identification header, which WebM carries as well, and
 * the comments. Integers are little-endian.
 *
 * @since 0.1.0
 */

/**
 * The identification header (RFC 7845, 5.1).
 *
 * @category models
 * @since 0.1.0
 */
export interface OpusHead {
  /** The number of channels, 1 to 8. */
  readonly channels: number
  /** Samples at 48 kHz that a decoder drops at the start. */
  readonly preSkip: number
  /** The rate of the sound before it was encoded in Hz, 0 if unknown. It says nothing about the stream. */
  readonly inputSampleRate: number
  /**
   * What it requires of a decoder, if that is more than Discord's clients do with a packet: it cannot be passed through then.
   */
  readonly decoding: Decoding | undefined
}

/**
 * How packets become channels: each contains one packet of every stream, of which the first `coupled` are stereo.
 *
 * @category models
 * @since 0.1.0
 */
export interface Decoding {
  /** The factor for the samples: the output gain of the header. */
  readonly gain: number
  readonly streams: number
  readonly coupled: number
  /**
   * For each channel that is heard, the index of the decoded channel (left and right of the coupled streams first), or 255
   * for silence.
   */
  readonly mapping: ReadonlyArray<number>
}

/**
 * Why a header cannot be played.
 *
 * @category models
 * @since 0.1.0
 */
export interface HeadProblem {
  readonly kind: "Unsupported" | "Corrupt"
  readonly detail: string
}

/**
 * The requirements of a header whose packets could be passed through; they decode to two channels, also if they are mono.
 *
 * @category constants
 * @since 0.1.0
 */
export const plain: Decoding = { gain: 1, streams: 1, coupled: 1, mapping: [0, 1] }

const ascii = (text: string): Uint8Array => new TextEncoder().encode(text)

const headMagic = ascii("OpusHead")
const tagsMagic = ascii("OpusTags")

const startsWith = (bytes: Uint8Array, magic: Uint8Array): boolean =>
  bytes.length >= magic.length && magic.every((byte, index) => bytes[index] === byte)

/**
 * Whether a packet is an identification header.
 *
 * @category guards
 * @since 0.1.0
 */
export const isHead = (packet: Uint8Array): boolean => startsWith(packet, headMagic)

/**
 * Whether a packet is a comment header.
 *
 * @category guards
 * @since 0.1.0
 */
export const isTags = (packet: Uint8Array): boolean => startsWith(packet, tagsMagic)

const headBytes = 19

/** RFC 7845, 5.1.1.2. */
const maxChannels = 8

const silent = 255

/** The table of mapping family 1 (RFC 7845, 5.1.1): the number of streams, how many of them are coupled, and the channels. */
const mappingOf = (view: DataView, channels: number): Omit<Decoding, "gain"> | HeadProblem => {
  const malformed = (detail: string): HeadProblem => ({ kind: "Corrupt", detail: `the Opus header ${detail}` })
  if (channels < 1 || channels > maxChannels) return malformed(`has ${channels} channels in mapping family 1`)
  if (view.byteLength < headBytes + 2 + channels) return malformed("ends inside its channel mapping")
  const streams = view.getUint8(headBytes)
  const coupled = view.getUint8(headBytes + 1)
  const mapping = Array.from({ length: channels }, (_, i) => view.getUint8(headBytes + 2 + i))
  const decoded = streams + coupled
  if (streams === 0 || coupled > streams || decoded > silent) {
    return malformed(`has ${streams} streams, of which ${coupled} are coupled`)
  }
  if (mapping.some((index) => index !== silent && index >= decoded)) {
    return malformed("maps a channel to a stream that does not exist")
  }
  return { streams, coupled, mapping }
}

/** Whether packets contain exactly what is to be heard: Discord's clients play both sides of stereo, and mono on both sides. */
const isPlain = ({ coupled, mapping, streams }: Omit<Decoding, "gain">): boolean => {
  if (streams !== 1) return false
  const [left, right] = mapping
  return coupled === 1
    ? mapping.length === 2 && left === 0 && right === 1
    : mapping.length <= 2 && mapping.every((index) => index === 0)
}

/**
 * Reads an identification header. Mapping family 0 is one stream of one or two channels, family 1 up to eight channels in any
 * number of streams; others are not sound for two ears, and `Unsupported`.
 *
 * @category codecs
 * @since 0.1.0
 */
export const decode = (packet: Uint8Array): OpusHead | HeadProblem => {
  if (!isHead(packet) || packet.length < headBytes) {
    return { kind: "Corrupt", detail: "the Opus identification header is malformed" }
  }
  const view = new DataView(packet.buffer, packet.byteOffset, packet.byteLength)
  const version = view.getUint8(8)
  // RFC 7845, 5.1: the upper half of the version changes when the layout becomes incompatible.
  if (version > 15) return { kind: "Unsupported", detail: `the Opus header has version ${version}, not 1` }
  const channels = view.getUint8(9)
  const gain = view.getInt16(16, true)
  const family = view.getUint8(18)
  if (family > 1) {
    return {
      kind: "Unsupported",
      detail:
        `it is Opus with channel mapping family ${family} and ${channels} channels; families 0 and 1 are supported`
    }
  }
  if (family === 0 && channels !== 1 && channels !== 2) {
    return { kind: "Corrupt", detail: `the Opus header has ${channels} channels in mapping family 0` }
  }
  const mapping = family === 1
    ? mappingOf(view, channels)
    : { streams: 1, coupled: channels - 1, mapping: channels === 1 ? [0] : [0, 1] }
  if ("kind" in mapping) return mapping
  return {
    channels,
    preSkip: view.getUint16(10, true),
    inputSampleRate: view.getUint32(12, true),
    // in steps of 1/256 dB
    decoding: gain === 0 && isPlain(mapping) ? undefined : { ...mapping, gain: 10 ** (gain / 256 / 20) }
  }
}

/**
 * Writes an identification header of mapping family 0 without gain.
 *
 * @category codecs
 * @since 0.1.0
 */
export const encode = (head: Omit<OpusHead, "decoding">): Uint8Array => {
  const bytes = new Uint8Array(headBytes)
  bytes.set(headMagic)
  const view = new DataView(bytes.buffer)
  view.setUint8(8, 1)
  view.setUint8(9, head.channels)
  view.setUint16(10, head.preSkip, true)
  view.setUint32(12, head.inputSampleRate, true)
  return bytes
}

/**
 * Writes a comment header (RFC 7845, 5.2). Names are upper-case by custom: TITLE, ARTIST.
 *
 * @category codecs
 * @since 0.1.0
 */
export const encodeTags = (vendor: string, tags: Readonly<Record<string, string>>): Uint8Array => {
  const comments = Object.entries(tags).map(([name, value]) => ascii(`${name}=${value}`))
  const vendorBytes = ascii(vendor)
  let size = tagsMagic.length + 8 + vendorBytes.length
  for (const comment of comments) size += 4 + comment.length
  const bytes = new Uint8Array(size)
  const view = new DataView(bytes.buffer)
  bytes.set(tagsMagic)
  let offset = tagsMagic.length
  const text = (value: Uint8Array) => {
    view.setUint32(offset, value.length, true)
    bytes.set(value, offset + 4)
    offset += 4 + value.length
  }
  text(vendorBytes)
  view.setUint32(offset, comments.length, true)
  offset += 4
  for (const comment of comments) text(comment)
  return bytes
}
