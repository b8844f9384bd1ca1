/**
 * What arrives of each stream that we hear, in numbers: loss by sequence numbers (RFC 3550, A.1 and A.3) and interarrival
 * jitter (A.8). Plain code, called for every packet that was opened.
 *
 * Packets are authentic when they come here, so that a new source needs no probation.
 *
 * @since 0.1.0
 */
import { Ssrc, type UserId } from "../../protocol/Identifier.ts"
import type { ReportBlock } from "../../protocol/RtcpPacket.ts"
import { sequenceDelta, timestampDelta } from "../../protocol/RtpPacket.ts"
import type { SourceStatistics } from "../Line.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Reception {
  /** A packet of a source. `arrivalMs` is of the monotonic clock. */
  readonly packet: (ssrc: number, sequence: number, timestamp: number, arrivalMs: number) => void
  /** A sender report: `middle` is the middle of its NTP timestamp, 32 bits. */
  readonly senderReport: (ssrc: number, report: SenderReport, arrivalMs: number) => void
  /** The source has said goodbye. What it has lost stays counted. */
  readonly forget: (ssrc: number) => void
  /** Whether a packet goes on from where a forgotten source was; also where nothing is known of that. */
  readonly isOfForgotten: (ssrc: number, sequence: number, timestamp: number) => boolean
  /** What comes next of each source is its first packet again: nobody has looked at those in between. */
  readonly restart: () => void
  /**
   * Ends an interval: takes the shares of loss, forgets sources that were long silent, and gives a report on those that
   * were heard in it, at most `limit`, in turn.
   */
  readonly interval: (nowMs: number, limit: number) => ReadonlyArray<ReportBlock>
  /** What is known of each source, since it was first heard. */
  readonly sources: (userOf?: UserOf) => ReadonlyArray<SourceStatistics>
  /** Lost of all sources that ever were. */
  readonly lost: () => number
  readonly reordered: () => number
}

interface SenderReport {
  readonly unixMs: number
  readonly timestamp: number
  readonly middle: number
}

type UserOf = (ssrc: Ssrc) => UserId | undefined

/** A step forward that is loss, and one back that is reordering (RFC 3550, A.1). What is further starts the source anew. */
const greatestDropout = 3_000
const greatestMisorder = 100

/** A larger change of the transit time is a sender whose media clock stood still in a pause, as many clients' does. */
const greatestTransitStep = 48 * 500

const samplesPerMs = 48

/** Bounds what a server can make us remember: the source that was added first goes. */
const sourceLimit = 256

/** A source that was silent so long is forgotten; it begins anew when it comes back. */
const silenceLimitMs = 300_000

const sequences = 0x1_0000

/** How far timestamps of packets that were under way are from those that came last. */
const greatestLag = 48 * 10_000

class Source {
  readonly ssrc: number
  isStarted = false
  #base = 0
  #highest = 0
  #cycles = 0
  #received = 0
  #bad = -1
  #transit = 0
  #jitter = 0
  /** Of the stretches before the source began anew. */
  #packetsBefore = 0
  #lostBefore = 0
  #expectedAtInterval = 0
  #receivedAtInterval = 0
  #lossShare = 0
  reordered = 0
  lastMs = 0
  /** Of the packet that came last. */
  timestamp = 0
  reportedMs = 0
  report: SenderReport | undefined

  constructor(ssrc: number) {
    this.ssrc = ssrc
  }

  get highest(): number {
    return this.#highest
  }

  packet(sequence: number, timestamp: number, arrivalMs: number): void {
    this.lastMs = arrivalMs
    this.timestamp = timestamp
    const transit = arrivalMs * samplesPerMs - timestamp
    if (!this.isStarted) return this.#start(sequence, transit)
    const step = (sequence - this.#highest) & (sequences - 1)
    if (step < greatestDropout) {
      if (step === 0) this.reordered++
      if (sequence < this.#highest) this.#cycles += sequences
      this.#highest = sequence
    } else if (step <= sequences - greatestMisorder) {
      // two in a row are a sender that has begun anew, a single one is a stray
      if (sequence !== this.#bad) {
        this.#bad = (sequence + 1) & (sequences - 1)
        return
      }
      this.restart()
      return this.#start(sequence, transit)
    } else {
      this.reordered++
    }
    this.#received++
    // timestamps wrap at 2^32, and so does the difference
    const change = Math.abs(((transit - this.#transit) % 0x1_0000_0000) | 0)
    this.#transit = transit
    if (change < greatestTransitStep) this.#jitter += (change - this.#jitter) / 16
  }

  /** Keeps what was counted, and takes the next packet for the first. */
  restart(): void {
    this.#packetsBefore += this.#received
    this.#lostBefore += this.#expected() - this.#received
    this.isStarted = false
    this.#base =
      this.#highest =
      this.#cycles =
      this.#received =
        0
    this.#expectedAtInterval = this.#receivedAtInterval = 0
  }

  lost(): number {
    return this.#lostBefore + this.#expected() - this.#received
  }

  /** Ends an interval and gives its report; `undefined` if nothing came in it. */
  interval(nowMs: number): ReportBlock | undefined {
    const expected = this.#expected() - this.#expectedAtInterval
    const received = this.#received - this.#receivedAtInterval
    if (received <= 0) return undefined
    this.#expectedAtInterval += expected
    this.#receivedAtInterval += received
    const lost = Math.max(0, expected - received)
    this.#lossShare = expected <= 0 ? 0 : lost / expected
    const { report } = this
    return {
      ssrc: this.ssrc,
      fractionLost: Math.min(255, Math.floor(this.#lossShare * 256)),
      cumulativeLost: Math.max(-0x80_0000, Math.min(0x7f_ffff, this.lost())),
      highestSequence: (this.#cycles + this.#highest) >>> 0,
      jitter: Math.min(0xffff_ffff, Math.floor(this.#jitter)),
      lastSenderReport: report?.middle ?? 0,
      delaySinceLastSenderReport: report === undefined
        ? 0
        : Math.min(0xffff_ffff, Math.round((nowMs - this.reportedMs) * 65.536))
    }
  }

  statistics(userOf: UserOf): SourceStatistics {
    const { report } = this
    // what a header holds fits
    const ssrc = Ssrc.make(this.ssrc, { disableChecks: true })
    const userId = userOf(ssrc)
    return {
      ssrc,
      ...(userId === undefined ? {} : { userId }),
      packets: this.#packetsBefore + this.#received,
      lost: this.lost(),
      reordered: this.reordered,
      lossShare: this.#lossShare,
      jitterMs: this.#jitter / samplesPerMs,
      ...(report === undefined ? {} : { senderReport: { unixMs: report.unixMs, timestamp: report.timestamp } })
    }
  }

  #start(sequence: number, transit: number): void {
    this.isStarted = true
    this.#base = sequence
    this.#highest = sequence
    this.#cycles = 0
    this.#received = 1
    this.#bad = -1
    this.#transit = transit
    this.#expectedAtInterval = this.#receivedAtInterval = 0
  }

  #expected(): number {
    return this.isStarted ? this.#cycles + this.#highest - this.#base + 1 : 0
  }
}

/** Maps are made when something comes into them: most connections hear nobody. */
class Sources implements Reception {
  #sources: Map<number, Source> | undefined
  /** Where they were, the one that was forgotten first in front. */
  #forgotten: Map<number, { readonly sequence: number; readonly timestamp: number }> | undefined
  #lostBefore = 0
  #reorderedBefore = 0
  #turn = 0

  packet(ssrc: number, sequence: number, timestamp: number, arrivalMs: number): void {
    this.#sourceOf(ssrc).packet(sequence, timestamp, arrivalMs)
  }

  senderReport(ssrc: number, report: SenderReport, arrivalMs: number): void {
    const source = this.#sourceOf(ssrc)
    source.report = report
    source.reportedMs = arrivalMs
    source.lastMs = Math.max(source.lastMs, arrivalMs)
  }

  forget(ssrc: number): void {
    const source = this.#sources?.get(ssrc)
    this.#forgotten?.delete(ssrc)
    if (source === undefined) return
    this.#sources?.delete(ssrc)
    if (source.isStarted) {
      this.#forgotten ??= new Map()
      this.#forgotten.set(ssrc, { sequence: source.highest, timestamp: source.timestamp })
      if (this.#forgotten.size > sourceLimit) {
        for (const first of this.#forgotten.keys()) {
          this.#forgotten.delete(first)
          break
        }
      }
    }
    this.#lostBefore += source.lost()
    this.#reorderedBefore += source.reordered
  }

  isOfForgotten(ssrc: number, sequence: number, timestamp: number): boolean {
    const known = this.#forgotten?.get(ssrc)
    return known === undefined || (
      Math.abs(sequenceDelta(sequence, known.sequence)) <= greatestDropout &&
      Math.abs(timestampDelta(timestamp, known.timestamp)) <= greatestLag
    )
  }

  restart(): void {
    for (const source of this.#all()) source.restart()
  }

  interval(nowMs: number, limit: number): ReadonlyArray<ReportBlock> {
    const blocks: Array<ReportBlock> = []
    for (const source of this.#all()) {
      if (nowMs - source.lastMs > silenceLimitMs) this.forget(source.ssrc)
      else {
        const block = source.interval(nowMs)
        if (block !== undefined) blocks.push(block)
      }
    }
    if (blocks.length <= limit) return blocks
    const from = this.#turn % blocks.length
    this.#turn = from + limit
    return [...blocks.slice(from), ...blocks.slice(0, from)].slice(0, limit)
  }

  sources(userOf: UserOf = () => undefined): ReadonlyArray<SourceStatistics> {
    return Array.from(this.#all(), (source) => source.statistics(userOf)).filter(({ packets }) => packets > 0)
  }

  lost(): number {
    let lost = this.#lostBefore
    for (const source of this.#all()) lost += source.lost()
    return Math.max(0, lost)
  }

  reordered(): number {
    let reordered = this.#reorderedBefore
    for (const source of this.#all()) reordered += source.reordered
    return reordered
  }

  #all(): Iterable<Source> {
    return this.#sources?.values() ?? []
  }

  #sourceOf(ssrc: number): Source {
    this.#sources ??= new Map()
    const known = this.#sources.get(ssrc)
    if (known !== undefined) return known
    if (this.#sources.size >= sourceLimit) {
      for (const first of this.#sources.keys()) {
        this.forget(first)
        break
      }
    }
    const source = new Source(ssrc)
    this.#sources.set(ssrc, source)
    return source
  }
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (): Reception => new Sources()
