/**
 * Opus of several streams per packet, or with a gain (RFC 7845, 5.1.1), by libopus-wasm, which has no multistream decoder.
 *
 * @since 0.1.0
 */
import * as OpusPacket from "../../../protocol/OpusPacket.ts"
import type { Decoding } from "../../format/OpusHead.ts"
import * as OpusStreams from "../../format/OpusStreams.ts"
import { each, type Handle } from "./Decoder.ts"

/** The stream that contains a decoded channel, and how its samples are arranged there. */
const placeOf = (index: number, coupled: number) =>
  index < 2 * coupled
    ? { stream: index >> 1, step: 2, offset: index & 1 }
    : { stream: index - coupled, step: 1, offset: 0 }

/**
 * Uses one libopus decoder for every stream of a packet that is heard, then puts the channels where they belong, with the
 * gain of the header. A header may name 255 streams for one channel.
 *
 * @internal
 */
export const make = async (first: Decoding): Promise<Handle> => {
  const { createDecoder } = await import("libopus-wasm")
  const makeAll = async ({ coupled, mapping, streams }: Decoding) => {
    const heard = new Set(mapping.map((index) => placeOf(index, coupled).stream))
    const made: Array<Awaited<ReturnType<typeof createDecoder>> | undefined> = []
    try {
      for (let i = 0; i < streams; i++) {
        made.push(
          heard.has(i) ? await createDecoder({ channels: i < coupled ? 2 : 1, sampleRate: 48_000 }) : undefined
        )
      }
      return made
    } catch (cause) {
      for (const decoder of made) decoder?.free()
      throw cause
    }
  }
  let decoding = first
  let decoders = await makeAll(first)
  const free = () => {
    for (const decoder of decoders) decoder?.free()
  }
  const begin = async (next: Decoding) => {
    const made = await makeAll(next)
    free()
    decoders = made
    decoding = next
  }
  return {
    decode: (packets) =>
      each(packets, async (packet) => {
        if (packet.opus !== undefined) await begin(packet.opus)
        const { coupled, gain, mapping, streams } = decoding
        const parts = OpusStreams.split(packet.data, streams)
        const count = parts === undefined ? -1 : OpusPacket.samples(parts[0] ?? packet.data)
        if (
          parts === undefined || count < 0
        ) return `a packet of ${packet.data.length} bytes does not contain ${streams} streams`
        const decoded = decoders.map((decoder, i) => {
          try {
            return decoder?.decodeFloat(parts[i] ?? new Uint8Array(0))
          } catch {
            // a listener's client would not stop at it either
            return decoder?.decodePacketLossFloat(count)
          }
        })
        const channels = mapping.map((index) => {
          const samples = new Float32Array(count)
          const { offset, step, stream } = placeOf(index, coupled)
          const from = decoded[stream]
          for (let i = 0; i < count; i++) samples[i] = gain * (from?.[step * i + offset] ?? 0)
          return samples
        })
        return { channels, start: packet.start, count: Math.min(packet.samples, count), scale: 1 }
      }),
    reset: () => begin(first),
    free
  }
}
