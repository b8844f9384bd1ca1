/**
 * Assigns packets to users, for a recording that must not lose the first words: packets of an SSRC whose owner is unknown wait
 * for the owner, for a limited time.
 *
 * @since 0.1.0
 */
import type { AudioPacket } from "../../driver/Line.ts"
import type { UserId } from "../../protocol/Identifier.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Senders {
  /**
   * Passes the packet on with its user, now or when the user becomes known. `arrival` is when it arrived, and is passed on with
   * it.
   */
  readonly take: (packet: AudioPacket, arrival: number) => void
  readonly name: (ssrc: number, userId: UserId) => void
  /** The SSRC of a user who has left may be assigned to another user next. */
  readonly left: (userId: UserId) => void
  /** Gives up packets that have waited too long. */
  readonly expire: (now: number) => void
  /** Forgets all SSRCs: they mean nothing on another connection. */
  readonly forget: () => void
  /** The packets that were given up. */
  readonly unknown: () => number
}

interface Waiting {
  readonly since: number
  readonly packets: Array<{ readonly packet: AudioPacket; readonly arrival: number }>
}

const patience = 5_000 * 48
const maxPackets = 256
const maxSsrcs = 64

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (give: (userId: UserId, packet: AudioPacket, arrival: number) => void): Senders => {
  const names = new Map<number, UserId>()
  const waiting = new Map<number, Waiting>()
  let unknown = 0

  const name: Senders["name"] = (ssrc, userId) => {
    names.set(ssrc, userId)
    const found = waiting.get(ssrc)
    if (found === undefined) return
    waiting.delete(ssrc)
    for (const { arrival, packet } of found.packets) give(userId, packet, arrival)
  }

  return {
    name,
    take: (packet, arrival) => {
      const userId = packet.userId ?? names.get(packet.ssrc)
      if (userId !== undefined) {
        if (waiting.size > 0) name(packet.ssrc, userId)
        return give(userId, packet, arrival)
      }
      const found = waiting.get(packet.ssrc)
      if (found === undefined) {
        if (waiting.size < maxSsrcs) waiting.set(packet.ssrc, { since: arrival, packets: [{ packet, arrival }] })
        else unknown++
      } else if (found.packets.length < maxPackets) found.packets.push({ packet, arrival })
      else unknown++
    },
    expire: (now) => {
      for (const [ssrc, { packets, since }] of waiting) {
        if (now - since <= patience) continue
        waiting.delete(ssrc)
        unknown += packets.length
      }
    },
    left: (userId) => {
      for (const [ssrc, owner] of names) if (owner === userId) names.delete(ssrc)
    },
    forget: () => {
      names.clear()
      for (const { packets } of waiting.values()) unknown += packets.length
      waiting.clear()
    },
    unknown: () => unknown
  }
}
