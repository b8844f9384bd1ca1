/**
 * MPEG audio by mpg123.
 *
 * @since 0.1.0
 */
import type { Header } from "../../format/PacketReader.ts"
import { blockOf, each, type Handle, quietly, silenceLoud } from "./Decoder.ts"

/** Apart from its use: the bundler of Bun leaves out exports that are not used here but in the package itself. */
const load = () => import("mpg123-decoder")

/** @internal */
export const make = async (header: Header): Promise<Handle> => {
  const { MPEGDecoder } = await load()
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
