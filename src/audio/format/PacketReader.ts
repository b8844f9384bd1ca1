/**
 * What the readers of containers and of bare streams have in common: bytes are pushed in as they come, in pieces of any size,
 * and packets come out as soon as they are whole. A reader is plain and synchronous; {@link module:PacketSource} feeds it.
 *
 * @since 0.1.0
 */
import type { Tags } from "../OpenSource.ts"
import type { Decoding } from "./OpusHead.ts"
import type { SampleFormat } from "./Samples.ts"

/**
 * Why a reader cannot go on.
 *
 * @category models
 * @since 0.1.0
 */
export interface Problem {
  readonly kind: "UnknownFormat" | "Unsupported" | "Corrupt" | "Truncated"
  readonly detail: string
}

/**
 * One packet of a codec. `samples` and `start` are counted in each channel at the rate of the header, `start` from the
 * first sample that a decoder gives.
 *
 * @category models
 * @since 0.1.0
 */
export interface Packet {
  readonly data: Uint8Array
  /** What it decodes to; for Vorbis 0 in the first packet, which only prepares the next. */
  readonly samples: number
  readonly start: number
  /** Where in the file it begins, if reading can begin there; else -1. */
  readonly offset: number
  /**
   * With it a stream of Opus begins behind another one: how it has to be decoded, with nothing of what came before. What was passed
   * through so far cannot be from here on.
   */
  readonly opus?: Decoding | undefined
  /** The same of Vorbis: its headers, where they are others than those before. */
  readonly vorbis?: Header["setup"] | undefined
}

/**
 * What has to be known before packets are decoded.
 *
 * @category models
 * @since 0.1.0
 */
export interface Header {
  readonly codec: "opus" | "vorbis" | "flac" | "mp3" | "aac" | "pcm"
  /** Samples a second in each channel. */
  readonly rate: number
  readonly channels: number
  /** For the decoder: the packets before the first (Vorbis), or a configuration (AAC). */
  readonly setup: ReadonlyArray<Uint8Array>
  /** How PCM is written. */
  readonly sampleFormat: SampleFormat | undefined
  /** How Opus has to be decoded that cannot be passed through. */
  readonly opus?: Decoding | undefined
  /** Samples that a decoder gives before the first one of the sound that was encoded. */
  readonly delay: number
  /** Samples of the sound that was encoded, where it is said. A reader may find out that it is not so: then it becomes unknown. */
  readonly total: number | undefined
  /** Samples to decode before a place, so that what comes at it is right. */
  readonly warmUp: number
  readonly tags: Tags
}

/**
 * A place to begin to read at: a byte, and the sample that comes there.
 *
 * @category models
 * @since 0.1.0
 */
export interface Place {
  readonly offset: number
  readonly start: number
}

/**
 * @category models
 * @since 0.1.0
 */
export interface PacketReader {
  /** Takes more bytes; the reader does not keep them. Ignored after a problem. */
  readonly push: (bytes: Uint8Array) => void
  /** Says that no more bytes come. */
  readonly end: () => void
  /** Removes and gives the packets that are whole. Their bytes are the caller's to keep. */
  readonly take: () => Array<Packet>
  /** Once the headers of the first stream were read. */
  readonly header: () => Header | undefined
  /** Takes note of how long the file is, in bytes, where that is known: what the header says may not fit it. */
  readonly onSize?: ((size: number) => void) | undefined
  /** Milliseconds, if the header says it. */
  readonly durationMs: () => number | undefined
  /** Milliseconds, by the last bytes of a file of `size` bytes: all, or the last {@link tailBytes} of them. */
  readonly durationByTail: (tail: Uint8Array, size: number) => number | undefined
  /** How many bytes `durationByTail` wants, 0 if it is of no use. */
  readonly tailBytes: number
  /** Whether it can go on at another place, once `durationByTail` was asked. It can if this is left out. */
  readonly canSeek?: (() => boolean) | undefined
  /** Where to look, with as many bytes, before what `durationByTail` says is believed; it is asked again then. */
  readonly doubt?: (() => number | undefined) | undefined
  readonly look?: ((bytes: Uint8Array, offset: number) => void) | undefined
  /** Where it ended, if not well. The packets before it are still to be taken. */
  readonly problem: () => Problem | undefined
  /**
   * Forgets what it holds and goes on at another place of the same file, behind its headers. Called after the header was read.
   */
  readonly restart: (place: Place) => void
  /** Where a sample is, if that can be computed. */
  readonly placeOf?: ((sample: number) => Place) | undefined
  /** The first place that `bytes`, which stand at `offset` of the file, tell of: for a search. */
  readonly placeIn?: ((bytes: Uint8Array, offset: number) => Place | undefined) | undefined
  /** Whether a place can be of the same stream as one before it; left out where no other stream can stand behind it. */
  readonly follows?: ((earlier: Place, later: Place) => boolean) | undefined
}

/**
 * Bytes that wait to be read: those of `bytes[start, end)`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Pending {
  bytes: Uint8Array
  start: number
  end: number
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const pending = (): Pending => ({ bytes: new Uint8Array(0), start: 0, end: 0 })

/**
 * Puts more bytes behind those that wait, moving them or making room if there is none.
 *
 * @category combinators
 * @since 0.1.0
 */
export const append = (self: Pending, bytes: Uint8Array): void => {
  const held = self.end - self.start
  const needed = held + bytes.length
  if (self.end + bytes.length > self.bytes.length) {
    if (needed > self.bytes.length) {
      const grown = new Uint8Array(Math.max(needed, 2 * self.bytes.length))
      grown.set(self.bytes.subarray(self.start, self.end))
      self.bytes = grown
    } else {
      self.bytes.copyWithin(0, self.start, self.end)
    }
    self.start = 0
    self.end = held
  }
  self.bytes.set(bytes, self.end)
  self.end += bytes.length
}

/**
 * One array of all parts.
 *
 * @category combinators
 * @since 0.1.0
 */
export const concat = (parts: ReadonlyArray<Uint8Array>): Uint8Array => {
  let size = 0
  for (const part of parts) size += part.length
  const bytes = new Uint8Array(size)
  let offset = 0
  for (const part of parts) {
    bytes.set(part, offset)
    offset += part.length
  }
  return bytes
}
