/**
 * The reports of a connection (RTCP, RFC 3550, 6): received ones become numbers, and ours are sent every few seconds. Plain
 * code outside of the beat. Packets that cannot be used are counted and never cause a failure.
 *
 * Discord's voice servers answer sender reports with receiver reports, and clients should send a sender report about every 5
 * seconds (discord-userdoccers, Voice Connections, RTCP; most bots send none, without consequences). The first 8 bytes of a
 * packet stay readable and are authenticated; the rest is sealed like RTP, under the same key and counter. What happens to the
 * receiver reports of clients is undocumented, so they are sent only if requested.
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import type { Ssrc } from "../../protocol/Identifier.ts"
import * as OpusPacket from "../../protocol/OpusPacket.ts"
import * as RtcpPacket from "../../protocol/RtcpPacket.ts"
import * as RtpPacket from "../../protocol/RtpPacket.ts"
import type { PacketCipher } from "../../VoiceCrypto.ts"
import type { Reports } from "../Line.ts"
import type * as SsrcMap from "../SsrcMap.ts"
import type { Reception } from "./Reception.ts"
import type { MediaSender } from "./Sending.ts"

/**
 * What a receiver of our audio has last reported.
 *
 * @category models
 * @since 0.1.0
 */
export interface Heard {
  /** The lost share of the packets expected since its previous report, 0 to 1. */
  readonly lossShare: number
  /** Lost since the start; negative if there were more duplicates than losses. */
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
  /** Takes one RTCP datagram. The bytes are opened in place. */
  readonly receive: (datagram: Uint8Array) => void
  readonly setCipher: (cipher: PacketCipher) => void
  /** Ends an interval: sends what has to be reported, if anything. */
  readonly report: () => void
  readonly statistics: () => Statistics
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Options {
  readonly cipher: PacketCipher
  /** Our SSRC. */
  readonly ssrc: Ssrc
  readonly users: SsrcMap.SsrcMap
  readonly reception: Reception
  readonly sender: Pick<MediaSender, "statistics" | "timestampAt">
  /** Milliseconds of the monotonic clock. */
  readonly now: () => number
  /**
   * The wall clock at one moment, in Unix milliseconds. Reports count from there, so that later changes of the clock do not
   * matter.
   */
  readonly unixMs: number
  readonly reports: Reports
  /** Sends the first `length` bytes of `packet`, and returns whether the buffer can be reused immediately. */
  readonly send: (packet: Uint8Array, length: number) => boolean
}

/**
 * The number of bytes of an RTCP packet that stay readable: the first word and the SSRC.
 *
 * @category constants
 * @since 0.1.0
 */
export const clearBytes = 8

/**
 * The time between reports is drawn between half and one and a half of this, so that those of many connections do not coincide
 * (RFC 3550, 6.2). The first comes after half of it.
 *
 * @category constants
 * @since 0.1.0
 */
export const intervalMs = 5_000

/** From 1900, the origin of NTP, to 1970. */
const ntpEpochSeconds = 2_208_988_800

/** The capacity of an RTCP packet. Further sources are reported next time. */
const blockLimit = 31

/** The number of sender reports that can still be answered: an answer takes less than a minute. */
const reportsKept = 16

/** Because of rounding on both sides, an answer may seem to come before its question by this much. */
const roundingUnits = 64

const unitsPerMs = 65.536

const noBytes = new Uint8Array(0)

/**
 * The NTP timestamp of a moment: 64 bits, with seconds since 1900 in the upper half (RFC 3550, 4).
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

class Reporter implements Rtcp {
  #cipher: PacketCipher
  readonly #ssrc: Ssrc
  readonly #users: SsrcMap.SsrcMap
  readonly #reception: Reception
  readonly #sender: Options["sender"]
  readonly #now: () => number
  readonly #reports: Reports
  readonly #send: Options["send"]
  /** The wall clock when the monotonic clock was at 0. */
  readonly #startMs: number
  #received = 0
  #failedToOpen = 0
  #malformed = 0
  #sent = 0
  #heard: Heard | undefined
  #roundTripMs: number | undefined
  #isServerHeard = false
  /** The middles of the sender reports that may still be answered. */
  readonly #asked: Array<number> = []
  /** Packets sent at the time of the last report, and of the one before. */
  #sentAtReport = 0
  #sentBefore = 0

  constructor(options: Options) {
    this.#cipher = options.cipher
    this.#ssrc = options.ssrc
    this.#users = options.users
    this.#reception = options.reception
    this.#sender = options.sender
    this.#now = options.now
    this.#reports = options.reports
    this.#send = options.send
    this.#startMs = options.unixMs - options.now()
  }

  receive(datagram: Uint8Array): void {
    this.#received++
    const length = this.#cipher.open(datagram, clearBytes, datagram.length)
    if (length < 0) {
      this.#failedToOpen++
      return
    }
    const decoded = RtcpPacket.decode(datagram.subarray(0, length))
    if (Result.isFailure(decoded)) {
      this.#malformed++
      return
    }
    for (const packet of decoded.success) this.#onPacket(packet)
  }

  setCipher(cipher: PacketCipher): void {
    this.#cipher = cipher
  }

  report(): void {
    const blocks = this.#reception.interval(this.#now(), blockLimit)
    const { packets } = this.#sender.statistics()
    // a participant that has sent in the last two intervals is a sender (RFC 3550, 6.4)
    const isSender = packets > this.#sentBefore
    this.#sentBefore = this.#sentAtReport
    this.#sentAtReport = packets
    if (this.#reports === "none") return
    if (isSender) this.#sendSenderReport(this.#reports === "all" ? blocks : [])
    else if (this.#reports === "all" && blocks.length > 0) {
      this.#sendPacket({ _tag: "ReceiverReport", ssrc: this.#ssrc, reports: blocks, extension: noBytes })
    }
  }

  statistics(): Statistics {
    return {
      received: this.#received,
      failedToOpen: this.#failedToOpen,
      malformed: this.#malformed,
      sent: this.#sent,
      heard: this.#heard,
      roundTripMs: this.#roundTripMs
    }
  }

  #onPacket(packet: RtcpPacket.RtcpPacket): void {
    switch (packet._tag) {
      case "SenderReport":
        if (packet.ssrc !== this.#ssrc) {
          this.#reception.senderReport(packet.ssrc, {
            unixMs: unixMsOf(packet.ntpTimestamp),
            timestamp: packet.rtpTimestamp,
            middle: middleOf(packet.ntpTimestamp)
          }, this.#now())
        }
        return this.#onReports(packet.ssrc, packet.reports)
      case "ReceiverReport":
        return this.#onReports(packet.ssrc, packet.reports)
      case "Goodbye":
        return packet.ssrcs.forEach((ssrc) => this.#reception.forget(ssrc))
    }
  }

  #onReports(reporter: number, blocks: ReadonlyArray<RtcpPacket.ReportBlock>): void {
    for (const block of blocks) {
      if (block.ssrc !== this.#ssrc) continue
      // the server's own numbers are about our path to it; a member's, if they are relayed, are about two paths; an SSRC is a
      // number that was decoded as 32 bits
      const isMember = this.#users.userOf(reporter as Ssrc) !== undefined
      if (isMember && this.#isServerHeard) continue
      this.#isServerHeard ||= !isMember
      this.#heard = {
        lossShare: block.fractionLost / 256,
        lost: block.cumulativeLost,
        jitterMs: block.jitter / (OpusPacket.sampleRate / 1000)
      }
      this.#onRoundTrip(block)
    }
  }

  #onRoundTrip({ delaySinceLastSenderReport, lastSenderReport }: RtcpPacket.ReportBlock): void {
    // a report that does not answer one of ours says nothing
    if (lastSenderReport === 0 || !this.#asked.includes(lastSenderReport)) return
    const units = (middleOf(ntpOf(this.#startMs + this.#now())) - lastSenderReport - delaySinceLastSenderReport) | 0
    if (units < -roundingUnits) return
    this.#roundTripMs = Math.max(0, units) / unitsPerMs
  }

  #sendSenderReport(blocks: ReadonlyArray<RtcpPacket.ReportBlock>): void {
    const { bytes, packets } = this.#sender.statistics()
    const nowMs = this.#now()
    const ntpTimestamp = ntpOf(this.#startMs + nowMs)
    const isSent = this.#sendPacket({
      _tag: "SenderReport",
      ssrc: this.#ssrc,
      ntpTimestamp,
      rtpTimestamp: this.#sender.timestampAt(nowMs),
      packetCount: packets >>> 0,
      octetCount: (bytes - packets * (RtpPacket.fixedHeaderBytes + this.#cipher.expansionBytes)) % 0x1_0000_0000,
      reports: blocks,
      extension: noBytes
    })
    if (!isSent) return
    this.#asked.push(middleOf(ntpTimestamp))
    if (this.#asked.length > reportsKept) this.#asked.shift()
  }

  #sendPacket(packet: RtcpPacket.RtcpPacket): boolean {
    const cipher = this.#cipher
    const plain = RtcpPacket.encode([packet])
    const buffer = cipher.workspace.next(plain.length + cipher.expansionBytes)
    buffer.set(plain)
    // a mode without its own nonce cannot seal reports, and an exhausted key is reported by the sender
    const length = cipher.seal(buffer, clearBytes, plain.length)
    if (length >= 0) {
      this.#sent++
      if (!this.#send(buffer, length)) cipher.workspace.replace(buffer)
    }
    cipher.workspace.release()
    return length >= 0
  }
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: Options): Rtcp => new Reporter(options)

/**
 * The length of the first interval, or of a later one, for a number drawn between 0 and 1: as in RFC 3550 (6.2, 6.3.1), without
 * the parts about a channel whose bandwidth many share.
 *
 * @category time
 * @since 0.1.0
 */
export const nextMs = (isFirst: boolean, draw: number): number => (isFirst ? intervalMs / 2 : intervalMs) * (0.5 + draw)
