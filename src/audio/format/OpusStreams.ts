/**
 * Packets of Opus in several streams, as in sound of more than two channels (RFC 7845, 3): one packet of each stream, all but
 * the last self-delimiting (RFC 6716, appendix B), which means that they also state the length of their last frame.
 *
 * @since 0.1.0
 */
import * as OpusPacket from "../../protocol/OpusPacket.ts"
import type { Decoding } from "./OpusHead.ts"

/** A number in one or two bytes (RFC 6716, 3.2.1), and where it ends. */
const lengthAt = (bytes: Uint8Array, at: number): readonly [length: number, end: number] | undefined => {
  const first = bytes[at]
  if (first === undefined) return undefined
  if (first < 252) return [first, at + 1]
  const second = bytes[at + 1]
  return second === undefined ? undefined : [first + 4 * second, at + 2]
}

/** Where a packet that begins at a position states the length of its last frame, and where it ends. */
interface Delimited {
  readonly from: number
  readonly to: number
  readonly end: number
}

/** The frames after the lengths of all but the last: `count` equal ones if the lengths are not stated. */
const ofFrames = (
  bytes: Uint8Array,
  at: number,
  lengths: { readonly said: number; readonly count: number; readonly padding: number }
): Delimited | undefined => {
  let from = at
  let sum = 0
  for (let i = 0; i < lengths.said; i++) {
    const length = lengthAt(bytes, from)
    if (length === undefined) return undefined
    sum += length[0]
    from = length[1]
  }
  const last = lengthAt(bytes, from)
  if (last === undefined) return undefined
  const [length, to] = last
  return { from, to, end: to + sum + length * (lengths.said > 0 ? 1 : lengths.count) + lengths.padding }
}

const ofMany = (bytes: Uint8Array, at: number): Delimited | undefined => {
  const head = bytes[at + 1]
  if (head === undefined) return undefined
  const count = head & 0x3f
  let from = at + 2
  let padding = 0
  if ((head & 0x40) !== 0) {
    for (let more = 255; more === 255;) {
      more = bytes[from++] ?? 0
      padding += more === 255 ? 254 : more
    }
  }
  return ofFrames(bytes, from, { said: (head & 0x80) === 0 ? 0 : count - 1, count, padding })
}

const delimited = (bytes: Uint8Array, at: number): Delimited | undefined => {
  const toc = bytes[at]
  if (toc === undefined) return undefined
  switch (toc & 3) {
    case 0:
      return ofFrames(bytes, at + 1, { said: 0, count: 1, padding: 0 })
    case 1:
      return ofFrames(bytes, at + 1, { said: 0, count: 2, padding: 0 })
    case 2:
      return ofFrames(bytes, at + 1, { said: 1, count: 2, padding: 0 })
    default:
      return ofMany(bytes, at)
  }
}

/**
 * The packets of this many streams, each as a decoder takes it, or `undefined` if they are malformed.
 *
 * @category codecs
 * @since 0.1.0
 */
export const split = (packet: Uint8Array, streams: number): ReadonlyArray<Uint8Array> | undefined => {
  const parts: Array<Uint8Array> = []
  let at = 0
  while (parts.length < streams - 1) {
    const found = delimited(packet, at)
    if (found === undefined || found.end > packet.length) return undefined
    const part = new Uint8Array(found.end - at - (found.to - found.from))
    part.set(packet.subarray(at, found.from))
    part.set(packet.subarray(found.to, found.end), found.from - at)
    parts.push(part)
    at = found.end
  }
  parts.push(packet.subarray(at))
  return parts
}

/**
 * The samples of a packet at 48 kHz, which are those of each of its streams; a negative number if it is invalid.
 *
 * @category combinators
 * @since 0.1.0
 */
export const samples = (packet: Uint8Array, decoding: Decoding | undefined): number => {
  if (decoding === undefined || decoding.streams === 1) return OpusPacket.samples(packet)
  const counts = split(packet, decoding.streams)?.map((part) => OpusPacket.samples(part)) ?? [-1]
  const [first = -1] = counts
  return counts.every((count) => count === first) ? first : -1
}
