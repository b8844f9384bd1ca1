/**
 * Judges how a client sends audio: whether its timestamps follow the clock, its sequence numbers the packets, and whether
 * it closes every stretch of speech with five silence frames (Discord docs, Voice Connections, Voice Data Interpolation).
 * It judges the sender reports of the stream as well (RFC 3550, 6.4.1).
 *
 * What the network does must not be held against the sender: lost packets leave gaps in sequence and timestamp alike,
 * delays end, and only what stays is judged.
 *
 * @since 0.1.0
 */
import type { UserId } from "../../../protocol/Identifier.ts"
import type { SenderReport } from "../../../protocol/RtcpPacket.ts"
import { sequenceDelta, timestampDelta } from "../../../protocol/RtpPacket.ts"
import type { CoreContext } from "../CoreContext.ts"

/**
 * How far media time may be from the clock, in milliseconds, beside the jitter.
 *
 * @category constants
 * @since 0.1.0
 */
export const toleranceMs = 60

/**
 * How long timestamps must be off before that is judged, in milliseconds.
 *
 * @category constants
 * @since 0.1.0
 */
export const patienceMs = 100

/**
 * The pause after the end of a packet, in milliseconds, which needs closing silence before it.
 *
 * @category constants
 * @since 0.1.0
 */
export const pauseMs = 200

/**
 * How far ahead of the clock a stream may come to be in all, in milliseconds: the packets before may have been late.
 *
 * @category constants
 * @since 0.1.0
 */
export const leadMs = 250

/**
 * How long nothing may come before a pause is taken for one, in milliseconds. A stalled machine delivers late what was
 * sent in time, and timestamps tell only when the next packet is there.
 *
 * @category constants
 * @since 0.1.0
 */
export const quietMs = 2_000

/** A step of the sequence number that is no loss and no reordering any more. */
const restartStep = 3000

const closingFrames = 5

/** Packets that may overtake a sender report which does not count them. */
const overtakingPackets = 50

/** How far a sender report's timestamp may be from the clock, in milliseconds: what was before it may be under way. */
const reportToleranceMs = 500

/** How long after the third silence frame the other two may be under way when a client leaves, in milliseconds. */
const underWayMs = 60

/**
 * The judge of one stream of audio.
 *
 * @category models
 * @since 0.1.0
 */
export interface Conduct {
  /** Takes an authentic audio packet. `samples` is its duration at 48 kHz; -1 (unreadable) counts as 20 ms. */
  readonly packet: (sequence: number, timestamp: number, samples: number, silence: boolean) => void
  /** The client has ended the connection by itself: closing silence was due. */
  readonly over: () => void
  /** Ends the supervision without a judgement. */
  readonly stop: () => void
  /** Takes a sender report about the stream: whether it counts what came, and its timestamp is that of the clock. */
  readonly report: (report: SenderReport) => void
}

/**
 * Starts to supervise one stream. While `isConnected` says no, the client has lost its WebSocket and may go without a
 * word: it need not know what has come of its session. While `isTampered` says yes, a fault may be the reason for anything.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  context: CoreContext,
  userId: UserId,
  { isConnected = () => true, isTampered = () => false }: {
    readonly isConnected?: (() => boolean) | undefined
    readonly isTampered?: (() => boolean) | undefined
  } = {}
): Conduct => {
  let started = false
  let lastSequence = 0
  let lastTimestamp = 0
  let lastSamples = 960
  let lastArrival = 0
  let lastStandstill = 0

  let media = 0
  let anchor = 0
  let jitter = 0
  let offSince: number | undefined
  let offCount = 0
  let reported = false
  let lead = 0

  let open = false
  let silences = 0
  let doubtful = false
  let cancel: (() => void) | undefined

  let received = 0
  let strayReports = 0

  const advise = (code: string, message: string): void => {
    if (isTampered()) context.count(`tampered:${code}`)
    else context.judge("advice", code, message, userId)
  }

  const judgeTimestamps = (off: number): void => {
    reported = true
    const direction = off > 0 ? "ahead of" : "behind"
    const should = "they count samples at 48 kHz, 960 for 20 ms, over pauses, too"
    const message = `RTP timestamps are ${Math.round(Math.abs(off))} ms ${direction} the clock: ${should}`
    advise("timestamp-off-clock", message)
  }

  const anchorAt = (now: number): void => {
    anchor = now - media / 48
    offSince = undefined
    offCount = 0
  }

  const followClock = (now: number): void => {
    const off = media / 48 - (now - anchor)
    if (Math.abs(off) <= toleranceMs + 4 * jitter) {
      offSince = undefined
      offCount = 0
      // Clocks of two machines drift apart by some 0.01 %; a sender at the wrong rate is faster than this.
      anchor -= off / 1024
      return
    }
    if (off > 0 && lead + off <= leadMs) {
      lead += off
      return anchorAt(now)
    }
    offSince ??= now
    offCount++
    if (offCount >= 3 && now - offSince >= patienceMs) {
      if (!reported) judgeTimestamps(off)
      anchorAt(now)
    }
  }

  const judgeSilence = (): void =>
    advise("missing-closing-silence", `audio stopped with ${silences} of ${closingFrames} silence frames (f8 ff fe)`)

  const endStretch = (): void => {
    if (offSince !== undefined && offCount >= 3 && !reported) {
      judgeTimestamps(media / 48 - (lastArrival - anchor))
      anchorAt(lastArrival)
    }
    open = false
    reported = false
    cancel?.()
    cancel = undefined
  }

  const watch = (): void => {
    cancel = context.timers.at(lastArrival + quietMs, () => {
      cancel = undefined
      if (lastArrival + quietMs > context.now()) return watch()
      // With some silence frames there, the rest may be lost; the next sequence number will tell.
      if (silences > 0) doubtful = true
      else if (isConnected()) judgeSilence()
      endStretch()
    })
  }

  const standstill = (): number => context.standstillMs?.() ?? 0

  const clock = (): number => context.clockMs?.() ?? context.now()

  /**
   * Whether the sender itself has paused before this packet: by the clock, as long as this process could see it, and by its
   * timestamps.
   */
  const hasPaused = (now: number, advance: number): boolean =>
    now - lastArrival - (standstill() - lastStandstill) - lastSamples / 48 > pauseMs &&
    (advance - lastSamples) / 48 > pauseMs

  const follow = (silence: boolean, step: number, paused: boolean): void => {
    if (paused && open) {
      endStretch()
      doubtful = true
    }
    if (doubtful) {
      doubtful = false
      if (silences + step - 1 < closingFrames) judgeSilence()
      silences = 0
    }
    if (!silence) {
      silences = 0
      if (!open) {
        open = true
        watch()
      }
    } else if (open) {
      silences += step
      if (silences >= closingFrames) endStretch()
    }
  }

  const begin = (sequence: number, timestamp: number, samples: number, now: number): void => {
    started = true
    lastSequence = sequence
    lastTimestamp = timestamp
    lastSamples = samples
    lastArrival = now
    lastStandstill = standstill()
  }

  const judgeSequence = (step: number, advance: number, samples: number): void => {
    const plausible = step >= 1 && step < restartStep && advance >= step * Math.min(samples, lastSamples)
    if (step !== 1 && !plausible) {
      const moved = `the sequence number moved by ${step} while the timestamp moved by ${advance} samples`
      advise("sequence-gap", `${moved}: it counts packets, one by one`)
    }
  }

  return {
    packet: (sequence, timestamp, unchecked, silence) => {
      const now = clock()
      const samples = unchecked > 0 ? unchecked : 960
      received++
      if (!started) {
        begin(sequence, timestamp, samples, now)
        anchorAt(now)
        return follow(silence, 1, false)
      }
      const step = sequenceDelta(sequence, lastSequence)
      const advance = timestampDelta(timestamp, lastTimestamp)
      if (step <= 0 && step > -restartStep && (advance < 0 || (step === 0 && advance === 0))) {
        context.count("rtp-reordered")
        return
      }
      judgeSequence(step, advance, samples)
      const paused = hasPaused(now, advance)
      jitter += (Math.abs(now - lastArrival - advance / 48) - jitter) / 16
      media += advance
      lastSequence = sequence
      lastTimestamp = timestamp
      lastSamples = samples
      lastArrival = now
      lastStandstill = standstill()
      followClock(now)
      follow(silence, Math.max(1, step), paused)
    },
    over: () => {
      // The last frames travel by UDP and may still be under way when the WebSocket has already said goodbye.
      const underWay = silences >= 3 && clock() - lastArrival <= underWayMs
      if (doubtful || (open && !underWay)) judgeSilence()
      doubtful = false
      endStretch()
    },
    stop: () => {
      doubtful = false
      open = false
      cancel?.()
      cancel = undefined
    },
    report: ({ packetCount, rtpTimestamp }) => {
      if (!started) return
      if (((packetCount - received) | 0) < -overtakingPackets) {
        advise("sender-report-count", `a sender report of ${packetCount} packets, of which ${received} came`)
      }
      const off = timestampDelta(rtpTimestamp, lastTimestamp) / 48 - (clock() - lastArrival)
      strayReports = Math.abs(off) > reportToleranceMs ? strayReports + 1 : 0
      // one alone may have waited somewhere
      if (strayReports === 2) {
        advise("sender-report-off-clock", `timestamps of sender reports are ${Math.round(off)} ms off the clock`)
      }
    }
  }
}
