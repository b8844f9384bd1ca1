/**
 * Puts the packets of one user on one line: sequence numbers of 16 bits and timestamps of 32 bits become numbers that only
 * grow, through wraparounds, restarts of the sender and other SSRCs.
 *
 * A restart is a step that is neither loss nor reordering (RFC 3550, A.1, has the same bounds). It is believed when a second
 * packet goes on from it. What follows goes on at the next number, and at the time that its arrival says.
 *
 * @since 0.1.0
 */
import type { Ssrc } from "../protocol/Identifier.ts"
import { sequenceDelta, timestampDelta } from "../protocol/RtpPacket.ts"

/**
 * A packet as it came.
 *
 * @category models
 * @since 0.1.0
 */
export interface Packet {
  readonly ssrc: Ssrc
  /** 16 bits. */
  readonly sequence: number
  /** 32 bits, 48 kHz. */
  readonly timestamp: number
  /** Opus. */
  readonly data: Uint8Array
  /** Its duration at 48 kHz, from 120 to 5760. */
  readonly samples: number
  readonly isSilence: boolean
  /** When it arrived, in milliseconds. */
  readonly arrivalMs: number
  /** Its place, which is set by {@link Unwrap.place}: grows by 1 a packet. */
  index: number
  /** Where it begins on the line, in samples; set together with `index`. */
  position: number
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Unwrap {
  /** Gives the packets that have found their place with this one: none while a restart is in doubt. */
  readonly place: (packet: Packet) => ReadonlyArray<Packet>
  /**
   * Nothing is sent to us while we are deaf: what is missing meanwhile, and behind it, is a pause, and no restart. What comes next goes on
   * at the next number, and at the time that its arrival says.
   */
  readonly setDeaf: (deaf: boolean) => void
  readonly statistics: () => { readonly resyncs: number; readonly strays: number; readonly doubtful: 0 | 1 }
}

/** A greater step forward is no loss any more (RFC 3550, A.1: MAX_DROPOUT). */
const maxDropout = 3_000

/** A greater step back is no reordering any more: more than 200 ms of packets of 2.5 ms, and some. */
const maxMisorder = 128

/** How far a timestamp may run ahead of the clock, in milliseconds. */
const maxLeadMs = 1_000

/** A sender that paused this long without moving its timestamp on is put back to the clock, in milliseconds. */
const pauseMs = 300

/** How long stragglers of a former SSRC are known as such, in milliseconds. */
const stragglerMs = 1_000

/** Old packets in a row, each going on from the one before, that make a restart. */
const restartPackets = 3

const unit = 120

const inUnits = (samples: number): number => Math.max(0, Math.round(samples / unit)) * unit

/**
 * What is done with the packets that have found their place.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** The arrival time less the position that is usual at the moment, in milliseconds: what a jump is measured by. */
  readonly usualTransitMs: () => number | undefined
  /**
   * Makes room for so many packets in front of the one with this index: that and all behind it have indices that are greater by so many from
   * then on. Gives false where it is too late for that, because they or others behind them were given out.
   */
  readonly makeRoom: (index: number, packets: number) => boolean
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = ({ makeRoom, usualTransitMs }: Options): Unwrap => {
  /** The newest packet in place. */
  let newest: Packet | undefined
  let suspect: Packet | undefined
  let formerSsrc: Ssrc | undefined
  /** The index of the first packet that has come of the SSRC. */
  let beginning = -Infinity
  let changedMs = 0
  /** Packets in a row that were older than the newest, and the last of them. */
  let oldRun = 0
  let lastOld = 0
  let resyncs = 0
  let strays = 0
  let isDeaf = false
  /** Something may be missing in front of the next packet that was never sent. */
  let wasDeaf = false

  const put = (packet: Packet, index: number, position: number): Packet => {
    packet.index = index
    packet.position = position
    if (newest === undefined || index > newest.index) newest = packet
    return packet
  }

  /** The place of a packet that starts anew: behind everything before, and as far behind as the clock says. */
  const anew = (packet: Packet, after: Packet): Packet => {
    const end = after.position + after.samples
    const transitMs = usualTransitMs()
    const position = transitMs === undefined ? end : (packet.arrivalMs - transitMs) * 48
    return put(packet, after.index + 1, end + inUnits(position - end))
  }

  const restart = (packet: Packet, after: Packet): Packet => {
    resyncs++
    oldRun = 0
    return anew(packet, after)
  }

  const onJump = (packet: Packet, after: Packet): ReadonlyArray<Packet> => {
    const first = suspect
    suspect = undefined
    if (first !== undefined && sequenceDelta(packet.sequence, first.sequence) === 1) {
      const placed = restart(first, after)
      return [placed, ...place(packet)]
    }
    if (first !== undefined) strays++
    suspect = packet
    return []
  }

  /** What was overtaken by the first packet of its SSRC has no place in front of it, until there is room for it. */
  const roomFor = (after: Packet, step: number): number => {
    const before = after.index
    const packets = beginning - (before + step)
    if (packets <= 0 || !makeRoom(beginning, packets)) return 0
    // it may be one of those that wait
    if (after.index === before) after.index += packets
    return packets
  }

  const place = (packet: Packet): ReadonlyArray<Packet> => {
    const after = newest
    if (after === undefined) return [put(packet, packet.sequence, packet.timestamp)]
    if (packet.ssrc !== after.ssrc) {
      if (packet.ssrc === formerSsrc && packet.arrivalMs - changedMs < stragglerMs) {
        strays++
        return []
      }
      formerSsrc = after.ssrc
      changedMs = packet.arrivalMs
      if (suspect !== undefined) strays++
      suspect = undefined
      const first = restart(packet, after)
      beginning = first.index
      return [first]
    }
    const step = sequenceDelta(packet.sequence, after.sequence)
    // what was under way when we became deaf may still come late, or twice
    const wasUnderWay = isDeaf && step <= 0 && step >= -maxMisorder
    const isBehind = wasDeaf && step !== 1 && !wasUnderWay
    wasDeaf = isDeaf
    if (isBehind) {
      if (suspect !== undefined) strays++
      suspect = undefined
      oldRun = 0
      return [anew(packet, after)]
    }
    if (step > maxDropout || step < -maxMisorder) return onJump(packet, after)
    const position = after.position + timestampDelta(packet.timestamp, after.timestamp)
    // an older packet is never of a later time: the numbers were taken before, as those of silence that a server adds
    if (step <= 0 && position > after.position) return onJump(packet, after)
    if (step <= 0) {
      oldRun = step < 0 && sequenceDelta(packet.sequence, lastOld) === 1 ? oldRun + 1 : 1
      lastOld = packet.sequence
      // one in the place of another, or of old ones: a sender that began anew just behind where it was
      if (oldRun >= restartPackets && packet.arrivalMs - after.arrivalMs > stragglerMs) return [restart(packet, after)]
      return [put(packet, after.index + step + roomFor(after, step), position)]
    }
    oldRun = 0
    const passedMs = packet.arrivalMs - after.arrivalMs
    const movedMs = (position - after.position) / 48
    if (movedMs <= 0 || movedMs > passedMs + maxLeadMs) return onJump(packet, after)
    if (suspect !== undefined) strays++
    suspect = undefined
    // some senders let their timestamps rest while they pause
    const rested = passedMs - movedMs > pauseMs && after.isSilence && step === 1 &&
      position - after.position <= after.samples
    return [rested ? anew(packet, after) : put(packet, after.index + step, position)]
  }

  const setDeaf = (deaf: boolean): void => {
    isDeaf = deaf
    wasDeaf = true
  }

  return { place, setDeaf, statistics: () => ({ resyncs, strays, doubtful: suspect === undefined ? 0 : 1 }) }
}
