/**
 * XSalsa20-Poly1305, NaCl's secretbox, with tweetnacl: the four `xsalsa20_poly1305` modes. The packet is `clear header | tag
 * (16) | ciphertext | suffix`, and only the payload is authenticated. The modes differ in the source of the 24-byte nonce
 * (Discord docs, Voice Connections, Transport Encryption Modes):
 *
 * - `xsalsa20_poly1305`: the 12 bytes of the RTP header and 12 zeros; no suffix. An RTCP packet has no such header, and its
 *   first 8 bytes repeat, so it cannot be sealed or opened in this mode.
 * - `xsalsa20_poly1305_suffix`: 24 random bytes, which are the suffix.
 * - `xsalsa20_poly1305_lite` and `_lite_rtpsize`: a counter (4, big-endian), which is the suffix, and 20 zeros.
 *
 * @since 0.1.0
 */
import { randomFillSync } from "node:crypto"
import nacl from "tweetnacl"
import type { EncryptionModeSpec } from "../protocol/EncryptionMode.ts"
import { setU32, u8 } from "../protocol/internal/bytes.ts"
import { canOpen, canSeal, type Cipher, type CipherOptions, expansionOf, view } from "./Cipher.ts"
import * as Workspaces from "./Workspaces.ts"

/**
 * The functions of `nacl.secretbox`, which work on the caller's arrays. The message has 32 leading zeros, the box 16, and both
 * may be the same array.
 */
interface LowLevel {
  readonly crypto_secretbox: (
    box: Uint8Array,
    message: Uint8Array,
    length: number,
    nonce: Uint8Array,
    key: Uint8Array
  ) => number
  readonly crypto_secretbox_open: (
    message: Uint8Array,
    box: Uint8Array,
    length: number,
    nonce: Uint8Array,
    key: Uint8Array
  ) => number
}

// tweetnacl exports `lowlevel`, but its type declarations leave it out
const lowlevel = (nacl as unknown as { readonly lowlevel: LowLevel }).lowlevel

const tagBytes = 16
const messagePadding = 32
const boxPadding = 16
const rtpHeaderBytes = 12
const randomNonces = 64

/** A datagram is never longer. */
const maxPayload = 65_536

class SecretBox implements Cipher {
  readonly mode: EncryptionModeSpec["mode"]
  readonly expansionBytes: number
  readonly #key: Uint8Array
  readonly #source: EncryptionModeSpec["nonce"]
  readonly #suffixBytes: number
  readonly #start: number
  readonly #limit: number
  readonly #random: (block: Uint8Array) => void
  readonly #sealNonce: Uint8Array
  readonly #openNonce: Uint8Array
  readonly #pool: Uint8Array
  #poolOffset: number
  #scratch = new Uint8Array(2048)
  #closed = false
  #sealed = 0

  constructor(
    spec: EncryptionModeSpec,
    key: Uint8Array,
    counterStart: number,
    limit: number,
    random: CipherOptions["random"]
  ) {
    this.mode = spec.mode
    this.expansionBytes = expansionOf(spec)
    this.#key = Uint8Array.from(key)
    this.#source = spec.nonce
    this.#suffixBytes = spec.suffixBytes
    this.#start = counterStart
    this.#limit = limit
    this.#random = random ?? randomFillSync
    this.#sealNonce = new Uint8Array(spec.nonceBytes)
    this.#openNonce = new Uint8Array(spec.nonceBytes)
    this.#pool = new Uint8Array(spec.nonce === "random" ? randomNonces * spec.nonceBytes : 0)
    this.#poolOffset = this.#pool.length
  }

  readonly allocate = (size: number): Uint8Array => new Uint8Array(size)

  readonly workspace = Workspaces.ordinary

  seal(buffer: Uint8Array, clearLength: number, plainLength: number): number {
    if (this.#closed || !canSeal(buffer, clearLength, plainLength, this.expansionBytes)) return -1
    if (this.#sealed >= this.#limit || !this.#makeRoom(plainLength - clearLength)) return -1
    const nonce = this.#sealNonce
    if (!this.#nextNonce(nonce, buffer, clearLength)) return -1
    this.#sealed += 1
    const scratch = this.#scratch
    const paddedLength = messagePadding + plainLength - clearLength
    scratch.fill(0, 0, messagePadding)
    scratch.set(view(buffer, clearLength, plainLength), messagePadding)
    lowlevel.crypto_secretbox(scratch, scratch, paddedLength, nonce, this.#key)
    buffer.set(view(scratch, boxPadding, paddedLength), clearLength)
    const suffix = plainLength + tagBytes
    for (let i = 0; i < this.#suffixBytes; i++) buffer[suffix + i] = u8(nonce, i)
    return suffix + this.#suffixBytes
  }

  open(buffer: Uint8Array, clearLength: number, length: number): number {
    if (this.#closed || !canOpen(buffer, clearLength, length, this.expansionBytes)) return -1
    const nonce = this.#openNonce
    const suffix = length - this.#suffixBytes
    if (this.#source === "header") {
      if (clearLength < rtpHeaderBytes) return -1
      for (let i = 0; i < rtpHeaderBytes; i++) nonce[i] = u8(buffer, i)
    } else {
      for (let i = 0; i < this.#suffixBytes; i++) nonce[i] = u8(buffer, suffix + i)
    }
    const plainLength = suffix - tagBytes
    if (!this.#makeRoom(plainLength - clearLength)) return -1
    const scratch = this.#scratch
    const paddedLength = boxPadding + suffix - clearLength
    scratch.fill(0, 0, boxPadding)
    scratch.set(view(buffer, clearLength, suffix), boxPadding)
    if (lowlevel.crypto_secretbox_open(scratch, scratch, paddedLength, nonce, this.#key) !== 0) return -1
    buffer.set(view(scratch, messagePadding, paddedLength), clearLength)
    return plainLength
  }

  sealed(): number {
    return this.#sealed
  }

  readonly close = (): void => {
    this.#closed = true
    this.#key.fill(0)
    this.#scratch.fill(0)
    this.#pool.fill(0)
  }

  #nextNonce(nonce: Uint8Array, buffer: Uint8Array, clearLength: number): boolean {
    switch (this.#source) {
      case "counter":
        setU32(nonce, 0, (this.#start + this.#sealed) >>> 0)
        return true
      case "header":
        if (clearLength < rtpHeaderBytes) return false
        for (let i = 0; i < rtpHeaderBytes; i++) nonce[i] = u8(buffer, i)
        return true
      case "random": {
        const pool = this.#pool
        if (this.#poolOffset >= pool.length) {
          this.#random(pool)
          this.#poolOffset = 0
        }
        for (let i = 0; i < nonce.length; i++) nonce[i] = u8(pool, this.#poolOffset + i)
        this.#poolOffset += nonce.length
        return true
      }
    }
  }

  #makeRoom(payloadLength: number): boolean {
    const size = messagePadding + payloadLength
    if (size <= this.#scratch.length) return true
    if (payloadLength > maxPayload) return false
    this.#scratch.fill(0)
    this.#scratch = new Uint8Array(messagePadding + maxPayload)
    return true
  }
}

/** @internal */
export const make = (
  spec: EncryptionModeSpec,
  key: Uint8Array,
  counterStart: number,
  limit: number,
  random: CipherOptions["random"]
): Cipher => new SecretBox(spec, key, counterStart, limit, random)
