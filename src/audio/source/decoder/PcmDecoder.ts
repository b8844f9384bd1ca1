/**
 * Raw samples in packets.
 *
 * @since 0.1.0
 */
import type { Header } from "../../format/PacketReader.ts"
import * as Samples from "../../format/Samples.ts"
import type { Handle } from "./Decoder.ts"

/** @internal */
export const make = (header: Header): Handle => {
  const format = header.sampleFormat ?? "s16le"
  return {
    decode: (packets) =>
      Promise.resolve({
        blocks: packets.map((packet) => ({
          channels: Samples.decode(packet.data, format, header.channels),
          start: packet.start,
          count: packet.samples,
          scale: 1
        })),
        problem: undefined
      }),
    reset: () => Promise.resolve(),
    free: () => undefined
  }
}
