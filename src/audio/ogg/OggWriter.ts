/**
 * Opus packets to an Ogg Opus file (RFC 7845), bit for bit, for recording what was heard. Packets go in one by one, and bytes
 * come out page by page, so that the memory does not depend on the length of the recording.
 *
 * A player knows the time of a packet only from what comes before it, so a gap in what was heard is filled with silence.
 *
 * @since 0.1.0
 */
import { requireUint } from "../../protocol/internal/bytes.ts"
import * as OpusPacket from "../../protocol/OpusPacket.ts"
import * as OpusHead from "../format/OpusHead.ts"
import { concat } from "../format/PacketReader.ts"
import * as OggPage from "./OggPage.ts"

/**
 * The options of a writer.
 *
 * @category models
 * @since 0.1.0
 */
export interface WriterOptions {
  /** The number of channels that a player should open. Default 2. */
  readonly channels?: 1 | 2 | undefined
  /** The samples that a decoder drops at the start. Default 312, the look-ahead of libopus; 65535 at most. */
  readonly preSkip?: number | undefined
  /** Comments, such as TITLE and ARTIST. Default none. */
  readonly tags?: Readonly<Record<string, string>> | undefined
  /** The name of the encoder, for the comments. Default "effect-discord-voice". */
  readonly vendor?: string | undefined
  /** Distinguishes this stream from others in the file, in 32 bits. Default 1. */
  readonly serial?: number | undefined
  /**
   * Continues a file that already has headers and pages: the granule position of its last page, and the sequence number of
   * the next. Default: a new file.
   */
  readonly resume?: { readonly granule: number; readonly sequence: number } | undefined
}

/**
 * A packet and when it begins: samples at 48 kHz after the first one. Without a position it follows the one before.
 *
 * @category models
 * @since 0.1.0
 */
export interface PositionedPacket {
  readonly data: Uint8Array
  readonly position?: number | undefined
}

/**
 * @category models
 * @since 0.1.0
 */
export interface OggWriter {
  /**
   * Adds a packet and returns the bytes that are ready to be written, often none. A packet that is not valid Opus is left out
   * (and its time becomes silence, if the next one has a position); the result is then `undefined`.
   */
  readonly add: (packet: PositionedPacket) => Uint8Array | undefined
  /**
   * Closes the current page and returns all bytes that are ready: what was added so far can then be played. The headers are
   * returned even if nothing was added.
   */
  readonly flush: () => Uint8Array
  /**
   * Ends the stream and returns the last bytes. With `samples`, a player cuts the sound off after that many samples at 48
   * kHz, after the pre-skip.
   */
  readonly finish: (samples?: number) => Uint8Array
  /** The samples at 48 kHz that were written so far, including silence. */
  readonly writtenSamples: () => number
}

/**
 * The most samples at 48 kHz on one page. RFC 7845, 6: a page should not contain more than a second, so that little is lost
 * with one.
 *
 * @category constants
 * @since 0.1.0
 */
export const maxPageSamples = 48_000

/** Silence in CELT: the code of the duration, and the bit that marks the frame as silent. */
const silences: ReadonlyArray<readonly [samples: number, packet: Uint8Array]> = [
  [OpusPacket.silenceSamples, OpusPacket.silenceFrame()],
  [480, Uint8Array.of(0xf0, 0xff, 0xfe)],
  [240, Uint8Array.of(0xe8, 0xff, 0xfe)],
  [120, Uint8Array.of(0xe0, 0xff, 0xfe)]
]

/**
 * A writer at the start of a file. A `preSkip` or `serial` that does not fit its header is a bug of the caller and throws a
 * `RangeError`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (options?: WriterOptions): OggWriter => {
  const serial = requireUint("serial", options?.serial ?? 1, 0xffff_ffff)
  const preSkip = requireUint("preSkip", options?.preSkip ?? 312, 0xffff)
  let sequence = options?.resume?.sequence ?? 0
  let granule = options?.resume?.granule ?? 0
  let started = options?.resume !== undefined
  let out: Array<Uint8Array> = []

  let lacing: Array<number> = []
  let body: Array<Uint8Array> = []
  let pageSamples = 0

  const page = (flags: number, granule: number): void => {
    out.push(OggPage.encode({ flags, granule, serial, sequence: sequence++, lacing, body }))
    lacing = []
    body = []
    pageSamples = 0
  }

  const lace = (data: Uint8Array): void => {
    for (let left = data.length; left >= 0; left -= 255) lacing.push(Math.min(left, 255))
    body.push(data)
  }

  const start = (): void => {
    if (started) return
    started = true
    lace(OpusHead.encode({ channels: options?.channels ?? 2, preSkip, inputSampleRate: 48_000 }))
    page(OggPage.flagFirst, 0)
    writeTags(OpusHead.encodeTags(options?.vendor ?? "effect-discord-voice", options?.tags ?? {}))
  }

  /** The comments may be longer than a page. */
  const writeTags = (tags: Uint8Array): void => {
    const pageBytes = 255 * 255
    for (let offset = 0; offset <= tags.length; offset += pageBytes) {
      const part = tags.subarray(offset, offset + pageBytes)
      const last = part.length < pageBytes
      if (last) lace(part)
      else {
        lacing = Array.from({ length: 255 }, () => 255)
        body = [part]
      }
      page(offset === 0 ? 0 : OggPage.flagContinued, last ? 0 : OggPage.noGranule)
    }
  }

  const write = (data: Uint8Array, samples: number): void => {
    const segments = Math.floor(data.length / 255) + 1
    // A page is only written when the next packet is there, so that the last page can be marked as the last.
    if (lacing.length > 0 && (lacing.length + segments > 255 || pageSamples + samples > maxPageSamples)) {
      page(0, granule)
    }
    lace(data)
    granule += samples
    pageSamples += samples
  }

  const fill = (position: number): void => {
    for (const [samples, packet] of silences) {
      const count = Math.floor((position - granule) / samples)
      for (let i = 0; i < count; i++) write(packet, samples)
    }
  }

  const ready = (): Uint8Array => {
    const bytes = concat(out)
    out = []
    return bytes
  }

  return {
    add: (packet) => {
      const samples = OpusPacket.samples(packet.data)
      if (samples < 0 || packet.data.length > 255 * 254) return undefined
      start()
      if (packet.position !== undefined) fill(packet.position)
      write(packet.data, samples)
      return ready()
    },
    flush: () => {
      start()
      if (lacing.length > 0) page(0, granule)
      return ready()
    },
    finish: (samples) => {
      start()
      page(OggPage.flagLast, samples === undefined ? granule : Math.min(granule, preSkip + samples))
      return ready()
    },
    writtenSamples: () => granule
  }
}

/**
 * Encodes a whole file of packets. Throws as {@link make} does.
 *
 * @category codecs
 * @since 0.1.0
 */
export const encode = (packets: Iterable<PositionedPacket>, options?: WriterOptions): Uint8Array => {
  const writer = make(options)
  const parts: Array<Uint8Array> = []
  for (const packet of packets) {
    const bytes = writer.add(packet)
    if (bytes !== undefined) parts.push(bytes)
  }
  parts.push(writer.finish())
  return concat(parts)
}
