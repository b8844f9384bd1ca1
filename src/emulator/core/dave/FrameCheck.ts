/**
 * Tells end-to-end encrypted frames from others (DAVE whitepaper, Protocol Frame Check):
 *
 * ```text
 * ciphertext and clear ranges | tag 8 | nonce ULEB128 | offset and size ULEB128 of each range | u8 size of all this | FA FA
 * ```
 *
 * @since 0.1.0
 */

const tagBytes = 8

/** The tag, a nonce of one byte, the size and the marker. */
const minSupplementalBytes = tagBytes + 1 + 1 + 2

const maxUlebBytes = 5

/**
 * Whether a frame has the layout of an encrypted one: marker, size, nonce and ordered ranges inside the frame. An ordinary
 * Opus packet that ends with the same bytes all but never has.
 *
 * @category guards
 * @since 0.1.0
 */
export const isEncrypted = (frame: Uint8Array): boolean => {
  const { length } = frame
  if (length < minSupplementalBytes || frame[length - 1] !== 0xfa || frame[length - 2] !== 0xfa) return false
  const supplemental = frame[length - 3] ?? 0
  if (supplemental < minSupplementalBytes || supplemental > length) return false
  const media = length - supplemental
  const end = length - 3
  let at = media + tagBytes
  let malformed = false

  const uleb = (): number => {
    let value = 0
    for (let i = 0; i < maxUlebBytes && at < end; i++) {
      const byte = frame[at++] ?? 0
      value += (byte & 0x7f) * 2 ** (7 * i)
      if (byte < 0x80) return value
    }
    malformed = true
    return value
  }

  uleb()
  let covered = 0
  while (at < end && !malformed) {
    const offset = uleb()
    const size = uleb()
    if (offset < covered || offset + size > media) return false
    covered = offset + size
  }
  return !malformed
}
