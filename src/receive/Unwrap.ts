/**
 * Puts the packets of one user on one line: 16-bit sequence numbers and 32-bit timestamps become numbers that only grow,
 * through wraparounds, restarts of the sender and changes of the SSRC.
 *
 * A restart is a step that is neither loss nor reordering (RFC 3550, A.1, has the same limits). It is accepted when a second
 * packet continues it. Its packets continue at the next number, and at the time of their arrival.
 *
 * @since 0.1.0
 */
import type { Ssrc } from "../protocol/Identifier.ts"
import { sequenceDelta, timestampDelta } from "../protocol/RtpPacket.ts"

/**
 * A packet as it arrived.
 *
 * @category models
 * @since 0.1.0
 */
export interface Packet {
  readonly ssrc: Ssrc
  /** 16 bits. */
  readonly sequence: number
  /** 32 bits, at 48 kHz. */
  readonly timestamp: number
  /** Opus. */
  readonly data: Uint8Array
  /** The duration in samples at 48 kHz, from 120 to 5760. */
  readonly samples: number
  readonly isSilence: boolean
  /** The arrival time in milliseconds. */
  readonly arrivalMs: number
  /** Its place, set by {@link Unwrap.place}: grows by 1 per packet. */
  index: number
  /** Its start on the line, in samples; set together with `index`. */
  position: number
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Unwrap {
  /** Returns the packets that have got their place with this one: none while a restart is in doubt. */
  readonly place: (packet: Packet) => ReadonlyArray<Packet>
  /**
   * Sets whether we are deaf. Nothing is sent to us then, so what is missing in that time, and directly after it, is a pause
   * and not a restart. The next packet continues at the next number, and at the time of its arrival.
   */
  readonly setDeaf: (deaf: boolean) => void
  readonly statistics: () => { readonly resyncs: number; readonly strays: number; readonly doubtful: 0 | 1 }
}

/** A greater step forward is not a loss any more (RFC 3550, A.1: MAX_DROPOUT). */
const maxDropout = 3_000

/** A greater step back is not reordering any more: more than 200 ms in packets of 2.5 ms, and a margin. */
const maxMisorder = 128

/** How far a timestamp may run ahead of the clock, in milliseconds. */
const maxLeadMs = 1_000

/** After a pause of this length in which its timestamp did not advance, a sender is realigned with the clock, in milliseconds. */
const pauseMs = 300

/** How long late packets of a former SSRC are recognized as such, in milliseconds. */
const stragglerMs = 1_000

/** The number of consecutive old packets, each continuing the previous one, that count as a restart. */
const restartPackets = 3

const unit = 120

const inUnits = (samples: number): number => Math.max(0, Math.round(samples / unit)) * unit

/**
 * What happens to the packets that have got their place.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** The usual arrival time minus the position, in milliseconds: jumps are measured by it. */
  readonly usualTransitMs: () => number | undefined
  /**
   * Makes room for this many packets before the one with this index, by increasing the indices of that packet and all later
   * ones. Returns false if it is too late for that, because these packets or later ones were given out.
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
  /** The index of the first packet received of the SSRC. */
  let beginning = -Infinity
  let changedMs = 0
  /** The number of consecutive packets that were older than the newest, and the last of them. */
  let oldRun = 0
  let lastOld = 0
  let resyncs = 0
  let strays = 0
  let isDeaf = false
  /** Whether something may be missing before the next packet that was never sent. */
  let wasDeaf = false

  const put = (packet: Packet, index: number, position: number): Packet => {
    packet.index = index
    packet.position = position
    if (newest === undefined || index > newest.index) newest = packet
    return packet
  }

  /** The place of a packet that starts again: after everything before, by as much as the clock says. */
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

  /** Packets that were overtaken by the first packet of their SSRC have no place before it until room is made. */
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
    // packets that were under way when we became deaf may still arrive late, or twice
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
    // an older packet never has a later time: the numbers were already used, by silence that a server adds
    if (step <= 0 && position > after.position) return onJump(packet, after)
    if (step <= 0) {
      oldRun = step < 0 && sequenceDelta(packet.sequence, lastOld) === 1 ? oldRun + 1 : 1
      lastOld = packet.sequence
      // one in the place of another, or old packets: a sender that restarted just behind where it was
      if (oldRun >= restartPackets && packet.arrivalMs - after.arrivalMs > stragglerMs) return [restart(packet, after)]
      return [put(packet, after.index + step + roomFor(after, step), position)]
    }
    oldRun = 0
    const passedMs = packet.arrivalMs - after.arrivalMs
    const movedMs = (position - after.position) / 48
    if (movedMs <= 0 || movedMs > passedMs + maxLeadMs) return onJump(packet, after)
    if (suspect !== undefined) strays++
    suspect = undefined
    // some senders do not advance their timestamps in a pause
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
