/**
 * The emulator's own transport encryption, all seven modes, written independently so that a mistake of a client is not mirrored
 * by its judge. Layouts: Discord docs, Voice Connections, Transport Encryption Modes.
 *
 * @since 0.1.0
 */
import { createCipheriv, createDecipheriv, createSecretKey } from "node:crypto"
import nacl from "tweetnacl"
import type { EncryptionMode } from "../../../protocol/EncryptionMode.ts"
import * as XChaCha from "./XChaCha.ts"

/**
 * The number of bytes of an RTCP packet that stay readable and are authenticated: the first header word and the SSRC.
 *
 * @category constants
 * @since 0.1.0
 */
export const rtcpClearBytes = 8

/**
 * The maximum number of bytes that sealing adds to a packet: a tag and a nonce of 24 bytes.
 *
 * @category constants
 * @since 0.1.0
 */
export const maxOverhead = 40

/**
 * Seals and opens under one key. The counter of the nonces is the sealing side's.
 *
 * @category models
 * @since 0.1.0
 */
export interface Box {
  readonly mode: EncryptionMode
  /**
   * Seals the plain packet in `packet[0, length)`, whose first `clear` bytes stay readable, into `into` and returns the length
   * there. `into` must have room for {@link maxOverhead} bytes more and must not be `packet`.
   */
  readonly seal: (packet: Uint8Array, length: number, clear: number, into: Uint8Array) => number
  /** Opens into `into` and returns the length of the plain packet, or -1 if the packet does not authenticate. */
  readonly open: (packet: Uint8Array, length: number, clear: number, into: Uint8Array) => number
  /**
   * The nonce of a sealed packet as a number, which differs for different nonces: the 32 bits of the counter in big-endian
   * order, sequence and timestamp of the header, or the first 53 of 192 random bits.
   */
  readonly nonceOf: (packet: Uint8Array, length: number) => number
  /** The first 32 bits of the tag. */
  readonly tagOf: (packet: Uint8Array, length: number, clear: number) => number
}

const word = (bytes: Uint8Array, at: number): number =>
  (((bytes[at] ?? 0) << 24) | ((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0)) >>> 0

const putWord = (bytes: Uint8Array, at: number, value: number): void => {
  bytes[at] = value >>> 24
  bytes[at + 1] = value >>> 16
  bytes[at + 2] = value >>> 8
  bytes[at + 3] = value
}

const copy = (from: Uint8Array, start: number, end: number, into: Uint8Array, at: number): void => {
  for (let i = start; i < end; i++) into[at + i - start] = from[i] ?? 0
}

/**
 * The number of bytes of the RTP packet in `packet[0, length)` that a mode leaves readable: 12, or in the rtpsize modes the
 * header with its CSRCs and the preamble of its extension. -1 if the packet is shorter.
 *
 * @category codecs
 * @since 0.1.0
 */
export const rtpClearBytes = (mode: EncryptionMode, packet: Uint8Array, length: number): number => {
  if (length < 12) return -1
  if (!mode.endsWith("_rtpsize")) return 12
  const first = packet[0] ?? 0
  const clear = 12 + 4 * (first & 0x0f) + ((first & 0x10) !== 0 ? 4 : 0)
  return clear <= length ? clear : -1
}

const counterTail = 4
const tagBytes = 16

const nonceAtEnd = (packet: Uint8Array, length: number): number => word(packet, length - counterTail)

/** `clear | ciphertext | tag | counter`, with the clear bytes authenticated. */
const aead = (mode: EncryptionMode, seal: Box["seal"], open: Box["open"]): Box => ({
  mode,
  seal,
  open: (packet, length, clear, into) =>
    clear < 0 || length < clear + tagBytes + counterTail ? -1 : open(packet, length, clear, into),
  nonceOf: nonceAtEnd,
  tagOf: (packet, length) => word(packet, length - counterTail - tagBytes)
})

const aes = (mode: EncryptionMode, keyBytes: Uint8Array, start: number): Box => {
  const key = createSecretKey(keyBytes)
  const nonce = new Uint8Array(12)
  let counter = start
  return aead(
    mode,
    (packet, length, clear, into) => {
      putWord(nonce, 0, counter)
      const cipher = createCipheriv("aes-256-gcm", key, nonce)
      cipher.setAAD(packet.subarray(0, clear))
      const text = cipher.update(packet.subarray(clear, length))
      cipher.final()
      copy(packet, 0, clear, into, 0)
      into.set(text, clear)
      into.set(cipher.getAuthTag(), length)
      putWord(into, length + tagBytes, counter)
      counter = (counter + 1) >>> 0
      return length + tagBytes + counterTail
    },
    (packet, length, clear, into) => {
      const end = length - tagBytes - counterTail
      nonce.set(packet.subarray(length - counterTail, length))
      const decipher = createDecipheriv("aes-256-gcm", key, nonce, { authTagLength: tagBytes })
      decipher.setAAD(packet.subarray(0, clear))
      decipher.setAuthTag(packet.subarray(end, end + tagBytes))
      const text = decipher.update(packet.subarray(clear, end))
      try {
        decipher.final()
      } catch {
        return -1
      }
      copy(packet, 0, clear, into, 0)
      into.set(text, clear)
      return end
    }
  )
}

const chacha = (mode: EncryptionMode, key: Uint8Array, start: number): Box => {
  const cipher = XChaCha.make(key)
  const nonce = new Uint8Array(24)
  let counter = start
  return aead(
    mode,
    (packet, length, clear, into) => {
      putWord(nonce, 0, counter)
      copy(packet, 0, length, into, 0)
      cipher.seal(into, clear, clear, length, length, nonce)
      putWord(into, length + tagBytes, counter)
      counter = (counter + 1) >>> 0
      return length + tagBytes + counterTail
    },
    (packet, length, clear, into) => {
      const end = length - tagBytes - counterTail
      copy(packet, length - counterTail, length, nonce, 0)
      copy(packet, 0, end + tagBytes, into, 0)
      return cipher.open(into, clear, clear, end, end, nonce) ? end : -1
    }
  )
}

/** `clear | tag | ciphertext | tail`; the clear bytes are not authenticated. */
const secretbox = (
  mode: EncryptionMode,
  key: Uint8Array,
  tailBytes: number,
  nextNonce: (nonce: Uint8Array, packet: Uint8Array, clear: number) => void,
  readNonce: (nonce: Uint8Array, packet: Uint8Array, length: number, clear: number) => void,
  nonceOf: Box["nonceOf"]
): Box => {
  const nonce = new Uint8Array(24)
  return {
    mode,
    seal: (packet, length, clear, into) => {
      nextNonce(nonce, packet, clear)
      copy(packet, 0, clear, into, 0)
      into.set(nacl.secretbox(packet.subarray(clear, length), nonce, key), clear)
      copy(nonce, 0, tailBytes, into, length + tagBytes)
      return length + tagBytes + tailBytes
    },
    open: (packet, length, clear, into) => {
      if (clear < 0 || length < clear + tagBytes + tailBytes) return -1
      readNonce(nonce, packet, length, clear)
      const text = nacl.secretbox.open(packet.subarray(clear, length - tailBytes), nonce, key)
      if (text === null) return -1
      copy(packet, 0, clear, into, 0)
      into.set(text, clear)
      return clear + text.length
    },
    nonceOf,
    tagOf: (packet, _length, clear) => word(packet, clear)
  }
}

const lite = (mode: EncryptionMode, key: Uint8Array, start: number): Box => {
  let counter = start
  return secretbox(
    mode,
    key,
    counterTail,
    (nonce) => {
      nonce.fill(0)
      putWord(nonce, 0, counter)
      counter = (counter + 1) >>> 0
    },
    (nonce, packet, length) => {
      nonce.fill(0)
      copy(packet, length - counterTail, length, nonce, 0)
    },
    nonceAtEnd
  )
}

const suffix = (mode: EncryptionMode, key: Uint8Array, random: (length: number) => Uint8Array): Box =>
  secretbox(
    mode,
    key,
    24,
    (nonce) => nonce.set(random(24)),
    (nonce, packet, length) => copy(packet, length - 24, length, nonce, 0),
    (packet, length) => word(packet, length - 24) * 0x20_0000 + (word(packet, length - 20) >>> 11)
  )

const header = (mode: EncryptionMode, key: Uint8Array): Box => {
  const fromHeader = (nonce: Uint8Array, packet: Uint8Array, clear: number): void => {
    nonce.fill(0)
    copy(packet, 0, clear, nonce, 0)
  }
  return secretbox(
    mode,
    key,
    0,
    fromHeader,
    (nonce, packet, _length, clear) => fromHeader(nonce, packet, clear),
    (packet) => word(packet, 4) * 0x1_0000 + (word(packet, 0) & 0xffff)
  )
}

/**
 * Makes a box for a mode and a 32-byte key. `start` is the first counter; `random` supplies the nonces of
 * `xsalsa20_poly1305_suffix`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  mode: EncryptionMode,
  key: Uint8Array,
  options: { readonly start: number; readonly random: (length: number) => Uint8Array }
): Box => {
  switch (mode) {
    case "aead_aes256_gcm_rtpsize":
    case "aead_aes256_gcm":
      return aes(mode, key, options.start)
    case "aead_xchacha20_poly1305_rtpsize":
      return chacha(mode, key, options.start)
    case "xsalsa20_poly1305_lite_rtpsize":
    case "xsalsa20_poly1305_lite":
      return lite(mode, key, options.start)
    case "xsalsa20_poly1305_suffix":
      return suffix(mode, key, options.random)
    case "xsalsa20_poly1305":
      return header(mode, key)
  }
}
