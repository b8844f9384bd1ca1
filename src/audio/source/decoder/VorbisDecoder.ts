/**
 * Vorbis by libvorbis, which is given packets rather than the pages of Ogg that it expects.
 *
 * @since 0.1.0
 */
import type { Header, Packet } from "../../format/PacketReader.ts"
import { blockOf, each, type Handle, type Output, quietly } from "./Decoder.ts"

/** Apart from its use: the bundler of Bun leaves out exports that are not used here but in the package itself. */
const load = () => import("@wasm-audio-decoders/ogg-vorbis")

/** @internal */
export const make = async (header: Header): Promise<Handle> => {
  const [{ OggVorbisDecoder }, parser] = await Promise.all([load(), import("codec-parser")])
  const decoder = new OggVorbisDecoder()
  await decoder.ready
  let [identification, , setup] = header.setup
  let fresh = true
  /** The page of Ogg that the decoder expects; it only reads these fields. */
  const page = (packet: Packet) => ({
    [parser.data]: identification,
    [parser.codecFrames]: [{ [parser.header]: { [parser.vorbisSetup]: setup }, [parser.data]: packet.data }],
    [parser.isLastPage]: false
  })
  const begin = async () => {
    if (fresh) return
    fresh = true
    await decoder.reset()
  }
  return {
    decode: (packets) =>
      each(packets, async (packet) => {
        if (packet.vorbis !== undefined) [identification, , setup] = packet.vorbis
        // the first packet of a stream overlaps with nothing
        if (packet.samples === 0 && packet.data.length > 0) await begin()
        fresh = false
        // the type requires all of a page, the decoder only the fields above
        const pages = [page(packet)] as unknown as Parameters<typeof decoder.decodeOggPages>[0]
        const output: Output = await quietly(() => decoder.decodeOggPages(pages))
        const [error] = output.errors
        if (error !== undefined) return error.message
        return blockOf(packet, output, header, "vorbis")
      }),
    reset: () => {
      ;[identification, , setup] = header.setup
      return begin()
    },
    free: () => decoder.free()
  }
}
