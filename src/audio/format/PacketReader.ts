/**
 * What the readers of containers and of bare streams share: bytes are pushed in as they arrive, in pieces of any size, and
 * packets come out as soon as they are whole. A reader is plain and synchronous; {@link module:PacketSource} feeds it.
 *
 * @since 0.1.0
 */
import type { Tags } from "../OpenSource.ts"
import type { Decoding } from "./OpusHead.ts"
import type { SampleFormat } from "./Samples.ts"

/**
 * Why a reader cannot continue.
 *
 * @category models
 * @since 0.1.0
 */
export interface Problem {
  readonly kind: "UnknownFormat" | "Unsupported" | "Corrupt" | "Truncated"
  readonly detail: string
}

/**
 * One packet of a codec. `samples` and `start` are counted per channel at the rate of the header, `start` from the first
 * sample that a decoder gives.
 *
 * @category models
 * @since 0.1.0
 */
export interface Packet {
  readonly data: Uint8Array
  /** How many samples it decodes to; for Vorbis 0 in the first packet, which only prepares the next. */
  readonly samples: number
  readonly start: number
  /** Where in the file it begins, if reading can begin there; else -1. */
  readonly offset: number
  /**
   * Set if a stream of Opus begins here after another one: how to decode it, without anything from before. Even if packets
   * were passed through so far, they cannot be from here on.
   */
  readonly opus?: Decoding | undefined
  /** The same for Vorbis: its headers, if they differ from those before. */
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
  /** Samples per second in each channel. */
  readonly rate: number
  readonly channels: number
  /** For the decoder: the packets before the first (Vorbis), or a configuration (AAC). */
  readonly setup: ReadonlyArray<Uint8Array>
  /** The sample format of PCM. */
  readonly sampleFormat: SampleFormat | undefined
  /** How to decode Opus that cannot be passed through. */
  readonly opus?: Decoding | undefined
  /** The samples that a decoder gives before the first one of the sound that was encoded. */
  readonly delay: number
  /**
   * The samples of the sound that was encoded, if that is declared. A reader may find out that it is wrong: then it becomes
   * unknown.
   */
  readonly total: number | undefined
  /** How many samples to decode before a position, so that the sound at that position is right. */
  readonly warmUp: number
  readonly tags: Tags
}

/**
 * A place at which reading can begin: a byte, and the sample there.
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
  /** Takes more bytes; the reader does not keep the array. Ignored after a problem. */
  readonly push: (bytes: Uint8Array) => void
  /** Says that no more bytes come. */
  readonly end: () => void
  /** Removes and returns the packets that are whole. Their bytes belong to the caller. */
  readonly take: () => Array<Packet>
  /** The header, once the headers of the first stream were read. */
  readonly header: () => Header | undefined
  /** Sets the length of the file in bytes, if it is known: the header's declaration may not fit it. */
  readonly onSize?: ((size: number) => void) | undefined
  /** The duration in milliseconds, if the header declares it. */
  readonly durationMs: () => number | undefined
  /** The duration in milliseconds, by the last bytes of a file of `size` bytes: all, or the last {@link tailBytes} of them. */
  readonly durationByTail: (tail: Uint8Array, size: number) => number | undefined
  /** How many bytes `durationByTail` needs, 0 if it is of no use. */
  readonly tailBytes: number
  /** Whether it can continue at another place, once `durationByTail` was called. If this is left out, it can. */
  readonly canSeek?: (() => boolean) | undefined
  /** Where to look, with that many bytes, before the result of `durationByTail` can be relied on; that is then called again. */
  readonly doubt?: (() => number | undefined) | undefined
  readonly look?: ((bytes: Uint8Array, offset: number) => void) | undefined
  /** Where it ended, if it ended with a problem. The packets before that are still to be taken. */
  readonly problem: () => Problem | undefined
  /**
   * Discards its contents and continues at another place of the same file, after its headers. Called after the header was
   * read.
   */
  readonly restart: (place: Place) => void
  /** Where a sample is, if that can be computed. */
  readonly placeOf?: ((sample: number) => Place) | undefined
  /** The first place that can be found in `bytes`, which are at `offset` of the file, for a search. */
  readonly placeIn?: ((bytes: Uint8Array, offset: number) => Place | undefined) | undefined
  /** Whether a place can belong to the same stream as one before it; left out if no other stream can follow. */
  readonly follows?: ((earlier: Place, later: Place) => boolean) | undefined
}

/**
 * Bytes that wait to be read: `bytes[start, end)`.
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
 * Appends more bytes to those that wait, moving them or making room if there is none.
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
 * Joins all parts to one array.
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
