/**
 * The jitter buffer of one user: packets go in as they arrive, frames come out in order and at their time. It has no timer: its
 * owner asks it at {@link JitterBuffer.nextDueMs} or later.
 *
 * A packet is due at its media time on the receiver's clock, plus the depth of the buffer. The depth follows the spread of
 * arrival times over the last seconds, within limits, so a packet is given up only if it is later than any before. While
 * nothing has arrived after a gap, nothing is given up: it may be a pause, or everything may be late, and what comes next shows
 * which. So a stream never runs empty permanently.
 *
 * @since 0.1.0
 */
import type { Ssrc, UserId } from "../protocol/Identifier.ts"
import * as OpusPacket from "../protocol/OpusPacket.ts"
import type { ReceivedFrame } from "./ReceivedFrame.ts"
import * as Transit from "./Transit.ts"
import * as Unwrap from "./Unwrap.ts"

/**
 * Depths in milliseconds.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  readonly minDepthMs: number
  readonly startDepthMs: number
  readonly maxDepthMs: number
  readonly capacity: number
}

/**
 * @category constants
 * @since 0.1.0
 */
export const defaults: Options = { minDepthMs: 40, startDepthMs: 60, maxDepthMs: 200, capacity: 256 }

/**
 * A packet from the connection. The `arrivalMs` that `push` takes with it is on the receiver's clock.
 *
 * @category models
 * @since 0.1.0
 */
export interface Input {
  readonly ssrc: Ssrc
  readonly sequence: number
  readonly timestamp: number
  readonly payload: Uint8Array
}

/**
 * Packet counts and the state of the buffer. See `Receive.Statistics`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Statistics {
  readonly received: number
  readonly delivered: number
  readonly late: number
  readonly duplicates: number
  readonly overflowed: number
  readonly strays: number
  readonly malformed: number
  readonly waiting: number
  readonly lost: number
  readonly recoverable: number
  readonly resyncs: number
  readonly depthMs: number
  readonly jitterMs: number
}

/**
 * @category models
 * @since 0.1.0
 */
export interface JitterBuffer {
  readonly push: (packet: Input, arrivalMs: number) => void
  /** Sets whether we are deaf: what does not arrive then is not lost. */
  readonly setDeaf: (deaf: boolean) => void
  /** Takes the next frame that is due, if there is one. Call it until there is none. */
  readonly pop: (nowMs: number) => ReceivedFrame | undefined
  /** When `pop` will have something next, as far as is known; `Infinity` while nothing waits. */
  readonly nextDueMs: () => number
  /** How late packets have been over the last seconds, in milliseconds. */
  readonly jitterMs: () => number
  readonly statistics: () => Statistics
}

/** The longest run of lost packets that are reported one by one: half a second of 20 ms. */
const maxRun = 25

/** The margin beyond the latest packet of the last seconds before something is given up, in milliseconds. */
const marginMs = 5

/** The length of a pause after which media time may be realigned with the clock, in milliseconds. */
const pauseMs = 200

/** How fast media time is corrected otherwise, in milliseconds per 20 ms. */
const slewMs = 2

/** How many of the places before the next one are remembered: more than a packet may be late. A power of two. */
const remembered = 1_024

const unit = 120

const nothing = new Uint8Array(0)

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (userId: UserId, options: Partial<Options> = {}): JitterBuffer => {
  const { capacity, maxDepthMs, minDepthMs, startDepthMs } = { ...defaults, ...options }
  const transit = Transit.make()
  const unwrap = Unwrap.make({
    usualTransitMs: transit.least,
    makeRoom: (index, packets) => {
      if (isStarted && index < nextIndex) return false
      for (const packet of held) if (packet.index >= index) packet.index += packets
      return true
    }
  })
  /** Ordered by index. */
  const held: Array<Unwrap.Packet> = []
  const wasDelivered = new Uint8Array(remembered)
  let isStarted = false
  let nextIndex = 0
  let nextPosition = 0
  let nextTimestamp = 0
  let lastSamples = 960
  let lastArrivalMs = -Infinity
  let lastAtMs = -Infinity
  /** When position 0 would have arrived, in milliseconds. */
  let originMs = 0
  /** Whether the origin may jump: nothing has been given out since the last pause. */
  let isLoose = true
  let received = 0
  let delivered = 0
  let late = 0
  let duplicates = 0
  let overflowed = 0
  let malformed = 0
  let lost = 0
  let recoverable = 0

  const depthMs = (): number => {
    const least = transit.isSettled() ? minDepthMs : Math.max(minDepthMs, startDepthMs)
    return Math.min(maxDepthMs, Math.max(least, transit.spread() + marginMs))
  }

  const usualMs = (position: number): number => originMs + position / 48

  const observe = ({ arrivalMs, position }: Unwrap.Packet): void => {
    transit.add(arrivalMs, arrivalMs - position / 48)
    if (arrivalMs - lastArrivalMs > pauseMs) isLoose = true
    if (arrivalMs > lastArrivalMs) lastArrivalMs = arrivalMs
    if (isLoose) originMs = transit.least() ?? originMs
  }

  const insert = (packet: Unwrap.Packet): void => {
    observe(packet)
    const { index } = packet
    if (isStarted && index < nextIndex) {
      if (wasDelivered[index & (remembered - 1)] === 1) duplicates++
      else late++
      return
    }
    let at = held.length
    for (let before = held[at - 1]; before !== undefined && before.index >= index; before = held[at - 1]) {
      if (before.index === index) {
        duplicates++
        return
      }
      at--
    }
    if (held.length >= capacity) overflowed++
    else if (at === held.length) held.push(packet)
    else held.splice(at, 0, packet)
  }

  /** The time available for what is missing before a packet. */
  const spanTo = (head: Unwrap.Packet): number => Math.max(0, head.position - nextPosition)

  /**
   * How many of the missing packets have the length of the last packet, if those and others with the length of the packet after
   * them fill the time in between; `undefined` if they do not.
   */
  const formerAmong = (head: Unwrap.Packet): number | undefined => {
    if (head.samples === lastSamples) return undefined
    const missing = head.index - nextIndex
    const former = (spanTo(head) - missing * head.samples) / (lastSamples - head.samples)
    return Number.isInteger(former) && former >= 0 && former <= missing ? former : undefined
  }

  /** The assumed length of a missing packet if it is unknown: if there is also a pause, that may be on either side of it. */
  const usualSamples = (head: Unwrap.Packet): number =>
    spanTo(head) > (head.index - nextIndex) * Math.max(lastSamples, head.samples)
      ? Math.min(lastSamples, head.samples)
      : lastSamples

  /** Where the missing part before a packet begins: directly after what was given out, or directly before the packet. */
  const missingFrom = (head: Unwrap.Packet): number =>
    formerAmong(head) === undefined
      ? Math.max(nextPosition, head.position - (head.index - nextIndex) * usualSamples(head))
      : nextPosition

  const nextDueMs = (): number => {
    const [head] = held
    if (head === undefined) return Infinity
    const position = !isStarted || head.index === nextIndex ? head.position : missingFrom(head)
    // after a stretch in which the path was longer, the usual time is still that of the longer path, so nothing is waited for
    // twice
    const soonestMs = (transit.least() ?? originMs) + position / 48
    return Math.max(usualMs(position), Math.min(soonestMs, usualMs(position)) + depthMs())
  }

  const give = (
    head: Unwrap.Packet,
    kind: ReceivedFrame["kind"],
    samples: number,
    packets: number,
    data: Uint8Array
  ): ReceivedFrame => {
    const atMs = Math.max(lastAtMs, usualMs(nextPosition))
    const output = {
      userId,
      ssrc: head.ssrc,
      sequence: nextIndex,
      timestamp: nextTimestamp,
      samples,
      atMs,
      kind,
      data,
      packets
    }
    lastAtMs = atMs
    nextTimestamp += samples
    nextPosition += samples
    for (let i = 0; i < Math.min(packets, remembered); i++) {
      wasDelivered[(nextIndex + i) & (remembered - 1)] = kind === "lost" ? 0 : 1
    }
    nextIndex += packets
    return output
  }

  const giveUp = (head: Unwrap.Packet): ReceivedFrame => {
    const missing = head.index - nextIndex
    const span = spanTo(head)
    const former = formerAmong(head)
    const usual = usualSamples(head)
    lost += missing > maxRun ? missing : 1
    if (missing > maxRun) {
      return give(head, "lost", former === undefined ? Math.min(span, missing * usual) : span, missing, nothing)
    }
    const share = span >= missing * usual ? usual : Math.floor(span / missing / unit) * unit
    const samples = former === undefined ? share : former > 0 ? lastSamples : head.samples
    const output = give(head, "lost", samples, 1, nothing)
    if (missing > 1 || head.isSilence || nextPosition !== head.position || samples === 0) return output
    recoverable++
    return { ...output, recovery: head.data }
  }

  const pop = (nowMs: number): ReceivedFrame | undefined => {
    const [head] = held
    if (head === undefined || nowMs < nextDueMs()) return undefined
    if (!isStarted) {
      isStarted = true
      nextIndex = head.index
      nextPosition = nextTimestamp = head.position
    }
    if (head.index > nextIndex) return giveUp(head)
    const gap = head.position - nextPosition
    if (gap > 0) return give(head, "silence", gap, 0, nothing)
    held.shift()
    delivered++
    lastSamples = head.samples
    isLoose = false
    // for a sender whose timestamps advance less than its packets contain
    nextPosition = head.position
    const output = give(head, head.isSilence ? "silence" : "audio", head.samples, 1, head.data)
    const off = (transit.least() ?? originMs) - originMs
    const step = slewMs * head.samples / 960
    originMs += Math.max(-step, Math.min(step, off))
    return output
  }

  return {
    push: ({ payload, sequence, ssrc, timestamp }, arrivalMs) => {
      received++
      const samples = OpusPacket.samples(payload)
      if (samples <= 0) {
        malformed++
        return
      }
      const isSilence = OpusPacket.isSilence(payload)
      const packet = { ssrc, sequence, timestamp, data: payload, samples, isSilence, arrivalMs, index: 0, position: 0 }
      for (const placed of unwrap.place(packet)) insert(placed)
    },
    setDeaf: unwrap.setDeaf,
    pop,
    nextDueMs,
    jitterMs: transit.spread,
    statistics: () => {
      const { doubtful, resyncs, strays } = unwrap.statistics()
      return {
        received,
        delivered,
        late,
        duplicates,
        overflowed,
        strays,
        malformed,
        waiting: held.length + doubtful,
        lost,
        recoverable,
        resyncs,
        depthMs: depthMs(),
        jitterMs: transit.spread()
      }
    }
  }
}
