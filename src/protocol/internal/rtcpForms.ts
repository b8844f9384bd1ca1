/**
 * The packets of RTCP as values (RFC 3550, 6; feedback: RFC 4585, 6.1). Integers are unsigned unless stated otherwise.
 *
 * @since 0.1.0
 */

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
  /** Packets lost since the start: a signed 24-bit integer, negative if duplicates arrived. */
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
  /** Profile-specific extension: a multiple of 4 bytes, usually empty. */
  readonly extension: Uint8Array
}

/**
 * The report of a participant that does not send (RFC 3550, 6.4.2).
 *
 * @category models
 * @since 0.1.0
 */
export interface ReceiverReport {
  readonly _tag: "ReceiverReport"
  readonly ssrc: number
  /** Up to 31. */
  readonly reports: ReadonlyArray<ReportBlock>
  /** Profile-specific extension: a multiple of 4 bytes, usually empty. */
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
 * Descriptions of sources (RFC 3550, 6.5).
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
  /** Up to 255 bytes of UTF-8. Absent and empty are different on the wire. */
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
  /** 32 bits: four ASCII characters according to the RFC. */
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
 * A packet of an unknown type.
 *
 * @category models
 * @since 0.1.0
 */
export interface Unknown {
  readonly _tag: "Unknown"
  /** 0 to 255, except 200 to 206. */
  readonly packetType: number
  /** The lower five bits of the first byte. */
  readonly count: number
  /** Everything after the first 4 bytes: a multiple of 4 bytes. */
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
