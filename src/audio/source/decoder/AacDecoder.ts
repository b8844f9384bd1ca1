/**
 * AAC by FAAD2, if the package that contains it is installed.
 *
 * @since 0.1.0
 */
import * as ByteSource from "../../ByteSource.ts"
import type { Header } from "../../format/PacketReader.ts"
import { each, type Handle, quietly, silenceLoud } from "./Decoder.ts"

/** @internal */
export const make = async (header: Header): Promise<Handle> => {
  // esbuild reports a package that is not installed as an error, unless the failure is caught where it is imported
  const { decoder: makeDecoder } = await import("@audio/decode-aac").catch((cause: unknown) => Promise.reject(cause))
  const [config] = header.setup
  const make = () => makeDecoder(config === undefined ? {} : { asc: config })
  let decoder = await make()
  return {
    decode: (packets) =>
      each(packets, (packet) => {
        try {
          const { channelData, sampleRate } = quietly(() => decoder.decode(packet.data))
          const scale = sampleRate > header.rate ? Math.round(sampleRate / header.rate) : 1
          const [first] = channelData
          silenceLoud(channelData)
          return {
            channels: channelData,
            start: packet.start * scale,
            count: Math.min(packet.samples * scale, first?.length ?? 0),
            scale
          }
        } catch (cause) {
          return ByteSource.describe(cause)
        }
      }),
    reset: async () => {
      decoder.free()
      decoder = await make()
    },
    free: () => decoder.free()
  }
}
