/**
 * What a voice server receives of one stream after the effects of the network, as it is reported to the sender in a receiver
 * report (RFC 3550, 6.4.1; loss: A.3, jitter: A.8).
 *
 * @since 0.1.0
 */
import type { ReportBlock } from "../../../protocol/RtcpPacket.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Reception {
  readonly packet: (sequence: number, timestamp: number, nowMs: number) => void
  /** The report since the last call; `undefined` before the first packet. Answers are immediate. */
  readonly report: (ssrc: number, lastSenderReport: number) => ReportBlock | undefined
}

/** A step back that is not reordering any more, and a step forward that is not loss any more. */
const restartStep = 3000

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (): Reception => {
  let started = false
  let base = 0
  /** The highest sequence number, with the count of its wraps in the bits above 16. */
  let highest = 0
  let received = 0
  let expectedBefore = 0
  let receivedBefore = 0
  let lastTimestamp = 0
  let lastMs = 0
  /** In milliseconds. */
  let jitter = 0

  const start = (sequence: number): void => {
    started = true
    base = sequence
    highest = sequence
    received = 1
    expectedBefore = 0
    receivedBefore = 0
  }

  return {
    packet: (sequence, timestamp, nowMs) => {
      const isFirst = !started
      if (isFirst) start(sequence)
      else {
        const ahead = ((sequence - highest) << 16) >> 16
        if (Math.abs(ahead) >= restartStep) start(sequence)
        else {
          received++
          if (ahead > 0) highest += ahead
        }
        const advance = ((timestamp - lastTimestamp) | 0) / 48
        jitter += (Math.abs(nowMs - lastMs - advance) - jitter) / 16
      }
      lastTimestamp = timestamp
      lastMs = nowMs
    },
    report: (ssrc, lastSenderReport) => {
      if (!started) return undefined
      const expected = highest - base + 1
      const lost = expected - received
      const expectedNow = expected - expectedBefore
      const lostNow = expectedNow - (received - receivedBefore)
      expectedBefore = expected
      receivedBefore = received
      return {
        ssrc,
        fractionLost: expectedNow <= 0 || lostNow <= 0 ? 0 : Math.min(255, Math.floor((lostNow * 256) / expectedNow)),
        cumulativeLost: Math.max(-0x80_0000, Math.min(0x7f_ffff, lost)),
        highestSequence: highest >>> 0,
        jitter: Math.round(jitter * 48) >>> 0,
        lastSenderReport,
        delaySinceLastSenderReport: 0
      }
    }
  }
}
