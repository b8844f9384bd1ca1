/**
 * The interface of all decoders, and what those of third-party libraries share.
 *
 * @since 0.1.0
 */
import type { Header, Packet } from "../../format/PacketReader.ts"
import * as Samples from "../../format/Samples.ts"

/**
 * Samples, each channel separately. `start` and `count` are counted at the rate of the header times `scale`, which is 2 if a
 * decoder of AAC returns twice as many samples as the header says.
 *
 * @category models
 * @since 0.1.0
 */
export interface Block {
  readonly channels: ReadonlyArray<Float32Array>
  readonly start: number
  readonly count: number
  readonly scale: number
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Decoder {
  /**
   * Decodes packets. Reports a problem as a sentence if they cannot be decoded; what was decoded before is returned as well.
   */
  readonly decode: (packets: ReadonlyArray<Packet>) => Promise<Decoded>
  /** Discards the state, for packets from another position. */
  readonly reset: () => Promise<void>
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Decoded {
  readonly blocks: ReadonlyArray<Block>
  /** Why the packets after those blocks cannot be decoded. */
  readonly problem: string | undefined
}

/** @internal */
export interface Handle extends Decoder {
  readonly free: () => void
}

/**
 * The result of the decoders of the wasm-audio-decoders family.
 *
 * @internal
 */
export interface Output {
  readonly channelData: ReadonlyArray<Float32Array>
  readonly samplesDecoded: number
  readonly errors: ReadonlyArray<{ readonly message: string }>
}

/**
 * Suppresses what these libraries print, which a library must not do. Only for calls that are finished when they return.
 *
 * @internal
 */
export const quietly = <A>(run: () => A): A => {
  const { error } = console
  // oxlint-disable-next-line no-console -- what is printed there stands in the error
  console.error = () => undefined
  try {
    return run()
  } finally {
    // oxlint-disable-next-line no-console
    console.error = error
  }
}

/**
 * Decodes one packet after another until one cannot be.
 *
 * @internal
 */
export const each = async (
  packets: ReadonlyArray<Packet>,
  decode: (packet: Packet) => Promise<Block | string> | Block | string
): Promise<Decoded> => {
  const blocks: Array<Block> = []
  for (const packet of packets) {
    const block = await decode(packet)
    if (typeof block === "string") return { blocks, problem: block }
    if (block.count > 0) blocks.push(block)
  }
  return { blocks, problem: undefined }
}

/** All channels as one. If two channels come from a frame with one, they are equal. */
const inOne = ({ channelData, samplesDecoded }: Output, order?: Samples.ChannelOrder): Float32Array => {
  const [left = new Float32Array(0), right = left] = Samples.downmix(channelData, samplesDecoded, order)
  return left.map((sample, i) => (sample + (right[i] ?? 0)) / 2)
}

/**
 * Mono may be followed by more channels, and the other way round, in joined streams.
 *
 * @internal
 */
export const blockOf = (packet: Packet, output: Output, header: Header, order?: Samples.ChannelOrder): Block => ({
  channels: header.channels === 1 ? [inOne(output, order)] : output.channelData,
  start: packet.start,
  count: Math.min(packet.samples, output.samplesDecoded),
  scale: 1
})

/** Full scale is 1; sound that was encoded too loud reaches twice that. */
const loudest = 8

const isTooLoud = (samples: Float32Array): boolean => !samples.every((sample) => Math.abs(sample) <= loudest)

/**
 * Replaces a burst with a moment of silence. mpg123 returns damaged frames hundreds of times too loud, and FAAD2 single units
 * of HE-AAC with a tone at the edge of the replicated band.
 *
 * @internal
 */
export const silenceLoud = (channels: ReadonlyArray<Float32Array>): void => {
  if (channels.some(isTooLoud)) { for (const samples of channels) samples.fill(0) }
}
