/**
 * RTCP packets (RFC 3550, 6; feedback: RFC 4585, 6.1) and the compound packets that contain them. Integers are big-endian and,
 * unless stated otherwise, unsigned.
 *
 * Data that only an application understands (profile-specific extensions, feedback control information, packet types beyond
 * 206) is kept as bytes, so decoding loses nothing but the values of padding bytes. Byte fields of decoded packets are views of
 * the datagram, not copies.
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { requireUint, setU16, u16, u8, view } from "./internal/bytes.ts"
import { bodyBytes, decodeBody, writeBody } from "./internal/rtcpBody.ts"
import type { DescriptionItem, RtcpPacket } from "./internal/rtcpForms.ts"

export type {
  Application,
  DescriptionChunk,
  DescriptionItem,
  Feedback,
  Goodbye,
  ReceiverReport,
  ReportBlock,
  RtcpPacket,
  SenderReport,
  SourceDescription,
  Unknown
} from "./internal/rtcpForms.ts"

export { packetType } from "./internal/rtcpForms.ts"

/**
 * Bytes that are not a compound RTCP packet.
 *
 * - `TooShort`: no packet at all, or fewer bytes than a packet claims.
 * - `BadVersion`: the version is not 2.
 * - `BadPadding`: padding on a packet that is not the last, or of a length that is 0, not a multiple of 4, or greater than the
 *   packet.
 * - `BadBody`: a packet that is too short for its count, or longer than its kind can be.
 *
 * `offset` is where the packet starts, in bytes.
 *
 * @category errors
 * @since 0.1.0
 */
export class RtcpError extends Schema.TaggedError<RtcpError>("effect-discord-voice/protocol/RtcpError")("RtcpError", {
  kind: Schema.Literals(["TooShort", "BadVersion", "BadPadding", "BadBody"]),
  offset: Schema.Int
}) {
  override get message() {
    return `Not an RTCP packet: ${this.kind} at byte ${this.offset}`
  }
}

/**
 * Makes an item that names a source: CNAME. {@link encode} rejects a name of more than 255 bytes in UTF-8.
 *
 * @category constructors
 * @since 0.1.0
 */
export const cname = (name: string): DescriptionItem => ({ type: 1, data: new TextEncoder().encode(name) })

/**
 * Decodes a plain compound packet with at least one packet. It does not check that the first is a report, which RFC 3550, 6.1
 * requires and RFC 5506 does not. Padding is removed.
 *
 * @category codecs
 * @since 0.1.0
 */
export const decode = (bytes: Uint8Array): Result.Result<ReadonlyArray<RtcpPacket>, RtcpError> => {
  const packets: Array<RtcpPacket> = []
  let offset = 0
  do {
    const fail = (kind: RtcpError["kind"]) => Result.fail(new RtcpError({ kind, offset }))
    if (offset + 4 > bytes.length) return fail("TooShort")
    const first = u8(bytes, offset)
    if (first >>> 6 !== 2) return fail("BadVersion")
    const end = offset + 4 + 4 * u16(bytes, offset + 2)
    if (end > bytes.length) return fail("TooShort")
    let bodyEnd = end
    if ((first & 0x20) !== 0) {
      const padding = u8(bytes, end - 1)
      bodyEnd = end - padding
      if (end !== bytes.length || padding === 0 || padding % 4 !== 0 || bodyEnd < offset + 4) return fail("BadPadding")
    }
    const packet = decodeBody(u8(bytes, offset + 1), first & 0x1f, view(bytes, offset + 4, bodyEnd))
    if (packet === undefined) return fail("BadBody")
    packets.push(packet)
    offset = end
  } while (offset < bytes.length)
  return Result.succeed(packets)
}

/**
 * Encodes packets as one compound packet, with `paddingLength` bytes of padding after the last: a multiple of 4, up to 252.
 * Throws a `RangeError` if there are no packets, or if a value does not fit its field.
 *
 * @category codecs
 * @since 0.1.0
 */
export const encode = (packets: ReadonlyArray<RtcpPacket>, paddingLength: number = 0): Uint8Array => {
  if (packets.length === 0) throw new RangeError("a compound packet must contain at least one packet")
  requireUint("paddingLength / 4", paddingLength / 4, 63)
  const bytes = new Uint8Array(packets.reduce((sum, packet) => sum + 4 + bodyBytes(packet), paddingLength))
  let offset = 0
  packets.forEach((packet, index) => {
    const padding = index === packets.length - 1 ? paddingLength : 0
    const length = bodyBytes(packet) + padding
    const [type, count] = writeBody(bytes, offset + 4, packet)
    bytes[offset] = 0x80 | (padding > 0 ? 0x20 : 0) | requireUint("count", count, 31)
    bytes[offset + 1] = type
    setU16(bytes, offset + 2, requireUint("32-bit words of a packet", length / 4, 0xffff))
    offset += 4 + length
    if (padding > 0) bytes[offset - 1] = padding
  })
  return bytes
}
