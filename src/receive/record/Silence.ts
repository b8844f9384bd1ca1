/**
 * Silence in Opus, as packets: it fills a recording where nobody spoke. Also tells which packets of a speaker are silent, so
 * that they may be made longer or shorter without altering sound.
 *
 * @since 0.1.0
 */
import * as OpusPacket from "../../protocol/OpusPacket.ts"

/**
 * 2.5 ms at 48 kHz: the unit of all durations in Opus (RFC 6716, 2.1.4), and so the resolution at which files can be aligned.
 *
 * @category constants
 * @since 0.1.0
 */
export const unitSamples = 120

/** A CELT frame whose first bits mark it as silent (RFC 6716, 4.3): two bytes after the code of the duration. */
const frame = (config: number): Uint8Array => Uint8Array.of(config << 3, 0xff, 0xfe)

/** RFC 6716, 3.2.5: code 3, six frames of equal size without padding, in a packet of the maximum duration. */
const long = (): Uint8Array => Uint8Array.of((31 << 3) | 3, 6, ...Array.from({ length: 6 }, () => [0xff, 0xfe]).flat())

/** From the longest to the shortest: 120, 20, 10, 5 and 2.5 ms. */
const packets: ReadonlyArray<readonly [samples: number, make: () => Uint8Array]> = [
  [6 * OpusPacket.silenceSamples, long],
  [OpusPacket.silenceSamples, OpusPacket.silenceFrame],
  [480, () => frame(30)],
  [240, () => frame(29)],
  [120, () => frame(28)]
]

/**
 * Produces silent packets for this many samples, rounded down to whole units. A pause of an hour is 30 000 packets of 14 bytes;
 * `give` gets them one by one.
 *
 * @category combinators
 * @since 0.1.0
 */
export const fill = (samples: number, give: (data: Uint8Array, samples: number) => void): void => {
  let left = samples
  for (const [length, make] of packets) {
    if (left < length) continue
    const data = make()
    for (; left >= length; left -= length) give(data, length)
  }
}

/**
 * Whether a packet contains no sound: a CELT frame that is marked as silent in its first bits, or one without content, which a
 * sender that falls silent (DTX) sends.
 *
 * @category guards
 * @since 0.1.0
 */
export const isSilent = (packet: Uint8Array): boolean => {
  const toc = packet[0]
  if (toc === undefined || (toc & 3) !== 0) return false
  if (packet.length <= 2) return true
  return toc >>> 3 >= 16 && packet[1] === 0xff && (packet[2] ?? 0) >= 0xfe
}
