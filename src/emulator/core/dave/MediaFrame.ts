/**
 * The frames of DAVE (whitepaper, Payload Format and Encryption and Decryption): distinguishes them from plain ones, parses
 * them, and opens them with a sender's key.
 *
 * ```text
 * media frame, ranges of it in clear | tag (8) | nonce | (offset, size) of each clear range | size (1) | FA FA
 * ```
 *
 * Nonce, offsets and sizes are ULEB128; `size` counts the bytes from the tag to the end.
 *
 * @since 0.1.0
 */
import { createDecipheriv, createHmac } from "node:crypto"
import { ascii, concat, u16, u32, vector } from "./Bytes.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface MediaFrame {
  /** The frame without what DAVE has appended. */
  readonly media: Uint8Array
  readonly tag: Uint8Array
  readonly nonce: number
  readonly clear: ReadonlyArray<{ readonly offset: number; readonly size: number }>
}

const tagBytes = 8
const leastSupplement = tagBytes + 1 + 2

/**
 * Parses a frame; `undefined` if it is not one. Never throws.
 *
 * @category codecs
 * @since 0.1.0
 */
export const decode = (bytes: Uint8Array): MediaFrame | undefined => {
  const { length } = bytes
  if (length < leastSupplement || bytes[length - 1] !== 0xfa || bytes[length - 2] !== 0xfa) return undefined
  const supplement = bytes[length - 3] ?? 0
  if (supplement < leastSupplement || supplement > length) return undefined
  const mediaLength = length - supplement
  const end = length - 3
  let at = mediaLength + tagBytes

  const left = (): number => end - at

  /** -1 if it is cut off or does not fit in 32 bits. */
  const uleb128 = (): number => {
    let value = 0
    for (let factor = 1; at < end; factor *= 128) {
      const byte = bytes[at++] ?? 0
      value += (byte & 0x7f) * factor
      if (value > 0xffff_ffff) return -1
      if (byte < 0x80) return value
    }
    return -1
  }

  const nonce = uleb128()
  if (nonce < 0) return undefined
  const clear: Array<{ readonly offset: number; readonly size: number }> = []
  let covered = 0
  while (left() > 0) {
    const offset = uleb128()
    const size = uleb128()
    if (offset < covered || size < 0 || offset + size > mediaLength) return undefined
    covered = offset + size
    clear.push({ offset, size })
  }
  return {
    media: bytes.subarray(0, mediaLength),
    tag: bytes.subarray(mediaLength, mediaLength + tagBytes),
    nonce,
    clear
  }
}

/**
 * Whether the bytes between two positions are a DAVE frame.
 *
 * @category guards
 * @since 0.1.0
 */
export const isFrame = (bytes: Uint8Array, from: number, to: number): boolean =>
  to - from >= leastSupplement && bytes[to - 1] === 0xfa && bytes[to - 2] === 0xfa &&
  decode(bytes.subarray(from, to)) !== undefined

const expandWithLabel = (secret: Uint8Array, label: string, context: Uint8Array, length: number): Uint8Array => {
  const info = concat(u16(length), vector(ascii(`MLS 1.0 ${label}`)), vector(context))
  // HKDF-Expand up to the length of the hash is a single block.
  return new Uint8Array(createHmac("sha256", secret).update(info).update(Uint8Array.of(1)).digest().subarray(0, length))
}

/**
 * The key of a generation, 0 and up, from the base secret of a sender: 16 bytes.
 *
 * @category keys
 * @since 0.1.0
 */
export const keyOf = (base: Uint8Array, generation: number): Uint8Array => {
  let secret = base
  for (let i = 0; i < generation; i++) secret = expandWithLabel(secret, "secret", u32(i), 32)
  return expandWithLabel(secret, "key", u32(generation), 16)
}

/**
 * Opens a frame with the base secret of its sender, whose generation is in the upper byte of the nonce; `undefined` if it
 * does not authenticate.
 *
 * @category codecs
 * @since 0.1.0
 */
export const open = (base: Uint8Array, frame: MediaFrame): Uint8Array | undefined => {
  const iv = new Uint8Array(12)
  new DataView(iv.buffer).setUint32(8, frame.nonce, true)
  const decipher = createDecipheriv("aes-128-gcm", keyOf(base, frame.nonce >>> 24), iv, { authTagLength: tagBytes })
  decipher.setAuthTag(frame.tag)
  const { clear, media } = frame
  decipher.setAAD(concat(...clear.map(({ offset, size }) => media.subarray(offset, offset + size))))
  const plain = media.slice()
  let at = 0
  for (const { offset, size } of [...clear, { offset: media.length, size: 0 }]) {
    plain.set(decipher.update(media.subarray(at, offset)), at)
    at = offset + size
  }
  try {
    decipher.final()
    return plain
  } catch {
    // The only way in which node:crypto says that the tag is wrong.
    return undefined
  }
}
