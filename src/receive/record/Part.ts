/**
 * What one user said, on its way into a file: packets are put in order, get their place in the recording, and the time between
 * them is filled with silence. No packet is changed. If the place of a packet is off, because of the sender's clock or because
 * the estimate has improved, silence is made longer or shorter. In an unbroken stretch of sound there is no silence, so it
 * keeps its place to the sample.
 *
 * All times are in samples at 48 kHz after the start of the recording.
 *
 * @since 0.1.0
 */
import * as OpusPacket from "../../protocol/OpusPacket.ts"
import { sequenceDelta } from "../../protocol/RtpPacket.ts"
import * as Silence from "./Silence.ts"
import * as Timeline from "./Timeline.ts"

/**
 * A packet as it arrived.
 *
 * @category models
 * @since 0.1.0
 */
export interface Received {
  readonly ssrc: number
  readonly sequence: number
  readonly timestamp: number
  readonly payload: Uint8Array
  readonly arrival: number
}

/**
 * Counts of packets.
 *
 * @category models
 * @since 0.1.0
 */
export interface Counts {
  written: number
  /** Missing according to the sequence numbers. */
  lost: number
  duplicates: number
  /** Arrived after what follows them was already written. */
  late: number
  /** Not valid Opus, or with a time that fits nothing else. */
  malformed: number
  /** Dropped because the disk was too slow. */
  dropped: number
}

/**
 * A gap in the sound that was filled with silence.
 *
 * @category models
 * @since 0.1.0
 */
export interface Gap {
  readonly at: number
  readonly samples: number
  readonly packets: number
  readonly cause: "lost" | "dropped"
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Part {
  readonly take: (packet: Received) => void
  /** Writes everything that has its place and is over by now, and silence up to where a packet may still belong. */
  readonly advance: (now: number) => void
  /** Writes everything that is there and begins before `length`, and silence up to it. */
  readonly finish: (length: number) => void
  /** Where the next packet goes. */
  readonly written: () => number
  /** Whether it is still filling the time before the user came. That is done soon, whatever arrives. */
  readonly isCatchingUp: () => boolean
  /** What waits, in packets and in bytes. */
  readonly waiting: () => { readonly packets: number; readonly bytes: number }
  readonly counts: Readonly<Counts>
  readonly gaps: ReadonlyArray<Gap>
  /** Gaps that are counted but not kept. */
  readonly gapsOmitted: () => number
  /** The first 500 SSRCs. */
  readonly ssrcs: ReadonlyArray<number>
  /** See `Timeline.jitter`. */
  readonly jitter: () => number
  /** The greatest distance between a packet's place and its time so far. */
  readonly error: () => number
}

/**
 * Receives the packets of a part. `sound` is false for silence that was made here.
 *
 * @category models
 * @since 0.1.0
 */
export type Give = (packet: Uint8Array, samples: number, at: number, sound: boolean) => void

/** The packets of one clock of one SSRC. */
interface Lane {
  readonly timeline: Timeline.Timeline
  readonly epoch: number
  /** The timestamp after what was written. */
  end: number | undefined
  /** The place after what was written last. */
  endAt: number
  sequence: number
  lastArrival: number
  /** The recently written sequence numbers plus one, each at its remainder. */
  readonly recent: Uint32Array
}

interface Held extends Received, Timeline.Seen {
  readonly lane: Lane
  readonly samples: number
  readonly afterPause: boolean
}

const recentPackets = 512
const pauseSamples = 200 * 48
const maxHeld = 1_024
const silenceAtOnce = 600 * 48_000
const maxGaps = 500
const maxLost = 3_000
const maxDoubtful = 8
/** The number of SSRCs whose clocks are kept: packets of the former one may still be under way. */
const maxLanes = 4

/** A user gets a new one with each join; a server could name one with each packet. */
const maxSsrcs = 500

const timeOf = ({ lane, ...seen }: Held): number => lane.timeline.timeOf(seen)

const isBefore = (a: Held, b: Held): boolean => a.lane === b.lane ? a.extended < b.extended : timeOf(a) < timeOf(b)

/**
 * Makes a part that begins at the start of the recording. A packet waits for earlier ones for `hold`. While `isOpen` is false
 * nothing is written; what is left out becomes silence, and so does what was said while it is not `isWanted`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: {
  readonly hold: number
  readonly give: Give
  readonly isOpen: () => boolean
  readonly isWanted?: ((at: number, samples: number) => boolean) | undefined
}): Part => {
  const { give, hold, isOpen, isWanted = () => true } = options
  const counts: Counts = { written: 0, lost: 0, duplicates: 0, late: 0, malformed: 0, dropped: 0 }
  const gaps: Array<Gap> = []
  const ssrcs: Array<number> = []
  const lanes = new Map<number, Lane>()
  const held: Array<Held> = []
  let doubtful: Array<Received> = []
  let written = 0
  let error = 0
  let gapsOmitted = 0
  let recent: Lane | undefined
  /** Packets that were dropped since something was written. */
  let leftOut = 0
  /** Whether an unwanted packet came since something was written. */
  let isBroken = false
  let isCatchingUp = false

  const newLane = (timeline: Timeline.Timeline, epoch: number): Lane => ({
    timeline,
    epoch,
    end: undefined,
    endAt: 0,
    sequence: 0,
    lastArrival: -Infinity,
    recent: new Uint32Array(recentPackets)
  })

  const laneOf = (ssrc: number): Lane => {
    const known = lanes.get(ssrc)
    if (known !== undefined) return known
    const lane = newLane(Timeline.make(), 0)
    lanes.set(ssrc, lane)
    for (const oldest of lanes.keys()) {
      if (lanes.size <= maxLanes) break
      lanes.delete(oldest)
    }
    if (ssrcs.length < maxSsrcs && !ssrcs.includes(ssrc)) ssrcs.push(ssrc)
    return lane
  }

  const insert = (packet: Held): void => {
    let index = held.length
    for (let before = held[index - 1]; before !== undefined && isBefore(packet, before); before = held[index - 1]) {
      index--
    }
    const before = held[index - 1]
    if (before !== undefined && before.lane === packet.lane && before.extended === packet.extended) {
      counts.duplicates++
      return
    }
    held.splice(index, 0, packet)
  }

  const place = (packet: Received, lane: Lane, seen: Timeline.Seen, samples: number): void => {
    recent = lane
    const afterPause = packet.arrival - lane.lastArrival > pauseSamples
    lane.lastArrival = Math.max(lane.lastArrival, packet.arrival)
    if (lane.end !== undefined && seen.extended < lane.end) {
      if (lane.recent[packet.sequence % recentPackets] === packet.sequence + 1) counts.duplicates++
      else counts.late++
      return
    }
    insert({ ...packet, ...seen, lane, samples, afterPause })
  }

  const take: Part["take"] = (packet) => {
    const samples = OpusPacket.samples(packet.payload)
    if (samples < 0) {
      counts.malformed++
      return
    }
    let lane = laneOf(packet.ssrc)
    const seen = lane.timeline.see(packet.timestamp, packet.arrival)
    if (seen === undefined) {
      doubtful.push(packet)
      if (doubtful.length > maxDoubtful) {
        doubtful.shift()
        counts.malformed++
      }
      return
    }
    const waiting = doubtful
    doubtful = []
    if (seen.epoch !== lane.epoch) {
      lane = newLane(lane.timeline, seen.epoch)
      lanes.set(packet.ssrc, lane)
      for (const before of waiting) {
        if (before.ssrc === packet.ssrc) take(before)
        else counts.malformed++
      }
    } else counts.malformed += waiting.length
    place(packet, lane, seen, samples)
    if (held.length > maxHeld) writeFirst()
  }

  const silence = (units: number): void => {
    Silence.fill(units * Silence.unitSamples, (data, samples) => {
      give(data, samples, written, false)
      written += samples
    })
  }

  const noteGap = (samples: number, packets: number, cause: Gap["cause"]): void => {
    if (samples <= 0) return
    if (gaps.length < maxGaps) gaps.push({ at: written, samples, packets, cause })
    else gapsOmitted++
  }

  /** Sequence numbers distinguish losses from pauses. A greater jump is a restart. */
  const lostBefore = ({ lane, sequence }: Held): number => {
    if (lane.end === undefined) return 0
    const lost = sequenceDelta(sequence, lane.sequence) - 1
    return lost > 0 && lost <= maxLost ? lost : 0
  }

  const settle = (first: Held): void => {
    let fresh = first.arrival - first.extended
    for (const packet of held) {
      if (packet.lane === first.lane) fresh = Math.min(fresh, packet.arrival - packet.extended)
    }
    first.lane.timeline.settle(first.epoch, fresh)
  }

  /**
   * Whether it goes directly after what was written last. A sender whose timestamps stand still in pauses only seems to
   * continue.
   */
  const follows = ({ afterPause, extended, lane }: Held): boolean =>
    extended === lane.end && !afterPause && written === lane.endAt && leftOut === 0 && !isBroken

  /** The earliest place of a packet: nothing is overwritten. */
  const placeOf = (packet: Held): number => follows(packet) ? written : Math.max(written, timeOf(packet))

  const write = (packet: Held): void => {
    const { extended, lane, payload, samples, sequence } = packet
    if (lane.end !== undefined && extended < lane.end) {
      counts.late++
      return
    }
    const isNext = follows(packet)
    const silent = Silence.isSilent(payload)
    if (packet.afterPause) settle(packet)
    const lost = lostBefore(packet)
    lane.end = extended + samples
    lane.sequence = sequence
    lane.recent[sequence % recentPackets] = sequence + 1
    const target = timeOf(packet)
    if (!isWanted(target, samples)) {
      isBroken = true
      return
    }
    counts.lost += lost
    if (!isOpen()) {
      counts.dropped++
      leftOut++
      return
    }
    if (target + samples <= 0) return
    const units = isNext && !silent ? 0 : Math.round((target - written) / Silence.unitSamples)
    if (leftOut > 0) noteGap(units * Silence.unitSamples, leftOut, "dropped")
    else if (lost > 0) noteGap(units * Silence.unitSamples, lost, "lost")
    leftOut = 0
    isBroken = false
    if (units > 0) silence(units)
    counts.written++
    if (silent && units < 0) silence(Math.max(0, samples / Silence.unitSamples + units))
    else {
      error = Math.max(error, Math.abs(target - written))
      give(payload, samples, written, true)
      written += samples
    }
    lane.endAt = written
  }

  const writeFirst = (): void => {
    const first = held.shift()
    if (first !== undefined) write(first)
  }

  const advance: Part["advance"] = (now) => {
    isCatchingUp = false
    if (!isOpen()) {
      // packets that waited long enough are dropped, so that they take no memory
      while (held[0] !== undefined && held[0].arrival + hold <= now) writeFirst()
      return
    }
    // a user who comes after hours has hours of silence to fill: not all at once
    const goal = held[0] === undefined ? now - hold : timeOf(held[0])
    if (goal - written > silenceAtOnce) {
      isCatchingUp = true
      return silence(silenceAtOnce / Silence.unitSamples)
    }
    for (let first = held[0]; first !== undefined; first = held[0]) {
      if (!follows(first) && first.arrival + hold > now) break
      // a page beyond the end could not be cut off if the recording ends here
      if (placeOf(first) + first.samples > now) break
      writeFirst()
    }
    const first = held[0]
    if (first !== undefined && follows(first)) return
    const reachable = first === undefined ? now - hold : Math.min(now - hold, timeOf(first))
    const units = Math.floor((reachable - written) / Silence.unitSamples)
    if (units > 0 && leftOut > 0) {
      noteGap(units * Silence.unitSamples, leftOut, "dropped")
      leftOut = 0
    }
    silence(units)
  }

  return {
    take,
    advance,
    finish: (length) => {
      for (let first = held[0]; first !== undefined && placeOf(first) < length; first = held[0]) writeFirst()
      held.length = 0
      counts.malformed += doubtful.length
      doubtful = []
      if (leftOut > 0) noteGap(length - written, leftOut, "dropped")
      silence(Math.ceil((length - written) / Silence.unitSamples))
    },
    written: () => written,
    isCatchingUp: () => isCatchingUp,
    waiting: () => ({
      packets: held.length + doubtful.length,
      bytes: [...held, ...doubtful].reduce((sum, { payload }) => sum + payload.length, 0)
    }),
    counts,
    gaps,
    gapsOmitted: () => gapsOmitted,
    ssrcs,
    jitter: () => recent?.timeline.jitter() ?? 0,
    error: () => error
  }
}
