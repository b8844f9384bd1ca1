/**
 * The small datagrams that share a voice socket with media (pings and keepalives), and the classification of all datagrams.
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { requireUint, setU32, u16, u32, u8 } from "./internal/bytes.ts"
import * as IpDiscovery from "./IpDiscovery.ts"
import * as RtpPacket from "./RtpPacket.ts"

/**
 * What a datagram claims to be.
 *
 * @category models
 * @since 0.1.0
 */
export type Kind = "discovery" | "ping" | "rtcp" | "rtp" | "unknown"

/**
 * The first 32 bits of a ping, as the official client sends it.
 *
 * @category constants
 * @since 0.1.0
 */
export const pingMagic = 0x1337_cafe

/**
 * The first 32 bits of the reply to a ping.
 *
 * @category constants
 * @since 0.1.0
 */
export const pongMagic = 0x1337_f00d

/**
 * The size of a ping, of its reply and of a keepalive, in bytes.
 *
 * @category constants
 * @since 0.1.0
 */
export const pingBytes = 8

/**
 * Classifies the datagram in `bytes[0, length)` by its first bytes and its length. Allocates nothing.
 *
 * - Discovery is the 74-byte form, request or response: nothing identifies the older form.
 * - A ping is a ping or its reply.
 * - RTCP has a second byte of 200 to 206 (RFC 5761, 4), so an RTP packet must not combine a marker with a payload type of 72 to
 *   78.
 *
 * @category guards
 * @since 0.1.0
 */
export const classify = (bytes: Uint8Array, length: number = bytes.length): Kind => {
  if (length < pingBytes || length > bytes.length) return "unknown"
  const head = u32(bytes, 0)
  if (head === pingMagic || head === pongMagic) return "ping"
  if (length === 74) {
    const type = u16(bytes, 0)
    if (type === IpDiscovery.typeResponse || type === IpDiscovery.typeRequest) return "discovery"
  }
  if (length < RtpPacket.fixedHeaderBytes || u8(bytes, 0) >>> 6 !== RtpPacket.version) return "unknown"
  const second = u8(bytes, 1)
  return second >= 200 && second <= 206 ? "rtcp" : "rtp"
}

/**
 * A datagram is not the expected ping or reply.
 *
 * @category errors
 * @since 0.1.0
 */
export class PingError extends Schema.TaggedError<PingError>("effect-discord-voice/protocol/PingError")("PingError", {
  kind: Schema.Literals(["BadLength", "BadMagic"])
}) {
  override get message() {
    return `Not a ping: ${this.kind}`
  }
}

const failBadLength = Result.fail(new PingError({ kind: "BadLength" }))
const failBadMagic = Result.fail(new PingError({ kind: "BadMagic" }))

const encode = (magic: number, sequence: number): Uint8Array => {
  const bytes = new Uint8Array(pingBytes)
  setU32(bytes, 0, magic)
  setU32(bytes, 4, requireUint("sequence", sequence, 0xffff_ffff))
  return bytes
}

const decode = (magic: number, bytes: Uint8Array): Result.Result<number, PingError> => {
  if (bytes.length !== pingBytes) return failBadLength
  return u32(bytes, 0) === magic ? Result.succeed(u32(bytes, 4)) : failBadMagic
}

/**
 * Encodes a ping with a 32-bit sequence number. Throws a `RangeError` if the number is out of range.
 *
 * @category codecs
 * @since 0.1.0
 */
export const encodePing = (sequence: number): Uint8Array => encode(pingMagic, sequence)

/**
 * Encodes the reply to the ping with this sequence number. Throws a `RangeError` if the number is out of range.
 *
 * @category codecs
 * @since 0.1.0
 */
export const encodePong = (sequence: number): Uint8Array => encode(pongMagic, sequence)

/**
 * Decodes the sequence number of a ping.
 *
 * @category codecs
 * @since 0.1.0
 */
export const decodePing = (bytes: Uint8Array): Result.Result<number, PingError> => decode(pingMagic, bytes)

/**
 * Decodes the sequence number of the reply to a ping.
 *
 * @category codecs
 * @since 0.1.0
 */
export const decodePong = (bytes: Uint8Array): Result.Result<number, PingError> => decode(pongMagic, bytes)

/**
 * Encodes a keepalive as discord.js sends it: a 32-bit counter, little-endian, and 4 zeros. It keeps the mapping of a NAT open.
 * Servers have not answered it since March 2023. Throws a `RangeError` if the counter is out of range.
 *
 * @category codecs
 * @since 0.1.0
 */
export const encodeKeepalive = (counter: number): Uint8Array => {
  const bytes = new Uint8Array(pingBytes)
  requireUint("counter", counter, 0xffff_ffff)
  bytes[0] = counter
  bytes[1] = counter >>> 8
  bytes[2] = counter >>> 16
  bytes[3] = counter >>> 24
  return bytes
}
