/**
 * What the granule position of an Ogg page says about the packets that were read from it: where they are, and how much of the
 * last of them is to be heard.
 *
 * @since 0.1.0
 */
import type { Packet } from "../format/PacketReader.ts"

/**
 * Moves the packets from an index on by a number of samples.
 *
 * @category combinators
 * @since 0.1.0
 */
export const shift = (packets: Array<Packet>, from: number, samples: number): void => {
  for (let i = from; i < packets.length; i++) {
    const packet = packets[i]
    if (packet !== undefined) packets[i] = { ...packet, start: packet.start + samples }
  }
}

/**
 * Removes samples from the end, as far as there are, and returns how many were removed.
 *
 * @category combinators
 * @since 0.1.0
 */
export const cut = (packets: Array<Packet>, samples: number): number => {
  let left = samples
  for (let i = packets.length - 1; i >= 0 && left > 0; i--) {
    const packet = packets[i]
    if (packet === undefined) break
    const less = Math.min(left, packet.samples)
    if (less < packet.samples) packets[i] = { ...packet, samples: packet.samples - less }
    // a packet that decodes to nothing itself is needed for the next
    else if (less > 0) packets.splice(i, 1)
    left -= less
  }
  return Math.max(0, samples) - Math.max(0, left)
}
