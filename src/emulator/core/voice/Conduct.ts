/**
 * Judges how a client sends audio: whether its timestamps follow the clock, its sequence numbers the packets, and whether it
 * closes every stretch of speech with five silence frames (Discord docs, Voice Connections, Voice Data Interpolation). It also
 * judges the sender reports of the stream (RFC 3550, 6.4.1).
 *
 * The sender must not be blamed for what the network does: lost packets leave gaps in sequence and timestamp alike, delays end,
 * and only what persists is judged.
 *
 * @since 0.1.0
 */
import type { UserId } from "../../../protocol/Identifier.ts"
import type { SenderReport } from "../../../protocol/RtcpPacket.ts"
import { sequenceDelta, timestampDelta } from "../../../protocol/RtpPacket.ts"
import type { CoreContext } from "../CoreContext.ts"

/**
 * How far media time may deviate from the clock, in milliseconds, in addition to the jitter.
 *
 * @category constants
 * @since 0.1.0
 */
export const toleranceMs = 60

/**
 * How long timestamps have to be off before that is judged, in milliseconds.
 *
 * @category constants
 * @since 0.1.0
 */
export const patienceMs = 100

/**
 * The length of a pause, in milliseconds, that requires closing silence before it.
 *
 * @category constants
 * @since 0.1.0
 */
export const pauseMs = 200

/**
 * How far ahead of the clock a stream may get in total, in milliseconds: the packets before may have been late.
 *
 * @category constants
 * @since 0.1.0
 */
export const leadMs = 250

/**
 * How long nothing may arrive before that counts as a pause, in milliseconds. A stalled machine delivers late what was sent in
 * time, and timestamps show that only with the next packet.
 *
 * @category constants
 * @since 0.1.0
 */
export const quietMs = 2_000

/** A step of the sequence number that is neither loss nor reordering any more. */
const restartStep = 3000

const closingFrames = 5

/** How many packets may overtake a sender report that does not count them. */
const overtakingPackets = 50

/** How far a sender report's timestamp may deviate from the clock, in milliseconds: earlier packets may still be under way. */
const reportToleranceMs = 500

/** How long after the third silence frame the other two may be under way when a client leaves, in milliseconds. */
const underWayMs = 60

/**
 * The judge of one audio stream.
 *
 * @category models
 * @since 0.1.0
 */
export interface Conduct {
  /** Takes an authentic audio packet. `samples` is its duration at 48 kHz; -1 (unreadable) counts as 20 ms. */
  readonly packet: (sequence: number, timestamp: number, samples: number, silence: boolean) => void
  /** Tells that the client has ended the connection itself: closing silence was expected. */
  readonly over: () => void
  /** Ends the supervision without a judgment. */
  readonly stop: () => void
  /** Takes a sender report about the stream, and judges whether its counts match what arrived, and its timestamp the clock. */
  readonly report: (report: SenderReport) => void
}

/**
 * Starts to supervise one stream. While `isConnected` returns false, the client has lost its WebSocket and may leave without a
 * word, because it may not know what has become of its session. While `isTampered` returns true, a fault may be the reason for
 * anything.
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
    const should = "they must count samples at 48 kHz, 960 per 20 ms, during pauses too"
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
      // Clocks of two machines drift apart by about 0.01 %; a sender at the wrong rate drifts faster than this.
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
      // With some silence frames there, the rest may be lost; the next sequence number will show.
      if (silences > 0) doubtful = true
      else if (isConnected()) judgeSilence()
      endStretch()
    })
  }

  const standstill = (): number => context.standstillMs?.() ?? 0

  const clock = (): number => context.clockMs?.() ?? context.now()

  /**
   * Whether the sender itself has paused before this packet: according to the clock, as far as this process could observe it,
   * and according to its timestamps.
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
      advise("sequence-gap", `${moved}: it must increase by one per packet`)
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
      // The last frames travel by UDP and may still be under way when the WebSocket has already been closed.
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
        advise("sender-report-count", `a sender report counts ${packetCount} packets, but ${received} arrived`)
      }
      const off = timestampDelta(rtpTimestamp, lastTimestamp) / 48 - (clock() - lastArrival)
      strayReports = Math.abs(off) > reportToleranceMs ? strayReports + 1 : 0
      // a single one may have been delayed somewhere
      if (strayReports === 2) {
        advise("sender-report-off-clock", `timestamps of sender reports are ${Math.round(off)} ms off the clock`)
      }
    }
  }
}
