/**
 * FLAC by its reference decoder.
 *
 * @since 0.1.0
 */
import type { Header } from "../../format/PacketReader.ts"
import { blockOf, each, type Handle, quietly } from "./Decoder.ts"

/**
 * The FLAC decoder divides by the greatest sample, rather than by one more as everything else does: a difference of a
 * sixteenth bit. FLAC only yields whole numbers, so it can be corrected exactly.
 */
const rescale = (samples: Float32Array, bits: number): void => {
  const divisor = 2 ** (bits - 1)
  for (let i = 0; i < samples.length; i++) samples[i] = Math.round((samples[i] ?? 0) * (divisor - 1)) / divisor
}

/** Apart from its use: the bundler of Bun leaves out exports that are not used here but in the package itself. */
const load = () => import("@wasm-audio-decoders/flac")

/** @internal */
export const make = async (header: Header): Promise<Handle> => {
  const { FLACDecoder } = await load()
  const decoder = new FLACDecoder()
  await decoder.ready
  return {
    decode: (packets) =>
      each(packets, async (packet) => {
        const output = await quietly(() => decoder.decodeFrames([packet.data]))
        const [error] = output.errors
        if (error !== undefined) return error.message
        for (const samples of output.channelData) rescale(samples, output.bitDepth)
        return blockOf(packet, output, header)
      }),
    // frames do not depend on each other, but the decoder takes one that does not follow the last for a missing one
    reset: () => decoder.reset(),
    free: () => decoder.free()
  }
}
