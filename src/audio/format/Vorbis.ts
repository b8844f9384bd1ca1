/**
 * What has to be known of Vorbis without decoding it: its headers, and how many samples a packet decodes to (Vorbis I, 4.2,
 * 4.3).
 *
 * @since 0.1.0
 */

/**
 * @category models
 * @since 0.1.0
 */
export interface Identification {
  readonly channels: number
  readonly rate: number
  /** The samples of a short and of a long block. */
  readonly blocks: readonly [short: number, long: number]
}

const magic = (packet: Uint8Array, type: number): boolean =>
  packet.length >= 7 && packet[0] === type && String.fromCharCode(...packet.subarray(1, 7)) === "vorbis"

/**
 * Whether a packet is the identification, the comment or the setup header.
 *
 * @category guards
 * @since 0.1.0
 */
export const isHeader = (packet: Uint8Array, kind: "identification" | "comment" | "setup"): boolean =>
  magic(packet, kind === "identification" ? 1 : kind === "comment" ? 3 : 5)

/**
 * Reads an identification header; `undefined` if it is malformed.
 *
 * @category codecs
 * @since 0.1.0
 */
export const identification = (packet: Uint8Array): Identification | undefined => {
  if (!magic(packet, 1) || packet.length < 30) return undefined
  const view = new DataView(packet.buffer, packet.byteOffset, packet.byteLength)
  const channels = view.getUint8(11)
  const rate = view.getUint32(12, true)
  const sizes = view.getUint8(28)
  const short = sizes & 15
  const long = sizes >> 4
  if (view.getUint32(7, true) !== 0 || channels === 0 || rate < 1000 || rate > 768_000) return undefined
  if (short < 6 || long > 13 || short > long || (view.getUint8(29) & 1) === 0) return undefined
  return { channels, rate, blocks: [2 ** short, 2 ** long] }
}

/**
 * For each mode, whether its blocks are long. The modes are the last part of a setup header, which can only be read forward
 * by a reader that understands everything before. So it is read from its end, while each mode has a window and a transform
 * type of zero. The longest run counts for which the number of modes before it agrees.
 *
 * @category codecs
 * @since 0.1.0
 */
export const modes = (setup: Uint8Array): ReadonlyArray<boolean> | undefined => {
  if (!magic(setup, 5)) return undefined
  const bit = (at: number): number => ((setup[at >> 3] ?? 0) >> (at & 7)) & 1
  const bits = (at: number, count: number): number => {
    let value = 0
    for (let i = 0; i < count; i++) value += bit(at + i) * 2 ** i
    return value
  }
  // the last bit that is set is the framing flag
  let end = setup.length * 8 - 1
  while (end > 56 && bit(end) === 0) end--
  let found: ReadonlyArray<boolean> | undefined
  const flags: Array<boolean> = []
  for (let at = end - 41; at > 62 && flags.length < 64; at -= 41) {
    // block flag 1, window type 16, transform type 16, mapping 8
    if (bits(at + 1, 16) !== 0 || bits(at + 17, 16) !== 0 || bits(at + 33, 8) > 63) break
    flags.unshift(bit(at) === 1)
    if (bits(at - 6, 6) + 1 === flags.length) found = [...flags]
  }
  return found
}

/**
 * Counts the samples of packet after packet; the first one after `reset` gives none.
 *
 * @category models
 * @since 0.1.0
 */
export interface Counter {
  /** The samples that a decoder gives for this packet, -1 if it is not an audio packet. */
  readonly samples: (packet: Uint8Array) => number
  readonly reset: () => void
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const counter = (blocks: Identification["blocks"], long: ReadonlyArray<boolean>): Counter => {
  const modeBits = 32 - Math.clz32(long.length - 1)
  let previous = 0
  return {
    samples: (packet) => {
      const [first = 1] = packet
      // an empty packet makes no sound, and changes nothing
      if (packet.length === 0) return 0
      if ((first & 1) !== 0) return -1
      const mode = (first >> 1) & ((1 << modeBits) - 1)
      const flag = long[mode]
      if (flag === undefined) return -1
      const block = blocks[flag ? 1 : 0]
      const samples = previous === 0 ? 0 : (previous + block) / 4
      previous = block
      return samples
    },
    reset: () => {
      previous = 0
    }
  }
}
