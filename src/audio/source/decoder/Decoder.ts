/**
 * What every decoder gives, and what those of other people share.
 *
 * @since 0.1.0
 */
import type { Header, Packet } from "../../format/PacketReader.ts"
import * as Samples from "../../format/Samples.ts"

/**
 * Samples, each channel by itself: `start` and `count` are counted at the rate of the header times `scale`, which is 2 where
 * a decoder of AAC gives twice as many as the header says.
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
  /** Fails with a sentence if the packets cannot be decoded. What was decoded before is given first. */
  readonly decode: (packets: ReadonlyArray<Packet>) => Promise<Decoded>
  /** Forgets what came before, for packets from another place. */
  readonly reset: () => Promise<void>
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Decoded {
  readonly blocks: ReadonlyArray<Block>
  /** Why the packets behind those blocks cannot be decoded. */
  readonly problem: string | undefined
}

/** @internal */
export interface Handle extends Decoder {
  readonly free: () => void
}

/**
 * What the decoders of the wasm-audio-decoders family give.
 *
 * @internal
 */
export interface Output {
  readonly channelData: ReadonlyArray<Float32Array>
  readonly samplesDecoded: number
  readonly errors: ReadonlyArray<{ readonly message: string }>
}

/**
 * These libraries also print what they report; a library must not. Only for calls that are over when they return.
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

/** All channels as one. Two are the same where a frame has one. */
const inOne = ({ channelData, samplesDecoded }: Output, order?: Samples.ChannelOrder): Float32Array => {
  const [left = new Float32Array(0), right = left] = Samples.downmix(channelData, samplesDecoded, order)
  return left.map((sample, i) => (sample + (right[i] ?? 0)) / 2)
}

/**
 * One channel may be followed by more, and more by one, where streams were joined.
 *
 * @internal
 */
export const blockOf = (packet: Packet, output: Output, header: Header, order?: Samples.ChannelOrder): Block => ({
  channels: header.channels === 1 ? [inOne(output, order)] : output.channelData,
  start: packet.start,
  count: Math.min(packet.samples, output.samplesDecoded),
  scale: 1
})

/** Full scale is 1, and what was made too loud by its encoder reaches twice that. */
const loudest = 8

const isTooLoud = (samples: Float32Array): boolean => !samples.every((sample) => Math.abs(sample) <= loudest)

/**
 * A moment of silence in place of a bang. mpg123 gives damaged frames hundreds of times too loud, and FAAD2 single units of HE-AAC, where
 * a tone stands at the edge of the replicated band.
 *
 * @internal
 */
export const silenceLoud = (channels: ReadonlyArray<Float32Array>): void => {
  if (channels.some(isTooLoud)) { for (const samples of channels) samples.fill(0) }
}
