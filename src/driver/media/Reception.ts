/**
 * Statistics of each stream that we hear: loss by sequence numbers (RFC 3550, A.1 and A.3) and interarrival jitter (A.8). Plain
 * code, called for every packet that was opened.
 *
 * Packets are authentic when they get here, so a new source needs no probation.
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
  /** Counts a packet of a source. `arrivalMs` is on the monotonic clock. */
  readonly packet: (ssrc: number, sequence: number, timestamp: number, arrivalMs: number) => void
  /** Takes a sender report. `middle` is the middle 32 bits of its NTP timestamp. */
  readonly senderReport: (ssrc: number, report: SenderReport, arrivalMs: number) => void
  /** Removes a source that has said goodbye. Its losses stay counted. */
  readonly forget: (ssrc: number) => void
  /** Whether a packet continues a source that was removed, or nothing is known about where that was. */
  readonly isOfForgotten: (ssrc: number, sequence: number, timestamp: number) => boolean
  /** Starts each source again with its next packet: nobody has looked at the packets in between. */
  readonly restart: () => void
  /**
   * Ends an interval: updates the loss shares, removes sources that were silent for a long time, and returns reports on the
   * sources that were heard in it, at most `limit`, in turn.
   */
  readonly interval: (nowMs: number, limit: number) => ReadonlyArray<ReportBlock>
  /** What is known about each source since it was first heard. */
  readonly sources: (userOf?: UserOf) => ReadonlyArray<SourceStatistics>
  /** The losses of all sources that there have been. */
  readonly lost: () => number
  readonly reordered: () => number
}

interface SenderReport {
  readonly unixMs: number
  readonly timestamp: number
  readonly middle: number
}

type UserOf = (ssrc: Ssrc) => UserId | undefined

/**
 * The greatest step forward that counts as loss, and the greatest step back that counts as reordering (RFC 3550, A.1). A
 * greater step restarts the source.
 */
const greatestDropout = 3_000
const greatestMisorder = 100

/**
 * A larger change of the transit time means that the sender's media clock stood still in a pause, as that of many clients does.
 */
const greatestTransitStep = 48 * 500

const samplesPerMs = 48

/** Limits what a server can make us remember. The oldest source is dropped first. */
const sourceLimit = 256

/** A source that was silent for so long is removed. It starts again when it returns. */
const silenceLimitMs = 300_000

const sequences = 0x1_0000

/** How far the timestamps of packets under way can be from those of the last packets. */
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
  /** The packets before the source was restarted. */
  #packetsBefore = 0
  #lostBefore = 0
  #expectedAtInterval = 0
  #receivedAtInterval = 0
  #lossShare = 0
  reordered = 0
  lastMs = 0
  /** The timestamp of the last packet. */
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
      // two in a row are a sender that has restarted, a single one is a stray
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

  /** Keeps what was counted, and treats the next packet as the first. */
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

  /** Ends an interval and returns its report; `undefined` if nothing arrived in it. */
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
    // a value from a header is in range
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

/** Maps are created when something is put into them: most connections hear nobody. */
class Sources implements Reception {
  #sources: Map<number, Source> | undefined
  /** The last positions of removed sources, oldest first. */
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
