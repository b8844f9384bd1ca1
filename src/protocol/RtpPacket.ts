/**
 * RTP packets (RFC 3550, 5.1) with header extensions (RFC 8285).
 *
 * There are two interfaces. {@link readHeader}, {@link writeHeader} and {@link unpad} work on buffers of the caller and
 * allocate nothing; they are for the 20 ms beat, where the payload is still sealed. {@link encode} and {@link decode} convert
 * between whole plain packets and values. Integers are big-endian; SSRCs and timestamps are unsigned 32-bit integers.
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import { requireUint, setU16, setU32, u32, view } from "./internal/bytes.ts"
import { badExtension, badPadding, badVersion, type RtpError, tooShort } from "./internal/RtpError.ts"
import {
  extensionBit,
  fixedHeaderBytes,
  makeHeader,
  paddingBit,
  readHeader,
  unpad,
  versionBits,
  writeHeader
} from "./internal/rtpHeader.ts"

export { decodeElements, encodeElements, profileOneByte, type RtpElement } from "./internal/rtpElements.ts"

export { RtpError } from "./internal/RtpError.ts"

export {
  extensionBit,
  fixedHeaderBytes,
  makeHeader,
  paddingBit,
  payloadTypeOpus,
  readHeader,
  type RtpHeader,
  unpad,
  version,
  versionBits,
  writeHeader
} from "./internal/rtpHeader.ts"

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
  /** The number of padding bytes after the payload, including the count: 0 (no padding) to 255. */
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
 * Encodes a packet. The padding consists of zeros and the count. Throws a `RangeError` if a value does not fit its field.
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
 * Decodes a plain packet, separating the extension and removing the padding. Payload and extension are views of `bytes`, not
 * copies.
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
 * The sequence number after `sequence`: 65535 is followed by 0.
 *
 * @category arithmetic
 * @since 0.1.0
 */
export const nextSequence = (sequence: number): number => (sequence + 1) & 0xffff

/**
 * How many packets `a` is ahead of `b`, modulo 2^16 with sign: -32768 to 32767.
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
 * How many samples `a` is ahead of `b`, modulo 2^32 with sign: a signed 32-bit integer.
 *
 * @category arithmetic
 * @since 0.1.0
 */
export const timestampDelta = (a: number, b: number): number => (a - b) | 0
