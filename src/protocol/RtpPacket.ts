/**
 * RTP packets (RFC 3550, 5.1) with header extensions (RFC 8285).
 *
 * There are two ways in. {@link readHeader}, {@link writeHeader} and {@link unpad} work on buffers of the caller, allocate
 * nothing and are for the 20 ms beat, where the payload is still sealed. {@link encode} and {@link decode} turn whole
 * plain packets into values and back. Integers are big-endian; SSRCs and timestamps are unsigned 32-bit integers.
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { requireUint, setU16, setU32, u16, u32, u8, view } from "./internal/bytes.ts"

/**
 * The version in the two highest bits of the first byte.
 *
 * @category constants
 * @since 0.1.0
 */
export const version = 2

/**
 * The first byte of a header with neither padding, extension nor CSRCs: the version bits alone.
 *
 * @category constants
 * @since 0.1.0
 */
export const versionBits = 0x80

/**
 * The bit of the first byte that says that padding follows the payload.
 *
 * @category constants
 * @since 0.1.0
 */
export const paddingBit = 0x20

/**
 * The bit of the first byte that says that a header extension follows the CSRCs.
 *
 * @category constants
 * @since 0.1.0
 */
export const extensionBit = 0x10

/**
 * Bytes of the header up to the CSRCs.
 *
 * @category constants
 * @since 0.1.0
 */
export const fixedHeaderBytes = 12

/**
 * Discord's payload type of Opus.
 *
 * @category constants
 * @since 0.1.0
 */
export const payloadTypeOpus = 120

/**
 * The profile of an extension that holds elements with one-byte headers (RFC 8285, 4.2).
 *
 * @category constants
 * @since 0.1.0
 */
export const profileOneByte = 0xbede

/**
 * Bytes that are not an RTP packet.
 *
 * - `TooShort`: fewer bytes than the header needs.
 * - `BadVersion`: the version is not 2.
 * - `BadExtension`: an extension, or one of its elements, is longer than the bytes that are left.
 * - `BadPadding`: the last byte names no padding, or more than there is.
 *
 * The instances are shared: reading a bad packet costs no allocation, so their stack traces say nothing.
 *
 * @category errors
 * @since 0.1.0
 */
export class RtpError extends Schema.TaggedError<RtpError>("effect-discord-voice/protocol/RtpError")("RtpError", {
  kind: Schema.Literals(["TooShort", "BadVersion", "BadExtension", "BadPadding"])
}) {
  override get message() {
    return `Not an RTP packet: ${this.kind}`
  }
}

const tooShort = new RtpError({ kind: "TooShort" })
const badVersion = new RtpError({ kind: "BadVersion" })
const badExtension = new RtpError({ kind: "BadExtension" })
const badPadding = new RtpError({ kind: "BadPadding" })

/**
 * The header of a packet, to be filled again and again by {@link readHeader}.
 *
 * @category models
 * @since 0.1.0
 */
export interface RtpHeader {
  padding: boolean
  extension: boolean
  csrcCount: number
  marker: boolean
  payloadType: number
  sequence: number
  /** In units of the media clock: 48 kHz for Opus. */
  timestamp: number
  ssrc: number
  /** Bytes up to the extension, or the payload: 12 + 4 * CSRC count. */
  headerLength: number
  /** The 16 bits that name the form of the extension; 0 without one. */
  extensionProfile: number
  /** Length of the extension behind its preamble in 32-bit words; 0 without one. */
  extensionWords: number
  /** Bytes that stay readable in the rtpsize encryption modes: `headerLength`, and 4 more with an extension. */
  clearLength: number
}

/**
 * An empty header for {@link readHeader}.
 *
 * @category constructors
 * @since 0.1.0
 */
export const makeHeader = (): RtpHeader => ({
  padding: false,
  extension: false,
  csrcCount: 0,
  marker: false,
  payloadType: 0,
  sequence: 0,
  timestamp: 0,
  ssrc: 0,
  headerLength: fixedHeaderBytes,
  extensionProfile: 0,
  extensionWords: 0,
  clearLength: fixedHeaderBytes
})

/**
 * Reads the header of the packet in `bytes[0, length)`, sealed or plain, into `into`. Allocates nothing. On failure it
 * returns a shared error (`TooShort`, `BadVersion`) and leaves `into` in an unspecified state.
 *
 * The extension's length is not compared with the packet: in the modes with a fixed clear header the preamble is
 * ciphertext, so that `extensionProfile` and `extensionWords` mean something only after opening.
 *
 * @category codecs
 * @since 0.1.0
 */
export const readHeader = (bytes: Uint8Array, length: number, into: RtpHeader): RtpError | undefined => {
  if (length < fixedHeaderBytes || length > bytes.length) return tooShort
  const first = u8(bytes, 0)
  if (first >>> 6 !== version) return badVersion
  const second = u8(bytes, 1)
  const csrcCount = first & 0x0f
  const headerLength = fixedHeaderBytes + 4 * csrcCount
  const extension = (first & extensionBit) !== 0
  const clearLength = extension ? headerLength + 4 : headerLength
  if (length < clearLength) return tooShort
  into.padding = (first & paddingBit) !== 0
  into.extension = extension
  into.csrcCount = csrcCount
  into.marker = second >= 0x80
  into.payloadType = second & 0x7f
  into.sequence = u16(bytes, 2)
  into.timestamp = u32(bytes, 4)
  into.ssrc = u32(bytes, 8)
  into.headerLength = headerLength
  into.extensionProfile = extension ? u16(bytes, headerLength) : 0
  into.extensionWords = extension ? u16(bytes, headerLength + 2) : 0
  into.clearLength = clearLength
  return undefined
}

/**
 * Writes a header without padding, extension and CSRCs to the start of `into` and returns its length. Allocates nothing.
 * Values are cut to their fields: 7 bits of payload type, 16 of sequence, 32 of timestamp and SSRC.
 *
 * @category codecs
 * @since 0.1.0
 */
export const writeHeader = (
  into: Uint8Array,
  marker: boolean,
  payloadType: number,
  sequence: number,
  timestamp: number,
  ssrc: number
): 12 => {
  into[0] = versionBits
  into[1] = (marker ? 0x80 : 0) | (payloadType & 0x7f)
  setU16(into, 2, sequence)
  setU32(into, 4, timestamp)
  setU32(into, 8, ssrc)
  return fixedHeaderBytes
}

/**
 * The length of the payload in `payload[0, length)` without its RTP padding, to be called when the header's padding bit
 * is set. Returns -1 if the last byte is 0 or exceeds `length` (RFC 3550, 5.1), and 0 for a payload of padding alone.
 *
 * @category codecs
 * @since 0.1.0
 */
export const unpad = (payload: Uint8Array, length: number): number => {
  if (length < 1 || length > payload.length) return -1
  const padding = u8(payload, length - 1)
  return padding === 0 || padding > length ? -1 : length - padding
}

/**
 * A whole plain packet.
 *
 * @category models
 * @since 0.1.0
 */
export interface RtpPacket {
  readonly marker: boolean
  /** 0 to 127. */
  readonly payloadType: number
  /** 0 to 65535. */
  readonly sequence: number
  /** Unsigned 32-bit integer, in units of the media clock. */
  readonly timestamp: number
  /** Unsigned 32-bit integer. */
  readonly ssrc: number
  /** Contributing sources, up to 15. */
  readonly csrcs: ReadonlyArray<number>
  readonly extension?: RtpExtension | undefined
  readonly payload: Uint8Array
  /** Bytes of padding behind the payload, the count included; 0 (no padding) to 255. */
  readonly paddingLength: number
}

/**
 * A header extension: 16 bits that name its form, and whole 32-bit words.
 *
 * @category models
 * @since 0.1.0
 */
export interface RtpExtension {
  readonly profile: number
  /** A multiple of 4 bytes, up to 4 * 65535. See {@link decodeElements}. */
  readonly data: Uint8Array
}

/**
 * Encodes a packet; the padding is zeros and the count. A value that does not fit its field is a bug of the caller and
 * throws a `RangeError`.
 *
 * @category codecs
 * @since 0.1.0
 */
export const encode = (packet: RtpPacket): Uint8Array => {
  requireUint("csrcs.length", packet.csrcs.length, 15)
  requireUint("paddingLength", packet.paddingLength, 255)
  const extension = packet.extension
  const headerLength = fixedHeaderBytes + 4 * packet.csrcs.length
  const payloadOffset = extension === undefined ? headerLength : headerLength + 4 + extension.data.length
  const bytes = new Uint8Array(payloadOffset + packet.payload.length + packet.paddingLength)
  writeHeader(
    bytes,
    packet.marker,
    requireUint("payloadType", packet.payloadType, 0x7f),
    requireUint("sequence", packet.sequence, 0xffff),
    requireUint("timestamp", packet.timestamp, 0xffff_ffff),
    requireUint("ssrc", packet.ssrc, 0xffff_ffff)
  )
  let first = versionBits | packet.csrcs.length
  packet.csrcs.forEach((csrc, index) =>
    setU32(bytes, fixedHeaderBytes + 4 * index, requireUint("csrc", csrc, 0xffff_ffff))
  )
  if (extension !== undefined) {
    first |= extensionBit
    setU16(bytes, headerLength, requireUint("extension.profile", extension.profile, 0xffff))
    setU16(bytes, headerLength + 2, requireUint("32-bit words of extension.data", extension.data.length / 4, 0xffff))
    bytes.set(extension.data, headerLength + 4)
  }
  bytes.set(packet.payload, payloadOffset)
  if (packet.paddingLength > 0) {
    first |= paddingBit
    bytes[bytes.length - 1] = packet.paddingLength
  }
  bytes[0] = first
  return bytes
}

const failTooShort = Result.fail(tooShort)
const failBadVersion = Result.fail(badVersion)
const failBadExtension = Result.fail(badExtension)
const failBadPadding = Result.fail(badPadding)

/**
 * Decodes a plain packet: the extension is split off and the padding taken away. Payload and extension are views of
 * `bytes`, not copies.
 *
 * @category codecs
 * @since 0.1.0
 */
export const decode = (bytes: Uint8Array): Result.Result<RtpPacket, RtpError> => {
  const header = makeHeader()
  const error = readHeader(bytes, bytes.length, header)
  if (error !== undefined) return error === badVersion ? failBadVersion : failTooShort
  const payloadOffset = header.clearLength + 4 * header.extensionWords
  if (payloadOffset > bytes.length) return failBadExtension
  const padded = view(bytes, payloadOffset, bytes.length)
  const payloadLength = header.padding ? unpad(padded, padded.length) : padded.length
  if (payloadLength < 0) return failBadPadding
  return Result.succeed({
    marker: header.marker,
    payloadType: header.payloadType,
    sequence: header.sequence,
    timestamp: header.timestamp,
    ssrc: header.ssrc,
    csrcs: Array.from({ length: header.csrcCount }, (_, index) => u32(bytes, fixedHeaderBytes + 4 * index)),
    ...(header.extension
      ? { extension: { profile: header.extensionProfile, data: view(bytes, header.clearLength, payloadOffset) } }
      : {}),
    payload: padded.subarray(0, payloadLength),
    paddingLength: padded.length - payloadLength
  })
}

/**
 * An element of a header extension of profile {@link profileOneByte}.
 *
 * @category models
 * @since 0.1.0
 */
export interface RtpElement {
  /** 1 to 14: the local identifier. */
  readonly id: number
  /** 1 to 16 bytes. */
  readonly data: Uint8Array
}

/**
 * Encodes elements with one-byte headers, filled up with zeros to a multiple of 4 bytes (RFC 8285, 4.2). An id or a
 * length out of range is a bug of the caller and throws a `RangeError`.
 *
 * @category codecs
 * @since 0.1.0
 */
export const encodeElements = (elements: ReadonlyArray<RtpElement>): Uint8Array => {
  const length = elements.reduce((sum, element) => sum + 1 + element.data.length, 0)
  const bytes = new Uint8Array((length + 3) & ~3)
  let offset = 0
  for (const { data, id } of elements) {
    bytes[offset] = ((requireUint("id - 1", id - 1, 13) + 1) << 4) | requireUint("data.length - 1", data.length - 1, 15)
    bytes.set(data, offset + 1)
    offset += 1 + data.length
  }
  return bytes
}

/**
 * Decodes elements with one-byte headers (RFC 8285, 4.2). Padding between and behind elements is skipped. An element
 * with id 15, or with id 0 and a length, ends the list: what stands before it counts. Fails with `BadExtension` if an
 * element is longer than the bytes that are left. The data are views of `data`.
 *
 * @category codecs
 * @since 0.1.0
 */
export const decodeElements = (data: Uint8Array): Result.Result<ReadonlyArray<RtpElement>, RtpError> => {
  const elements: Array<RtpElement> = []
  let offset = 0
  while (offset < data.length) {
    const head = u8(data, offset)
    offset += 1
    if (head === 0) continue
    const id = head >>> 4
    if (id === 0 || id === 15) break
    const end = offset + (head & 0x0f) + 1
    if (end > data.length) return failBadExtension
    elements.push({ id, data: view(data, offset, end) })
    offset = end
  }
  return Result.succeed(elements)
}

/**
 * The sequence number after `sequence`: 65535 is followed by 0.
 *
 * @category arithmetic
 * @since 0.1.0
 */
export const nextSequence = (sequence: number): number => (sequence + 1) & 0xffff

/**
 * How many packets `a` is ahead of `b` the short way round: -32768 to 32767.
 *
 * @category arithmetic
 * @since 0.1.0
 */
export const sequenceDelta = (a: number, b: number): number => ((a - b) << 16) >> 16

/**
 * The timestamp `samples` after `timestamp` (before it, if negative), as an unsigned 32-bit integer.
 *
 * @category arithmetic
 * @since 0.1.0
 */
export const addTimestamp = (timestamp: number, samples: number): number => (timestamp + samples) >>> 0

/**
 * How many samples `a` is ahead of `b` the short way round: a signed 32-bit integer.
 *
 * @category arithmetic
 * @since 0.1.0
 */
export const timestampDelta = (a: number, b: number): number => (a - b) | 0
