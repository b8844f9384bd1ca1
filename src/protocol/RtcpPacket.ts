/**
 * RTCP packets (RFC 3550, 6; feedback: RFC 4585, 6.1) and the compound packets that they travel in. Integers are
 * big-endian and, where not said otherwise, unsigned.
 *
 * What only an application understands (profile-specific extensions, feedback control information, packet types beyond
 * 206) is kept as bytes, so that decoding loses nothing but the values of padding bytes. Byte fields of decoded packets
 * are views of the datagram, not copies.
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { requireUint, setU16, setU24, setU32, u16, u24, u32, u8, view } from "./internal/bytes.ts"

/**
 * The packet types known here.
 *
 * @category constants
 * @since 0.1.0
 */
export const packetType = {
  SenderReport: 200,
  ReceiverReport: 201,
  SourceDescription: 202,
  Goodbye: 203,
  Application: 204,
  TransportFeedback: 205,
  PayloadFeedback: 206
} as const

/**
 * What one receiver says about one source (RFC 3550, 6.4.1).
 *
 * @category models
 * @since 0.1.0
 */
export interface ReportBlock {
  readonly ssrc: number
  /** Packets lost since the last report, in 256ths of those expected: 0 to 255. */
  readonly fractionLost: number
  /** Packets lost since the start: a signed 24-bit integer, negative if duplicates came. */
  readonly cumulativeLost: number
  /** The highest sequence number received, with the count of its wraps in the upper 16 bits. */
  readonly highestSequence: number
  /** Interarrival jitter in units of the media clock. */
  readonly jitter: number
  /** The middle 32 bits of the NTP timestamp of the last sender report; 0 without one. */
  readonly lastSenderReport: number
  /** Time since that report in units of 1/65536 second. */
  readonly delaySinceLastSenderReport: number
}

/**
 * What an active sender reports (RFC 3550, 6.4.1).
 *
 * @category models
 * @since 0.1.0
 */
export interface SenderReport {
  readonly _tag: "SenderReport"
  readonly ssrc: number
  /** 64 bits: seconds since 1900 in the upper half, 2^-32 seconds in the lower. */
  readonly ntpTimestamp: bigint
  /** The same moment in units of the media clock. */
  readonly rtpTimestamp: number
  readonly packetCount: number
  /** Bytes of payload sent, without headers and padding. */
  readonly octetCount: number
  /** Up to 31. */
  readonly reports: ReadonlyArray<ReportBlock>
  /** Profile-specific extension: a multiple of 4 bytes, mostly none. */
  readonly extension: Uint8Array
}

/**
 * What a participant reports that does not send (RFC 3550, 6.4.2).
 *
 * @category models
 * @since 0.1.0
 */
export interface ReceiverReport {
  readonly _tag: "ReceiverReport"
  readonly ssrc: number
  /** Up to 31. */
  readonly reports: ReadonlyArray<ReportBlock>
  /** Profile-specific extension: a multiple of 4 bytes, mostly none. */
  readonly extension: Uint8Array
}

/**
 * An item of a source description.
 *
 * @category models
 * @since 0.1.0
 */
export interface DescriptionItem {
  /** 1 to 255: 1 is CNAME, 8 PRIV (RFC 3550, 6.5). */
  readonly type: number
  /** Up to 255 bytes: UTF-8, except in PRIV. */
  readonly data: Uint8Array
}

/**
 * The items of one source.
 *
 * @category models
 * @since 0.1.0
 */
export interface DescriptionChunk {
  readonly ssrc: number
  readonly items: ReadonlyArray<DescriptionItem>
}

/**
 * Who the sources are (RFC 3550, 6.5).
 *
 * @category models
 * @since 0.1.0
 */
export interface SourceDescription {
  readonly _tag: "SourceDescription"
  /** Up to 31. */
  readonly chunks: ReadonlyArray<DescriptionChunk>
}

/**
 * Sources that leave (RFC 3550, 6.6).
 *
 * @category models
 * @since 0.1.0
 */
export interface Goodbye {
  readonly _tag: "Goodbye"
  /** Up to 31 SSRCs. */
  readonly ssrcs: ReadonlyArray<number>
  /** Up to 255 bytes of UTF-8. Absent and empty are two things on the wire. */
  readonly reason?: Uint8Array | undefined
}

/**
 * A packet defined by an application (RFC 3550, 6.7).
 *
 * @category models
 * @since 0.1.0
 */
export interface Application {
  readonly _tag: "Application"
  /** 0 to 31. */
  readonly subtype: number
  readonly ssrc: number
  /** 32 bits: four ASCII characters by the RFC. */
  readonly name: number
  /** A multiple of 4 bytes. */
  readonly data: Uint8Array
}

/**
 * Feedback about transport, such as NACK (format 1) and transport-wide congestion control (format 15), or about payload,
 * such as PLI (format 1) and FIR (format 4) (RFC 4585, 6.1).
 *
 * @category models
 * @since 0.1.0
 */
export interface Feedback {
  readonly _tag: "TransportFeedback" | "PayloadFeedback"
  /** 0 to 31. */
  readonly format: number
  readonly senderSsrc: number
  readonly mediaSsrc: number
  /** Feedback control information: a multiple of 4 bytes. */
  readonly information: Uint8Array
}

/**
 * A packet of a type that is not known here.
 *
 * @category models
 * @since 0.1.0
 */
export interface Unknown {
  readonly _tag: "Unknown"
  /** 0 to 255, without 200 to 206. */
  readonly packetType: number
  /** The lower five bits of the first byte. */
  readonly count: number
  /** All behind the first 4 bytes: a multiple of 4 bytes. */
  readonly body: Uint8Array
}

/**
 * One packet of a compound packet.
 *
 * @category models
 * @since 0.1.0
 */
export type RtcpPacket =
  | SenderReport
  | ReceiverReport
  | SourceDescription
  | Goodbye
  | Application
  | Feedback
  | Unknown

/**
 * Bytes that are not a compound RTCP packet.
 *
 * - `TooShort`: no packet at all, or less than the length that a packet claims.
 * - `BadVersion`: the version is not 2.
 * - `BadPadding`: padding on a packet that is not the last, of a length that is 0, no multiple of 4, or more than there is.
 * - `BadBody`: a packet that is too short for what its count promises, or longer than its kind can be.
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
 * An item that names a source: CNAME. A name of more than 255 bytes in UTF-8 is refused by {@link encode}.
 *
 * @category constructors
 * @since 0.1.0
 */
export const cname = (name: string): DescriptionItem => ({ type: 1, data: new TextEncoder().encode(name) })

const reportBytes = 24

const align = (length: number): number => (length + 3) & ~3

const decodeReports = (body: Uint8Array, offset: number, count: number): ReadonlyArray<ReportBlock> =>
  Array.from({ length: count }, (_, index) => {
    const at = offset + reportBytes * index
    return {
      ssrc: u32(body, at),
      fractionLost: u8(body, at + 4),
      cumulativeLost: (u24(body, at + 5) << 8) >> 8,
      highestSequence: u32(body, at + 8),
      jitter: u32(body, at + 12),
      lastSenderReport: u32(body, at + 16),
      delaySinceLastSenderReport: u32(body, at + 20)
    }
  })

const decodeSenderReport = (body: Uint8Array, count: number): SenderReport | undefined => {
  const end = 24 + reportBytes * count
  return body.length < end ? undefined : {
    _tag: "SenderReport",
    ssrc: u32(body, 0),
    ntpTimestamp: (BigInt(u32(body, 4)) << 32n) | BigInt(u32(body, 8)),
    rtpTimestamp: u32(body, 12),
    packetCount: u32(body, 16),
    octetCount: u32(body, 20),
    reports: decodeReports(body, 24, count),
    extension: body.subarray(end)
  }
}

const decodeReceiverReport = (body: Uint8Array, count: number): ReceiverReport | undefined => {
  const end = 4 + reportBytes * count
  return body.length < end ? undefined : {
    _tag: "ReceiverReport",
    ssrc: u32(body, 0),
    reports: decodeReports(body, 4, count),
    extension: body.subarray(end)
  }
}

const decodeSourceDescription = (body: Uint8Array, count: number): SourceDescription | undefined => {
  const chunks: Array<DescriptionChunk> = []
  let offset = 0
  for (let i = 0; i < count; i++) {
    if (offset + 8 > body.length) return undefined
    const ssrc = u32(body, offset)
    const items: Array<DescriptionItem> = []
    offset += 4
    while (offset < body.length && u8(body, offset) !== 0) {
      const end = offset + 2 + u8(body, offset + 1)
      if (end > body.length) return undefined
      items.push({ type: u8(body, offset), data: body.subarray(offset + 2, end) })
      offset = end
    }
    offset = align(offset + 1)
    chunks.push({ ssrc, items })
  }
  return offset === body.length ? { _tag: "SourceDescription", chunks } : undefined
}

const decodeGoodbye = (body: Uint8Array, count: number): Goodbye | undefined => {
  const end = 4 * count
  if (body.length < end) return undefined
  const ssrcs = Array.from({ length: count }, (_, index) => u32(body, 4 * index))
  if (body.length === end) return { _tag: "Goodbye", ssrcs }
  const reasonEnd = end + 1 + u8(body, end)
  return align(reasonEnd) === body.length
    ? { _tag: "Goodbye", ssrcs, reason: body.subarray(end + 1, reasonEnd) }
    : undefined
}

const decodeApplication = (body: Uint8Array, subtype: number): Application | undefined =>
  body.length < 8 ? undefined : {
    _tag: "Application",
    subtype,
    ssrc: u32(body, 0),
    name: u32(body, 4),
    data: body.subarray(8)
  }

const decodeFeedback = (_tag: Feedback["_tag"], body: Uint8Array, format: number): Feedback | undefined =>
  body.length < 8 ? undefined : {
    _tag,
    format,
    senderSsrc: u32(body, 0),
    mediaSsrc: u32(body, 4),
    information: body.subarray(8)
  }

const decodeBody = (type: number, count: number, body: Uint8Array): RtcpPacket | undefined => {
  switch (type) {
    case packetType.SenderReport:
      return decodeSenderReport(body, count)
    case packetType.ReceiverReport:
      return decodeReceiverReport(body, count)
    case packetType.SourceDescription:
      return decodeSourceDescription(body, count)
    case packetType.Goodbye:
      return decodeGoodbye(body, count)
    case packetType.Application:
      return decodeApplication(body, count)
    case packetType.TransportFeedback:
      return decodeFeedback("TransportFeedback", body, count)
    case packetType.PayloadFeedback:
      return decodeFeedback("PayloadFeedback", body, count)
    default:
      return { _tag: "Unknown", packetType: type, count, body }
  }
}

/**
 * Decodes a plain compound packet of one packet or more. That the first is a report, as RFC 3550, 6.1 wants and RFC 5506
 * does not, is not checked. Padding is taken away.
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

const requireWords = (name: string, data: Uint8Array): number => {
  if (data.length % 4 !== 0) throw new RangeError(`${name} must be a multiple of 4 bytes, got ${data.length}`)
  return data.length
}

const requireUint32 = (name: string, value: number): number => requireUint(name, value, 0xffff_ffff)

const chunkBytes = (chunk: DescriptionChunk): number =>
  align(4 + chunk.items.reduce((sum, item) => sum + 2 + item.data.length, 0) + 1)

const bodyBytes = (packet: RtcpPacket): number => {
  switch (packet._tag) {
    case "SenderReport":
      return 24 + reportBytes * packet.reports.length + requireWords("extension", packet.extension)
    case "ReceiverReport":
      return 4 + reportBytes * packet.reports.length + requireWords("extension", packet.extension)
    case "SourceDescription":
      return packet.chunks.reduce((sum, chunk) => sum + chunkBytes(chunk), 0)
    case "Goodbye":
      return 4 * packet.ssrcs.length + (packet.reason === undefined ? 0 : align(1 + packet.reason.length))
    case "Application":
      return 8 + requireWords("data", packet.data)
    case "TransportFeedback":
    case "PayloadFeedback":
      return 8 + requireWords("information", packet.information)
    case "Unknown":
      return requireWords("body", packet.body)
  }
}

const writeReports = (into: Uint8Array, offset: number, reports: ReadonlyArray<ReportBlock>): number => {
  let at = offset
  for (const report of reports) {
    setU32(into, at, requireUint32("ssrc", report.ssrc))
    into[at + 4] = requireUint("fractionLost", report.fractionLost, 0xff)
    setU24(into, at + 5, requireUint("cumulativeLost + 2^23", report.cumulativeLost + 0x80_0000, 0xff_ffff) - 0x80_0000)
    setU32(into, at + 8, requireUint32("highestSequence", report.highestSequence))
    setU32(into, at + 12, requireUint32("jitter", report.jitter))
    setU32(into, at + 16, requireUint32("lastSenderReport", report.lastSenderReport))
    setU32(into, at + 20, requireUint32("delaySinceLastSenderReport", report.delaySinceLastSenderReport))
    at += reportBytes
  }
  return at
}

const writeChunk = (into: Uint8Array, offset: number, chunk: DescriptionChunk): void => {
  let at = offset + 4
  setU32(into, offset, requireUint32("ssrc", chunk.ssrc))
  for (const { data, type } of chunk.items) {
    into[at] = requireUint("type - 1", type - 1, 0xfe) + 1
    into[at + 1] = requireUint("bytes of an item", data.length, 0xff)
    into.set(data, at + 2)
    at += 2 + data.length
  }
}

/** Writes the body and returns the packet type and the five bits of the first byte. */
const writeBody = (into: Uint8Array, at: number, packet: RtcpPacket): readonly [type: number, count: number] => {
  switch (packet._tag) {
    case "SenderReport":
      if (packet.ntpTimestamp < 0n || packet.ntpTimestamp >= 1n << 64n) {
        throw new RangeError("ntpTimestamp must fit 64 bits")
      }
      setU32(into, at, requireUint32("ssrc", packet.ssrc))
      setU32(into, at + 4, Number(packet.ntpTimestamp >> 32n))
      setU32(into, at + 8, Number(packet.ntpTimestamp & 0xffff_ffffn))
      setU32(into, at + 12, requireUint32("rtpTimestamp", packet.rtpTimestamp))
      setU32(into, at + 16, requireUint32("packetCount", packet.packetCount))
      setU32(into, at + 20, requireUint32("octetCount", packet.octetCount))
      into.set(packet.extension, writeReports(into, at + 24, packet.reports))
      return [packetType.SenderReport, packet.reports.length]
    case "ReceiverReport":
      setU32(into, at, requireUint32("ssrc", packet.ssrc))
      into.set(packet.extension, writeReports(into, at + 4, packet.reports))
      return [packetType.ReceiverReport, packet.reports.length]
    case "SourceDescription": {
      let offset = at
      for (const chunk of packet.chunks) {
        writeChunk(into, offset, chunk)
        offset += chunkBytes(chunk)
      }
      return [packetType.SourceDescription, packet.chunks.length]
    }
    case "Goodbye":
      packet.ssrcs.forEach((ssrc, index) => setU32(into, at + 4 * index, requireUint32("ssrc", ssrc)))
      if (packet.reason !== undefined) {
        const offset = at + 4 * packet.ssrcs.length
        into[offset] = requireUint("bytes of reason", packet.reason.length, 0xff)
        into.set(packet.reason, offset + 1)
      }
      return [packetType.Goodbye, packet.ssrcs.length]
    case "Application":
      setU32(into, at, requireUint32("ssrc", packet.ssrc))
      setU32(into, at + 4, requireUint32("name", packet.name))
      into.set(packet.data, at + 8)
      return [packetType.Application, packet.subtype]
    case "TransportFeedback":
    case "PayloadFeedback":
      setU32(into, at, requireUint32("senderSsrc", packet.senderSsrc))
      setU32(into, at + 4, requireUint32("mediaSsrc", packet.mediaSsrc))
      into.set(packet.information, at + 8)
      return [packetType[packet._tag], packet.format]
    case "Unknown":
      if (packet.packetType >= packetType.SenderReport && packet.packetType <= packetType.PayloadFeedback) {
        throw new RangeError(`packetType ${packet.packetType} has a form of its own`)
      }
      into.set(packet.body, at)
      return [requireUint("packetType", packet.packetType, 0xff), packet.count]
  }
}

/**
 * Encodes packets as one compound packet, with `paddingLength` bytes of padding behind the last: a multiple of 4, up to
 * 252. No packets, and values that do not fit their field, are a bug of the caller and throw a `RangeError`.
 *
 * @category codecs
 * @since 0.1.0
 */
export const encode = (packets: ReadonlyArray<RtcpPacket>, paddingLength: number = 0): Uint8Array => {
  if (packets.length === 0) throw new RangeError("a compound packet has at least one packet")
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
