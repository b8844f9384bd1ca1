/**
 * Why a packet does not authenticate. Developers of clients make one of few mistakes in sealing, and each can be tried, because
 * the server has the key.
 *
 * @since 0.1.0
 */
import { createDecipheriv } from "node:crypto"
import { type EncryptionMode, modes } from "../../../protocol/EncryptionMode.ts"
import * as Sealing from "./Sealing.ts"
import * as XChaCha from "./XChaCha.ts"

const tagBytes = 16
const counterBytes = 4

/** The number of counters, from 0 on, that are tried for a packet that contains none. */
const triedCounters = 64

/** The parts from which a sealed packet may have been made. */
interface Pieces {
  readonly additional: Uint8Array
  readonly text: Uint8Array
  readonly tag: Uint8Array
  readonly nonce: Uint8Array
}

const nonceBytes = (mode: EncryptionMode): 12 | 24 => mode.includes("gcm") ? 12 : 24

/** Whether the parts belong together. */
const fits = (mode: EncryptionMode, key: Uint8Array, { additional, nonce, tag, text }: Pieces): boolean => {
  if (tag.length !== tagBytes || nonce.length !== nonceBytes(mode)) return false
  if (mode.includes("xchacha")) {
    const bytes = Buffer.concat([additional, text, tag])
    const end = additional.length + text.length
    return XChaCha.make(key).open(bytes, additional.length, additional.length, end, end, nonce)
  }
  const decipher = createDecipheriv("aes-256-gcm", key, nonce, { authTagLength: tagBytes })
  decipher.setAAD(additional)
  decipher.setAuthTag(tag)
  decipher.update(text)
  try {
    decipher.final()
    return true
  } catch {
    return false
  }
}

/** Places `bytes` in a nonce that is otherwise zero. */
const nonceOf = (length: number, bytes: Uint8Array, at = 0): Uint8Array => {
  const nonce = new Uint8Array(length)
  nonce.set(bytes, at)
  return nonce
}

function* guesses(
  mode: EncryptionMode,
  bytes: Uint8Array,
  clear: number
): Generator<readonly [why: string, pieces: Pieces]> {
  const size = nonceBytes(mode)
  const end = bytes.length
  const tagAt = end - counterBytes - tagBytes
  const counter = bytes.subarray(end - counterBytes)
  const as = (from: number): Pieces => ({
    additional: bytes.subarray(0, from),
    text: bytes.subarray(from, tagAt),
    tag: bytes.subarray(tagAt, tagAt + tagBytes),
    nonce: nonceOf(size, counter)
  })
  const usual = as(clear)
  yield [
    "the counter is at the end of the nonce, but belongs at its beginning",
    { ...usual, nonce: nonceOf(size, counter, size - counterBytes) }
  ]
  yield [
    "the counter after the tag has a different byte order than the one in the nonce",
    { ...usual, nonce: nonceOf(size, counter.toReversed()) }
  ]
  yield [
    "the header is not authenticated: it must be the additional data (AAD)",
    { ...usual, additional: new Uint8Array(0) }
  ]
  for (let length = 1; length < clear; length++) {
    yield [
      `only ${length} bytes of the header are authenticated, but all ${clear} must be (AAD)`,
      { ...usual, additional: bytes.subarray(0, length) }
    ]
  }
  if (clear > 12) {
    yield [
      `the header has ${clear} bytes according to its first byte (CSRCs, extension), but was treated as one of 12`,
      as(12)
    ]
  }
  const words = ((bytes[clear - 2] ?? 0) << 8) | (bytes[clear - 1] ?? 0)
  if (clear > 12 && words > 0 && clear + 4 * words < tagAt) {
    yield ["the whole header extension is unencrypted, but only its first 4 bytes may be", as(clear + 4 * words)]
  }
  const whole = end - size - tagBytes
  if (whole >= clear) {
    yield ["the whole nonce follows the tag, but only the 4 bytes of the counter may", {
      ...usual,
      text: bytes.subarray(clear, whole),
      tag: bytes.subarray(whole, whole + tagBytes),
      nonce: bytes.subarray(whole + tagBytes)
    }]
  }
  yield ["the tag comes before the ciphertext, but belongs after it", {
    ...usual,
    text: bytes.subarray(clear + tagBytes, end - counterBytes),
    tag: bytes.subarray(clear, clear + tagBytes)
  }]
  for (let number = 0; number < triedCounters; number++) {
    yield ["the 4 bytes of the counter are missing after the tag", {
      ...usual,
      text: bytes.subarray(clear, end - tagBytes),
      tag: bytes.subarray(end - tagBytes),
      nonce: nonceOf(size, Uint8Array.of(0, 0, 0, number))
    }]
  }
}

/**
 * What is wrong with the sealing of a packet whose first `clear` bytes are readable or, if it is none of the usual mistakes,
 * how the mode seals.
 *
 * @category combinators
 * @since 0.1.0
 */
export const unsealed = (mode: EncryptionMode, key: Uint8Array, bytes: Uint8Array, clear: number): string => {
  const isAead = mode.startsWith("aead")
  if (isAead && clear >= 8 && bytes.length >= clear + tagBytes + counterBytes) {
    for (const [why, pieces] of guesses(mode, bytes, clear)) if (fits(mode, key, pieces)) return why
  }
  const into = new Uint8Array(bytes.length)
  for (const other of modes) {
    if (other === mode) continue
    const box = Sealing.make(other, key, { start: 0, random: (length) => new Uint8Array(length) })
    const itsClear = clear === Sealing.rtcpClearBytes ? clear : Sealing.rtpClearBytes(other, bytes, bytes.length)
    if (box.open(bytes, bytes.length, itsClear, into) >= 0) {
      return `it is sealed with ${other}, but the session uses ${mode}`
    }
  }
  const under = "the secret_key of the last session description (op 4)"
  if (!isAead) return `it is not sealed with ${mode} under ${under}`
  return `${mode} consists of the header, the ciphertext, a tag of 16 bytes and a counter of 4, with the header as additional data ` +
    `and a nonce of ${nonceBytes(mode)} bytes (the counter, then zeros), under ${under}`
}
