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
  readonly channels: 1 | 2
  /** Samples at 48 kHz that a decoder drops at the start. */
  readonly preSkip: number
  /** Hz of the sound before it was encoded, 0 if unknown. It says nothing about the stream. */
  readonly inputSampleRate: number
}

/**
 * Why a header is not one that can be played.
 *
 * @category models
 * @since 0.1.0
 */
export interface HeadProblem {
  readonly kind: "Unsupported" | "Corrupt"
  readonly detail: string
}

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

/**
 * Reads an identification header. Discord's clients decode what they get as mono or stereo and know nothing of a container,
 * so a header that asks the decoder for more is refused: other mapping families than 0, and an output gain.
 *
 * @category codecs
 * @since 0.1.0
 */
export const decode = (packet: Uint8Array): OpusHead | HeadProblem => {
  if (!isHead(packet) || packet.length < 19) {
    return { kind: "Corrupt", detail: "the Opus identification header is malformed" }
  }
  const view = new DataView(packet.buffer, packet.byteOffset, packet.byteLength)
  const version = view.getUint8(8)
  // RFC 7845, 5.1: the upper half of the version changes when the layout becomes incompatible.
  if (version > 15) return { kind: "Unsupported", detail: `the Opus header has version ${version}, not 1` }
  const channels = view.getUint8(9)
  const gain = view.getInt16(16, true)
  const family = view.getUint8(18)
  if (family !== 0) {
    return {
      kind: "Unsupported",
      detail:
        `Opus of channel mapping family ${family} with ${channels} channels; one or two channels of family 0 can ` +
        "be played"
    }
  }
  if (channels !== 1 && channels !== 2) {
    return { kind: "Corrupt", detail: `the Opus header has ${channels} channels in mapping family 0` }
  }
  if (gain !== 0) {
    return {
      kind: "Unsupported",
      detail: `the Opus header asks for an output gain of ${(gain / 256).toFixed(2)} dB, which only a decoder can apply`
    }
  }
  return { channels, preSkip: view.getUint16(10, true), inputSampleRate: view.getUint32(12, true) }
}

/**
 * Writes an identification header of mapping family 0 without gain.
 *
 * @category codecs
 * @since 0.1.0
 */
export const encode = (head: OpusHead): Uint8Array => {
  const bytes = new Uint8Array(19)
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
