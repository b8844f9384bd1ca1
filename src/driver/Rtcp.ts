/**
 * The reports of a connection (RTCP, RFC 3550, 6): those that arrive become numbers, and ours are sent every few seconds.
 * Plain code outside of the beat. What cannot be used is counted, never a failure.
 *
 * Discord's voice servers answer sender reports with receiver reports, and clients are to send a sender report about every 5
 * seconds (discord-userdoccers, Voice Connections, RTCP; most bots send none, and live). The first 8 bytes of a packet stay
 * readable and are authenticated; the rest is sealed like RTP, under the same key and counter. Nobody says what becomes of
 * the receiver reports of clients, so that these are sent only where it is asked for.
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import type { Ssrc } from "../protocol/Identifier.ts"
import * as OpusPacket from "../protocol/OpusPacket.ts"
import * as RtcpPacket from "../protocol/RtcpPacket.ts"
import * as RtpPacket from "../protocol/RtpPacket.ts"
import type { PacketCipher } from "../VoiceCrypto.ts"
import type { Reports } from "./Line.ts"
import type { MediaSender } from "./MediaSender.ts"
import type { Reception } from "./Reception.ts"
import type * as SsrcMap from "./SsrcMap.ts"

/**
 * What a receiver of our audio has said last.
 *
 * @category models
 * @since 0.1.0
 */
export interface Heard {
  /** Lost of those expected since its report before, 0 to 1. */
  readonly lossShare: number
  /** Lost since the start; below 0 where more duplicates came than packets were lost. */
  readonly lost: number
  readonly jitterMs: number
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Statistics {
  readonly received: number
  readonly failedToOpen: number
  readonly malformed: number
  readonly sent: number
  readonly heard: Heard | undefined
  readonly roundTripMs: number | undefined
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Rtcp {
  /** Takes one RTCP datagram; the bytes are opened in place. */
  readonly receive: (datagram: Uint8Array) => void
  readonly setCipher: (cipher: PacketCipher) => void
  /** Ends an interval: sends what is to be reported, if anything. */
  readonly report: () => void
  readonly statistics: () => Statistics
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Options {
  readonly cipher: PacketCipher
  /** Ours. */
  readonly ssrc: Ssrc
  readonly users: SsrcMap.SsrcMap
  readonly reception: Reception
  readonly sender: Pick<MediaSender, "statistics" | "timestampAt">
  /** Milliseconds of the monotonic clock. */
  readonly now: () => number
  /** The wall clock at one moment, in Unix milliseconds. Reports count on from there, so that it can be set meanwhile. */
  readonly unixMs: number
  readonly reports: Reports
  /** Sends the first `length` bytes of `packet`, and says whether the buffer can be used again at once. */
  readonly send: (packet: Uint8Array, length: number) => boolean
}

/**
 * Bytes of an RTCP packet that stay readable: the first word and the SSRC.
 *
 * @category constants
 * @since 0.1.0
 */
export const clearBytes = 8

/**
 * The time between reports is drawn between half and one and a half of this, so that those of many do not come together
 * (RFC 3550, 6.2). The first comes after half of it.
 *
 * @category constants
 * @since 0.1.0
 */
export const intervalMs = 5_000

/** From 1900, where NTP counts from, to 1970. */
const ntpEpochSeconds = 2_208_988_800

/** What an RTCP packet holds. Sources beyond are reported next time. */
const blockLimit = 31

/** Reports on sender reports before these are not believed: an answer takes less than a minute. */
const reportsKept = 16

/** An answer may seem to come earlier than its question by what is rounded in both. */
const roundingUnits = 64

const unitsPerMs = 65.536

const noBytes = new Uint8Array(0)

/**
 * The NTP timestamp of a moment: 64 bits, of which the upper half is seconds since 1900 (RFC 3550, 4).
 *
 * @category time
 * @since 0.1.0
 */
export const ntpOf = (unixMs: number): bigint => {
  const seconds = Math.floor(unixMs / 1000)
  const fraction = Math.floor((unixMs - seconds * 1000) / 1000 * 0x1_0000_0000)
  return BigInt.asUintN(32, BigInt(seconds + ntpEpochSeconds)) << 32n | BigInt(fraction)
}

/**
 * The moment of an NTP timestamp, in Unix milliseconds, in the era that ends in 2036.
 *
 * @category time
 * @since 0.1.0
 */
export const unixMsOf = (ntp: bigint): number =>
  (Number(ntp >> 32n) - ntpEpochSeconds) * 1000 + Number(ntp & 0xffff_ffffn) / 0x1_0000_0000 * 1000

/**
 * The middle 32 bits of an NTP timestamp: units of 1/65536 second.
 *
 * @category time
 * @since 0.1.0
 */
export const middleOf = (ntp: bigint): number => Number((ntp >> 16n) & 0xffff_ffffn)

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: Options): Rtcp => {
  const { now, reception, reports, sender, ssrc, users } = options
  const startMs = options.unixMs - now()
  let { cipher } = options
  let received = 0
  let failedToOpen = 0
  let malformed = 0
  let sent = 0
  let heard: Heard | undefined
  let roundTripMs: number | undefined
  let isServerHeard = false
  /** The middles of the sender reports that may still be answered. */
  const asked: Array<number> = []
  /** Packets sent when a report was made, and when the one before was. */
  let sentAtReport = 0
  let sentBefore = 0

  const onRoundTrip = ({ delaySinceLastSenderReport, lastSenderReport }: RtcpPacket.ReportBlock): void => {
    // what does not answer one of ours says nothing
    if (lastSenderReport === 0 || !asked.includes(lastSenderReport)) return
    const units = (middleOf(ntpOf(startMs + now())) - lastSenderReport - delaySinceLastSenderReport) | 0
    if (units < -roundingUnits) return
    roundTripMs = Math.max(0, units) / unitsPerMs
  }

  const onReports = (reporter: number, blocks: ReadonlyArray<RtcpPacket.ReportBlock>): void => {
    for (const block of blocks) {
      if (block.ssrc !== ssrc) continue
      // the server's own numbers are about our way to it; those of a member, should they be relayed, are about two ways
      // an SSRC is a number that was decoded as 32 bits
      const isMember = users.userOf(reporter as Ssrc) !== undefined
      if (isMember && isServerHeard) continue
      isServerHeard ||= !isMember
      heard = {
        lossShare: block.fractionLost / 256,
        lost: block.cumulativeLost,
        jitterMs: block.jitter / (OpusPacket.sampleRate / 1000)
      }
      onRoundTrip(block)
    }
  }

  const onPacket = (packet: RtcpPacket.RtcpPacket): void => {
    switch (packet._tag) {
      case "SenderReport":
        if (packet.ssrc !== ssrc) {
          reception.senderReport(packet.ssrc, {
            unixMs: unixMsOf(packet.ntpTimestamp),
            timestamp: packet.rtpTimestamp,
            middle: middleOf(packet.ntpTimestamp)
          }, now())
        }
        return onReports(packet.ssrc, packet.reports)
      case "ReceiverReport":
        return onReports(packet.ssrc, packet.reports)
      case "Goodbye":
        return packet.ssrcs.forEach(reception.forget)
    }
  }

  const send = (packet: RtcpPacket.RtcpPacket): boolean => {
    const plain = RtcpPacket.encode([packet])
    const buffer = cipher.workspace.next(plain.length + cipher.expansionBytes)
    buffer.set(plain)
    // a mode without a nonce of its own cannot seal reports, and a key that is used up is for the sender to tell
    const length = cipher.seal(buffer, clearBytes, plain.length)
    if (length >= 0) {
      sent++
      if (!options.send(buffer, length)) cipher.workspace.replace(buffer)
    }
    cipher.workspace.release()
    return length >= 0
  }

  const sendSenderReport = (blocks: ReadonlyArray<RtcpPacket.ReportBlock>): void => {
    const { bytes, packets } = sender.statistics()
    const nowMs = now()
    const ntpTimestamp = ntpOf(startMs + nowMs)
    const isSent = send({
      _tag: "SenderReport",
      ssrc,
      ntpTimestamp,
      rtpTimestamp: sender.timestampAt(nowMs),
      packetCount: packets >>> 0,
      octetCount: (bytes - packets * (RtpPacket.fixedHeaderBytes + cipher.expansionBytes)) % 0x1_0000_0000,
      reports: blocks,
      extension: noBytes
    })
    if (!isSent) return
    asked.push(middleOf(ntpTimestamp))
    if (asked.length > reportsKept) asked.shift()
  }

  return {
    receive: (datagram) => {
      received++
      const length = cipher.open(datagram, clearBytes, datagram.length)
      if (length < 0) {
        failedToOpen++
        return
      }
      const decoded = RtcpPacket.decode(datagram.subarray(0, length))
      if (Result.isFailure(decoded)) {
        malformed++
        return
      }
      for (const packet of decoded.success) onPacket(packet)
    },
    setCipher: (next) => {
      cipher = next
    },
    report: () => {
      const blocks = reception.interval(now(), blockLimit)
      const { packets } = sender.statistics()
      // whoever has sent in the last two intervals is a sender (RFC 3550, 6.4)
      const isSender = packets > sentBefore
      sentBefore = sentAtReport
      sentAtReport = packets
      if (reports === "none") return
      if (isSender) sendSenderReport(reports === "all" ? blocks : [])
      else if (reports === "all" && blocks.length > 0) {
        send({ _tag: "ReceiverReport", ssrc, reports: blocks, extension: noBytes })
      }
    },
    statistics: () => ({ received, failedToOpen, malformed, sent, heard, roundTripMs })
  }
}

/**
 * How long the first interval is, and each one after it, for a number drawn between 0 and 1: what RFC 3550 (6.2, 6.3.1) wants,
 * but for the parts of it that are about a channel whose bandwidth many share.
 *
 * @category time
 * @since 0.1.0
 */
export const nextMs = (isFirst: boolean, draw: number): number => (isFirst ? intervalMs / 2 : intervalMs) * (0.5 + draw)
