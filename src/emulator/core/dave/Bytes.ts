/**
 * Reads and writes MLS structures (RFC 9420, 2.1): big-endian integers, and vectors that are preceded by a length of one, two
 * or four bytes.
 *
 * @since 0.1.0
 */

/**
 * Reads from the start to the end. Reading past the end, or a length that is not in its shortest form, sets `failed`
 * permanently; after that it returns zeros and empty bytes, and nothing is left.
 *
 * @category models
 * @since 0.1.0
 */
export interface Reader {
  readonly failed: () => boolean
  readonly left: () => number
  /** The number of bytes that have been read. */
  readonly at: () => number
  readonly u8: () => number
  readonly u16: () => number
  readonly u32: () => number
  readonly u64: () => bigint
  /** A view of the next bytes. */
  readonly take: (length: number) => Uint8Array
  /** A view of the next vector's content. */
  readonly vector: () => Uint8Array
}

const noBytes = new Uint8Array(0)

/**
 * @category constructors
 * @since 0.1.0
 */
export const reader = (bytes: Uint8Array): Reader => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let at = 0
  let failed = false

  const fail = (): void => {
    failed = true
    at = bytes.length
  }

  /** Advances, and returns where the bytes begin, or -1 if there are not that many. */
  const step = (length: number): number => {
    if (failed || length > bytes.length - at) {
      fail()
      return -1
    }
    at += length
    return at - length
  }

  const take = (length: number): Uint8Array => {
    const from = step(length)
    return from < 0 ? noBytes : new Uint8Array(bytes.buffer, bytes.byteOffset + from, length)
  }

  const u8 = (): number => {
    const from = step(1)
    return from < 0 ? 0 : view.getUint8(from)
  }

  const u16 = (): number => {
    const from = step(2)
    return from < 0 ? 0 : view.getUint16(from)
  }

  const u32 = (): number => {
    const from = step(4)
    return from < 0 ? 0 : view.getUint32(from)
  }

  const vectorLength = (): number => {
    const first = bytes[at] ?? 0xc0
    switch (first >>> 6) {
      case 0:
        return u8()
      case 1: {
        const length = u16() & 0x3fff
        return length < 0x40 ? -1 : length
      }
      case 2: {
        const length = u32() & 0x3fff_ffff
        return length < 0x4000 ? -1 : length
      }
      default:
        return -1
    }
  }

  return {
    failed: () => failed,
    left: () => bytes.length - at,
    at: () => at,
    u8,
    u16,
    u32,
    u64: () => {
      const from = step(8)
      return from < 0 ? 0n : view.getBigUint64(from)
    },
    take,
    vector: () => {
      const length = vectorLength()
      if (length >= 0) return take(length)
      fail()
      return noBytes
    }
  }
}

/**
 * Concatenates bytes.
 *
 * @category constructors
 * @since 0.1.0
 */
export const concat = (...parts: ReadonlyArray<Uint8Array>): Uint8Array => {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
  }
  return bytes
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const u8 = (value: number): Uint8Array => Uint8Array.of(value)

/**
 * @category constructors
 * @since 0.1.0
 */
export const u16 = (value: number): Uint8Array => Uint8Array.of(value >>> 8, value)

/**
 * @category constructors
 * @since 0.1.0
 */
export const u32 = (value: number): Uint8Array => Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value)

/**
 * @category constructors
 * @since 0.1.0
 */
export const u64 = (value: bigint): Uint8Array => {
  const bytes = new Uint8Array(8)
  new DataView(bytes.buffer).setBigUint64(0, value)
  return bytes
}

/**
 * Content preceded by its length in the shortest form. Content is shorter than 2^30 bytes.
 *
 * @category constructors
 * @since 0.1.0
 */
export const vector = (...parts: ReadonlyArray<Uint8Array>): Uint8Array => {
  const content = concat(...parts)
  const { length } = content
  if (length < 0x40) return concat(u8(length), content)
  if (length < 0x4000) return concat(u16(0x4000 | length), content)
  return concat(u32((0x8000_0000 | length) >>> 0), content)
}

/**
 * Text as bytes.
 *
 * @category constructors
 * @since 0.1.0
 */
export const ascii = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "latin1"))

/**
 * A key for maps.
 *
 * @category conversions
 * @since 0.1.0
 */
export const hex = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("hex")

/**
 * @category guards
 * @since 0.1.0
 */
export const equal = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && a.every((byte, i) => byte === b[i])
