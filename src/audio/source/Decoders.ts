/**
 * Packets to samples: one library for each codec, loaded when it is wanted. All are WebAssembly, and all decode packet by
 * packet, so that what a packet gives has a place in the stream whatever was lost before.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as OpusPacket from "../../protocol/OpusPacket.ts"
import type { VoiceError } from "../../VoiceError.ts"
import * as ByteSource from "../ByteSource.ts"
import type { Decoding } from "../format/OpusHead.ts"
import * as OpusStreams from "../format/OpusStreams.ts"
import type { Header, Packet } from "../format/PacketReader.ts"
import * as Samples from "../format/Samples.ts"

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

interface Handle extends Decoder {
  readonly free: () => void
}

/** What the decoders of the wasm-audio-decoders family give. */
interface Output {
  readonly channelData: ReadonlyArray<Float32Array>
  readonly samplesDecoded: number
  readonly errors: ReadonlyArray<{ readonly message: string }>
}

/** These libraries also print what they report; a library must not. Only for calls that are over when they return. */
const quietly = <A>(run: () => A): A => {
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

/** Decodes one packet after another until one cannot be. */
const each = async (
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

/** One channel may be followed by more, and more by one, where streams were joined. */
const blockOf = (packet: Packet, output: Output, header: Header, order?: Samples.ChannelOrder): Block => ({
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
 */
const silenceLoud = (channels: ReadonlyArray<Float32Array>): void => {
  if (channels.some(isTooLoud)) { for (const samples of channels) samples.fill(0) }
}

const mp3 = async (header: Header): Promise<Handle> => {
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

/**
 * The decoder of FLAC divides by the greatest sample, not by one more as all else does: a sixteenth bit of difference. Only
 * whole numbers come out of FLAC, so that it can be made good exactly.
 */
const rescale = (samples: Float32Array, bits: number): void => {
  const divisor = 2 ** (bits - 1)
  for (let i = 0; i < samples.length; i++) samples[i] = Math.round((samples[i] ?? 0) * (divisor - 1)) / divisor
}

const flac = async (header: Header): Promise<Handle> => {
  const { FLACDecoder } = await import("@wasm-audio-decoders/flac")
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
    // frames do not depend on each other, but one that does not follow the last is a missing one
    reset: () => decoder.reset(),
    free: () => decoder.free()
  }
}

const vorbis = async (header: Header): Promise<Handle> => {
  const [{ OggVorbisDecoder }, parser] = await Promise.all([
    import("@wasm-audio-decoders/ogg-vorbis"),
    import("codec-parser")
  ])
  const decoder = new OggVorbisDecoder()
  await decoder.ready
  let [identification, , setup] = header.setup
  let fresh = true
  /** The page of Ogg that the decoder wants to see, of which it looks at this only. */
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
        // the type asks for all of a page, the decoder for what is above
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

const aac = async (header: Header): Promise<Handle> => {
  // esbuild takes a package that is not installed for an error, unless what fails is caught where it is imported
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

/** The stream in which a channel is that is decoded, and how its samples stand there. */
const placeOf = (index: number, coupled: number) =>
  index < 2 * coupled
    ? { stream: index >> 1, step: 2, offset: index & 1 }
    : { stream: index - coupled, step: 1, offset: 0 }

/**
 * libopus for every stream of a packet that is heard; then its channels are put where they belong, with the gain of the header. A
 * header may name 255 streams for one channel.
 */
const opus = async (first: Decoding): Promise<Handle> => {
  const { createDecoder } = await import("libopus-wasm")
  const make = async ({ coupled, mapping, streams }: Decoding) => {
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
  let decoders = await make(first)
  const free = () => {
    for (const decoder of decoders) decoder?.free()
  }
  const begin = async (next: Decoding) => {
    const made = await make(next)
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
        if (parts === undefined || count < 0) return `${packet.data.length} bytes are not packets of ${streams} streams`
        const decoded = decoders.map((decoder, i) => {
          try {
            return decoder?.decodeFloat(parts[i] ?? new Uint8Array(0))
          } catch {
            // a listener would not stop at it either
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

const pcm = (header: Header): Handle => {
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

const load = (header: Header): Promise<Handle> => {
  switch (header.codec) {
    case "mp3":
      return mp3(header)
    case "flac":
      return flac(header)
    case "vorbis":
      return vorbis(header)
    case "aac":
      return aac(header)
    case "pcm":
      return Promise.resolve(pcm(header))
    case "opus":
      return header.opus === undefined
        ? Promise.reject(new Error("what can be passed through is not decoded here"))
        : opus(header.opus)
  }
}

/**
 * Whether there is a decoder for a codec in this process: for AAC only if the package `@audio/decode-aac` is installed, which
 * is under the GPL and so not a part of this one.
 *
 * @category guards
 * @since 0.1.0
 */
export const isAvailable = (codec: Header["codec"]): Effect.Effect<boolean> =>
  codec === "aac"
    ? Effect.promise(() => import("@audio/decode-aac").then(() => true, () => false))
    : Effect.succeed(true)

let opened = 0

/**
 * How many decoders are not freed yet.
 *
 * @category getters
 * @since 0.1.0
 * @internal
 */
export const open = (): number => opened

/**
 * A decoder, which is freed with the scope. Fails with `Unsupported` where the library cannot be loaded.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (header: Header, name: string): Effect.Effect<Decoder, VoiceError, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.tryPromise({
        try: async () => {
          const handle = await load(header)
          opened++
          return { handle, busy: Promise.resolve<unknown>(undefined) }
        },
        catch: (cause) =>
          ByteSource.failure(name, "Unsupported", `there is no decoder for it: ${ByteSource.describe(cause)}`, {
            cause
          })
      }),
      // whoever was interrupted has left it at work
      (owned) =>
        Effect.promise(() =>
          owned.busy.catch(() => undefined).then(() => {
            opened--
            owned.handle.free()
          })
        )
    ),
    (owned): Decoder => ({
      decode: (packets) => {
        const decoded = owned.handle.decode(packets)
        owned.busy = decoded
        return decoded
      },
      reset: () => {
        const reset = owned.busy.catch(() => undefined).then(() => owned.handle.reset())
        owned.busy = reset
        return reset
      }
    })
  )
