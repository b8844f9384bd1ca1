/**
 * MPEG audio by mpg123.
 *
 * @since 0.1.0
 */
import type { Header } from "../../format/PacketReader.ts"
import { blockOf, each, type Handle, quietly, silenceLoud } from "./Decoder.ts"

/** @internal */
export const make = async (header: Header): Promise<Handle> => {
  const { MPEGDecoder } = await import("mpg123-decoder")
  const decoder = new MPEGDecoder({ enableGapless: false })
  await decoder.ready
  return {
    decode: (packets) =>
      each(packets, (packet) => {
        const output = quietly(() => decoder.decodeFrame(packet.data))
        const [error] = output.errors
        if (error !== undefined) return error.message
        silenceLoud(output.channelData)
        return blockOf(packet, output, header)
      }),
    reset: () => decoder.reset(),
    free: () => decoder.free()
  }
}
