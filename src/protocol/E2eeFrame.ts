/**
 * The outside of an end-to-end encrypted media frame (DAVE whitepaper, Payload Format): what can be told of it without a key.
 *
 * ```text
 * ciphertext | tag 8 | nonce ULEB128 | clear ranges (ULEB128 offset and size pairs) | u8 supplemental size | FA FA
 * ```
 *
 * The supplemental size counts everything behind the ciphertext, with itself and the marker.
 *
 * @since 0.1.0
 */

/**
 * The last two bytes of every protected frame.
 *
 * @category constants
 * @since 0.1.0
 */
export const marker = [0xfa, 0xfa] as const

const markerBytes = 2
const sizeBytes = 1
const tagBytes = 8

/** Reads a ULEB128 of at most 32 bits; advances `at.index`. Returns -1 if it does not end before `end`. */
const readUleb128 = (bytes: Uint8Array, at: { index: number }, end: number): number => {
  let value = 0
  for (let shift = 0; shift < 35; shift += 7) {
    if (at.index >= end) return -1
    const byte = bytes[at.index++] ?? 0
    value += (byte & 0x7f) * 2 ** shift
    if ((byte & 0x80) === 0) return value <= 0xffff_ffff ? value : -1
  }
  return -1
}

/**
 * Whether a frame is end-to-end encrypted, as far as its outside tells: it ends with the marker, its supplemental size is
 * plausible, the nonce and the clear ranges can be read, and the ranges are in order and inside the frame. A plain Opus
 * packet passes this test once in some billions. Never throws.
 *
 * @category guards
 * @since 0.1.0
 */
export const isProtected = (frame: Uint8Array): boolean => {
  const { length } = frame
  if (frame[length - 1] !== marker[1] || frame[length - 2] !== marker[0]) return false
  const supplemental = frame[length - 3] ?? 0
  if (supplemental > length) return false
  const ciphertext = length - supplemental
  const end = length - markerBytes - sizeBytes
  const at = { index: ciphertext + tagBytes }
  // a size that is too small leaves no room for a nonce
  if (readUleb128(frame, at, end) < 0) return false
  let covered = 0
  while (at.index < end) {
    const offset = readUleb128(frame, at, end)
    const size = readUleb128(frame, at, end)
    if (offset < covered || size < 0 || offset + size > ciphertext) return false
    covered = offset + size
  }
  return true
}
