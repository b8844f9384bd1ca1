/**
 * What the readers of containers have in common: bytes are pushed in as they come, in pieces of any size, and Opus packets
 * come out as soon as they are whole. A reader is plain and synchronous; {@link module:OpusContainer} feeds it.
 *
 * @since 0.1.0
 */
import type { OpusFrame } from "./AudioSource.ts"

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
 * @category models
 * @since 0.1.0
 */
export interface PacketReader {
  /** Takes more bytes; the reader does not keep them. Ignored after a problem. */
  readonly push: (bytes: Uint8Array) => void
  /** Says that no more bytes come. */
  readonly end: () => void
  /** Removes and gives the packets that are whole. Their bytes are the caller's to keep. */
  readonly take: () => Array<OpusFrame>
  /** How many channels the first stream has, once its header was read. */
  readonly channels: () => 1 | 2 | undefined
  /** Milliseconds, if the header says it. */
  readonly durationMs: () => number | undefined
  /** Milliseconds, by the last bytes of the file: all, or the last {@link tailBytes} of them. */
  readonly durationByTail: (tail: Uint8Array) => number | undefined
  /** How many bytes `durationByTail` wants, 0 if it is of no use. */
  readonly tailBytes: number
  /** Where it ended, if not well. The packets before it are still to be taken. */
  readonly problem: () => Problem | undefined
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
