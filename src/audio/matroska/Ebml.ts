/**
 * EBML (RFC 8794), as far as Matroska needs it: variable-size integers, the children of an element, and the lacing of blocks.
 *
 * @since 0.1.0
 */

/**
 * The size of an element that does not declare it.
 *
 * @category constants
 * @since 0.1.0
 */
export const unknownSize = Number.POSITIVE_INFINITY

/**
 * Reads a byte; zero after the end.
 *
 * @category codecs
 * @since 0.1.0
 */
export const u8 = (bytes: Uint8Array, offset: number): number => bytes[offset] ?? 0

/**
 * The length of the variable-size integer that begins with `first` (RFC 8794, 4), 9 if it has none.
 *
 * @category codecs
 * @since 0.1.0
 */
export const vintLength = (first: number): number => Math.clz32(first) - 23

/**
 * The value of a variable-size integer of `length` bytes; `unknownSize` if all its bits are ones.
 *
 * @category codecs
 * @since 0.1.0
 */
export const vint = (bytes: Uint8Array, offset: number, length: number): number => {
  const mask = (1 << (8 - length)) - 1
  let value = u8(bytes, offset) & mask
  let ones = value === mask
  for (let i = 1; i < length; i++) {
    const byte = u8(bytes, offset + i)
    ones &&= byte === 255
    value = value * 256 + byte
  }
  return ones ? unknownSize : value
}

/**
 * The children of an element that was read as a whole, or `undefined` if they do not fit.
 *
 * @category codecs
 * @since 0.1.0
 */
export const children = (bytes: Uint8Array): Array<readonly [id: number, data: Uint8Array]> | undefined => {
  const found: Array<readonly [number, Uint8Array]> = []
  let offset = 0
  while (offset < bytes.length) {
    const idLength = vintLength(u8(bytes, offset))
    const sizeLength = vintLength(u8(bytes, offset + idLength))
    const body = offset + idLength + sizeLength
    if (idLength > 4 || sizeLength > 8 || body > bytes.length) return undefined
    const size = vint(bytes, offset + idLength, sizeLength)
    if (body + size > bytes.length) return undefined
    found.push([uint(bytes.subarray(offset, offset + idLength)), bytes.subarray(body, body + size)])
    offset = body + size
  }
  return found
}

/**
 * Reads an unsigned integer of any length.
 *
 * @category codecs
 * @since 0.1.0
 */
export const uint = (bytes: Uint8Array): number => {
  let value = 0
  for (const byte of bytes) value = value * 256 + byte
  return value
}

/**
 * Reads a signed integer of up to eight bytes.
 *
 * @category codecs
 * @since 0.1.0
 */
export const int = (bytes: Uint8Array): number => {
  const value = uint(bytes)
  return u8(bytes, 0) < 0x80 ? value : value - 256 ** bytes.length
}

/**
 * Reads a floating point number of four or eight bytes; zero for any other length.
 *
 * @category codecs
 * @since 0.1.0
 */
export const float = (bytes: Uint8Array): number => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (bytes.length === 4) return view.getFloat32(0)
  return bytes.length === 8 ? view.getFloat64(0) : 0
}

/**
 * Reads a name, of 64 characters at most.
 *
 * @category codecs
 * @since 0.1.0
 */
export const text = (bytes: Uint8Array): string => String.fromCharCode(...bytes.subarray(0, 64)).replace(/\0+$/, "")

/**
 * The frames of a block after its header, by its lacing (RFC 9559, 10.3), or `undefined` if they do not fit.
 *
 * @category codecs
 * @since 0.1.0
 */
export const unlace = (bytes: Uint8Array, lacing: number): Array<Uint8Array> | undefined => {
  if (lacing === 0) return [bytes]
  if (bytes.length === 0) return undefined
  const count = u8(bytes, 0) + 1
  const sizes: Array<number> = []
  let offset = 1
  if (lacing === 2) {
    if ((bytes.length - 1) % count !== 0) return undefined
    for (let i = 1; i < count; i++) sizes.push((bytes.length - 1) / count)
  } else {
    let previous = 0
    for (let i = 1; i < count; i++) {
      if (offset >= bytes.length) return undefined
      if (lacing === 1) {
        let size = 0
        let more = 255
        while (more === 255) {
          if (offset >= bytes.length) return undefined
          more = u8(bytes, offset++)
          size += more
        }
        previous = size
      } else {
        const length = vintLength(u8(bytes, offset))
        if (length > 4) return undefined
        const value = vint(bytes, offset, length)
        // The first size is plain; the others are differences to the one before, shifted so that they can be negative.
        previous = i === 1 ? value : previous + value - (2 ** (7 * length - 1) - 1)
        offset += length
      }
      if (previous < 0 || previous > bytes.length) return undefined
      sizes.push(previous)
    }
  }
  const frames: Array<Uint8Array> = []
  for (const size of sizes) {
    if (offset + size > bytes.length) return undefined
    frames.push(bytes.subarray(offset, offset + size))
    offset += size
  }
  frames.push(bytes.subarray(offset))
  return frames
}
