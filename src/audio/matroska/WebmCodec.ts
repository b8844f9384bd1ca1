/**
 * The codecs of Matroska (RFC 9559, 27.3 and the registry of codecs) that are played, and what has to be known about each
 * before its packets are decoded.
 *
 * @since 0.1.0
 */
import * as AdtsReader from "../format/AdtsReader.ts"
import * as FlacFrame from "../format/FlacFrame.ts"
import * as OpusHead from "../format/OpusHead.ts"
import * as OpusStreams from "../format/OpusStreams.ts"
import type { Header, Problem } from "../format/PacketReader.ts"
import * as Samples from "../format/Samples.ts"
import * as Vorbis from "../format/Vorbis.ts"
import { u8, unlace } from "./Ebml.ts"

/**
 * The description of a track.
 *
 * @category models
 * @since 0.1.0
 */
export interface Entry {
  readonly codec: string
  /** Bytes that only the codec understands. */
  readonly head: Uint8Array | undefined
  readonly rate: number
  readonly channels: number
  readonly bits: number
  /** The nanoseconds that a decoder gives before the sound. */
  readonly delayNs: number
}

/**
 * The properties of a track.
 *
 * @category models
 * @since 0.1.0
 */
export interface Sound
  extends Pick<Header, "codec" | "rate" | "channels" | "setup" | "sampleFormat" | "opus" | "delay" | "warmUp">
{
  /** The samples that a packet decodes to; negative for an invalid packet. */
  readonly samples: (packet: Uint8Array) => number
  /**
   * The exact sample at which a packet begins, given the one next to a time that is exact to the millisecond; left out if
   * that is not enough to determine it.
   */
  readonly placeOf?: ((packet: Uint8Array, sample: number) => number) | undefined
  /** Called before packets from another position. */
  readonly reset: () => void
}

const corrupt = (detail: string): Problem => ({ kind: "Corrupt", detail })

const unsupported = (detail: string): Problem => ({ kind: "Unsupported", detail })

const none = () => undefined

/** For packets of equal length. */
const onGrid = (samples: number, sample: number): number => Math.round(sample / samples) * samples

const delayOf = ({ delayNs }: Entry, rate: number): number => Math.round(delayNs * rate / 1_000_000_000)

const opus = ({ channels, head }: Entry): Sound | Problem => {
  const decoded = head === undefined
    ? { channels: channels === 1 ? 1 : 2, preSkip: 0, decoding: undefined }
    : OpusHead.decode(head)
  if ("kind" in decoded) return decoded
  const { decoding, preSkip } = decoded
  return {
    codec: "opus",
    rate: 48_000,
    channels: decoded.channels,
    setup: [],
    sampleFormat: undefined,
    opus: decoding,
    delay: preSkip,
    warmUp: 80 * 48,
    samples: (packet) => OpusStreams.samples(packet, decoding),
    placeOf: (_, sample) => onGrid(120, sample),
    reset: none
  }
}

/** The headers of Vorbis, put together with the lengths of the first two before them (RFC 9559, 5.1.4.1.22; Xiph lacing). */
const vorbis = ({ head = new Uint8Array(0) }: Entry): Sound | Problem => {
  const malformed = corrupt("the headers of the Vorbis track are malformed")
  if (u8(head, 0) !== 2) return malformed
  const [first, comment, setup] = unlace(head, 1) ?? []
  if (first === undefined || comment === undefined || setup === undefined) return malformed
  const found = Vorbis.identification(first)
  const long = Vorbis.modes(setup)
  if (found === undefined || long === undefined || found.channels > Samples.maxChannels) return malformed
  const counter = Vorbis.counter(found.blocks, long)
  return {
    codec: "vorbis",
    rate: found.rate,
    channels: found.channels,
    setup: [first.slice(), new Uint8Array(0), setup.slice()],
    sampleFormat: undefined,
    delay: 0,
    warmUp: 8192,
    samples: counter.samples,
    reset: counter.reset
  }
}

/** The configuration of AAC (ISO 14496-3, 1.6.2.1): 5 bits for the type, 4 for the rate, 4 for the channels. */
const aac = (entry: Entry): Sound | Problem => {
  const { head } = entry
  if (head === undefined || head.length < 2) return unsupported("the AAC track has no configuration")
  const rate = AdtsReader.rates[((u8(head, 0) & 7) << 1) | (u8(head, 1) >> 7)]
  if (u8(head, 0) >> 3 === 31 || rate === undefined) {
    return unsupported("the AAC track has an unsupported configuration")
  }
  return {
    codec: "aac",
    rate,
    channels: entry.channels,
    setup: [head.slice()],
    sampleFormat: undefined,
    delay: delayOf(entry, rate),
    warmUp: 2 * AdtsReader.unitSamples,
    samples: ({ length }) => length === 0 ? -1 : AdtsReader.unitSamples,
    placeOf: (_, sample) => onGrid(AdtsReader.unitSamples, sample),
    reset: none
  }
}

/** The samples of a frame of MPEG audio: layer III has half as many at the lower rates. */
const mpeg = (frameSamples: (rate: number) => number) => (entry: Entry): Sound => {
  const samples = frameSamples(entry.rate)
  return {
    codec: "mp3",
    rate: entry.rate,
    channels: Math.min(2, entry.channels),
    setup: [],
    sampleFormat: undefined,
    delay: delayOf(entry, entry.rate),
    // the frames from which a frame takes bits can be this far before it
    warmUp: 12 * samples,
    samples: ({ length }) => length === 0 ? -1 : samples,
    placeOf: (_, sample) => onGrid(samples, sample),
    reset: none
  }
}

const streamInfoAt = 8

/** The beginning of a FLAC file, up to its first frame. */
const flac = ({ head = new Uint8Array(0) }: Entry): Sound | Problem => {
  const info = FlacFrame.decodeInfo(head.subarray(streamInfoAt))
  if (info === undefined) return corrupt("the stream information of the FLAC track is malformed")
  if (info.channels > Samples.maxChannels || info.bits > 24) {
    return unsupported(
      `it is FLAC with ${info.channels} channels and ${info.bits} bits per sample; at most ${Samples.maxChannels} channels and 24 bits are supported`
    )
  }
  /** The number of the first sample, according to the first frame. */
  let origin: number | undefined
  const frameOf = (packet: Uint8Array): FlacFrame.Frame | undefined => {
    const frame = FlacFrame.frameAt(packet, 0, packet.length, info)
    return typeof frame === "object" ? frame : undefined
  }
  return {
    codec: "flac",
    rate: info.rate,
    channels: info.channels,
    setup: [],
    sampleFormat: undefined,
    delay: 0,
    warmUp: 0,
    samples: (packet) => {
      const frame = frameOf(packet)
      origin ??= frame?.start
      return frame?.samples ?? -1
    },
    placeOf: (packet, sample) => {
      const told = (frameOf(packet)?.start ?? 0) - (origin ?? 0)
      // if files were joined within the track, the count starts over
      return Math.abs(told - sample) < info.rate / 100 ? told : Math.round(sample)
    },
    reset: none
  }
}

const pcm = (formatOf: (bits: number) => string) => ({ bits, channels, rate }: Entry): Sound | Problem => {
  const format = formatOf(bits)
  if (!Samples.isFormat(format)) return unsupported(`it is PCM with ${bits} bits per sample, which is not supported`)
  const bytes = Samples.bytesOf(format) * channels
  return {
    codec: "pcm",
    rate,
    channels,
    setup: [],
    sampleFormat: format,
    delay: 0,
    warmUp: 0,
    samples: ({ length }) => length > 0 && length % bytes === 0 ? length / bytes : -1,
    // they usually have the same length
    placeOf: ({ length }, sample) => {
      const told = onGrid(length / bytes, sample)
      return Math.abs(told - sample) <= rate / 1000 ? told : Math.round(sample)
    },
    reset: none
  }
}

const codecs: { readonly [id: string]: (entry: Entry) => Sound | Problem } = {
  A_OPUS: opus,
  A_VORBIS: vorbis,
  A_AAC: aac,
  "A_MPEG/L1": mpeg(() => 384),
  "A_MPEG/L2": mpeg(() => 1152),
  "A_MPEG/L3": mpeg((rate) => rate < 32_000 ? 576 : 1152),
  A_FLAC: flac,
  "A_PCM/INT/LIT": pcm((bits) => bits === 8 ? "u8" : `s${bits}le`),
  "A_PCM/INT/BIG": pcm((bits) => bits === 8 ? "u8" : `s${bits}be`),
  "A_PCM/FLOAT/IEEE": pcm((bits) => `f${bits}le`)
}

/**
 * The properties of a track, or why it cannot be played; `undefined` for a codec that is not known here.
 *
 * @category codecs
 * @since 0.1.0
 */
export const soundOf = (entry: Entry): Sound | Problem | undefined => {
  const make = Object.hasOwn(codecs, entry.codec) ? codecs[entry.codec] : undefined
  const sound = make?.(entry)
  if (sound === undefined || "kind" in sound) return sound
  const { channels, rate } = sound
  return channels < 1 || channels > Samples.maxChannels || !(rate >= 1000 && rate <= 768_000)
    ? unsupported(`the track has ${channels} channels at ${rate} Hz, which is not supported`)
    : sound
}
