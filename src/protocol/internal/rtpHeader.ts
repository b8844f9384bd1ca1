/**
 * The fixed header of RTP packets (RFC 3550, 5.1), on buffers of the caller: for the 20 ms beat, where the payload is still
 * sealed. Reading and writing allocate nothing.
 *
 * @since 0.1.0
 */
import { setU16, setU32, u16, u32, u8 } from "./bytes.ts"
import { badVersion, type RtpError, tooShort } from "./RtpError.ts"

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
  if (length < 1) return -1
  const padding = u8(payload, length - 1)
  return padding === 0 || padding > length ? -1 : length - padding
}
