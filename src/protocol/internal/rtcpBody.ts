/**
 * The bodies of RTCP packets, one form per type: everything after the first four bytes.
 *
 * @since 0.1.0
 */
import { requireUint, setU24, setU32, u24, u32, u8 } from "./bytes.ts"
import {
  type Application,
  type DescriptionChunk,
  type DescriptionItem,
  type Feedback,
  type Goodbye,
  packetType,
  type ReceiverReport,
  type ReportBlock,
  type RtcpPacket,
  type SenderReport,
  type SourceDescription
} from "./rtcpForms.ts"

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

/**
 * Decodes the part after the first four bytes of a packet. Returns `undefined` if the packet is too short for its count, or
 * longer than its kind can be.
 *
 * @category codecs
 * @since 0.1.0
 */
export const decodeBody = (type: number, count: number, body: Uint8Array): RtcpPacket | undefined => {
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

const requireWords = (name: string, data: Uint8Array): number => {
  if (data.length % 4 !== 0) throw new RangeError(`${name} must be a multiple of 4 bytes, got ${data.length}`)
  return data.length
}

const requireUint32 = (name: string, value: number): number => requireUint(name, value, 0xffff_ffff)

const chunkBytes = (chunk: DescriptionChunk): number =>
  align(4 + chunk.items.reduce((sum, item) => sum + 2 + item.data.length, 0) + 1)

/**
 * The length of the body in bytes.
 *
 * @category codecs
 * @since 0.1.0
 */
export const bodyBytes = (packet: RtcpPacket): number => {
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

/**
 * Writes the body and returns the packet type and the five bits of the first byte.
 *
 * @category codecs
 * @since 0.1.0
 */
export const writeBody = (into: Uint8Array, at: number, packet: RtcpPacket): readonly [type: number, count: number] => {
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
        throw new RangeError(`packetType ${packet.packetType} is not unknown: use its own _tag`)
      }
      into.set(packet.body, at)
      return [requireUint("packetType", packet.packetType, 0xff), packet.count]
  }
}
