/**
 * AES-256-GCM by `node:crypto`: the modes `aead_aes256_gcm_rtpsize` and `aead_aes256_gcm`. The packet is
 * `clear header | ciphertext | tag (16) | counter (4, big-endian)`, the nonce is the counter and 8 zeros, and the clear
 * header is authenticated (Discord docs, Voice Connections, Transport Encryption Modes).
 *
 * The key is a `KeyObject`: a `createCipheriv` with the bytes of a key costs several times as much in some versions of
 * Node.
 *
 * @since 0.1.0
 */
import { createCipheriv, createDecipheriv, createSecretKey, type KeyObject } from "node:crypto"
import type { EncryptionModeSpec } from "../protocol/EncryptionMode.ts"
import { setU32, u8 } from "../protocol/internal/bytes.ts"
import { canOpen, canSeal, type Cipher, expansionOf, view } from "./Cipher.ts"
import * as Workspaces from "./Workspaces.ts"

const algorithm = "aes-256-gcm"
const tagBytes = 16

class AesGcm implements Cipher {
  readonly mode: EncryptionModeSpec["mode"]
  readonly expansionBytes: number
  #key: KeyObject | undefined
  readonly #start: number
  readonly #limit: number
  #sealed = 0
  readonly #sealNonce: Uint8Array
  readonly #openNonce: Uint8Array

  constructor(spec: EncryptionModeSpec, key: Uint8Array, counterStart: number, limit: number) {
    this.mode = spec.mode
    this.expansionBytes = expansionOf(spec)
    this.#key = createSecretKey(key)
    this.#start = counterStart
    this.#limit = limit
    this.#sealNonce = new Uint8Array(spec.nonceBytes)
    this.#openNonce = new Uint8Array(spec.nonceBytes)
  }

  readonly allocate = (size: number): Uint8Array => new Uint8Array(size)

  readonly workspace = Workspaces.ordinary

  seal(buffer: Uint8Array, clearLength: number, plainLength: number): number {
    const key = this.#key
    if (key === undefined || !canSeal(buffer, clearLength, plainLength, this.expansionBytes)) return -1
    if (this.#sealed >= this.#limit) return -1
    const nonce = this.#sealNonce
    setU32(nonce, 0, (this.#start + this.#sealed) >>> 0)
    this.#sealed += 1
    try {
      const cipher = createCipheriv(algorithm, key, nonce)
      cipher.setAAD(view(buffer, 0, clearLength))
      buffer.set(cipher.update(view(buffer, clearLength, plainLength)), clearLength)
      cipher.final()
      buffer.set(cipher.getAuthTag(), plainLength)
    } catch {
      return -1
    }
    const suffix = plainLength + tagBytes
    buffer[suffix] = u8(nonce, 0)
    buffer[suffix + 1] = u8(nonce, 1)
    buffer[suffix + 2] = u8(nonce, 2)
    buffer[suffix + 3] = u8(nonce, 3)
    return suffix + 4
  }

  open(buffer: Uint8Array, clearLength: number, length: number): number {
    const key = this.#key
    if (key === undefined || !canOpen(buffer, clearLength, length, this.expansionBytes)) return -1
    const suffix = length - 4
    const plainLength = suffix - tagBytes
    const nonce = this.#openNonce
    nonce[0] = u8(buffer, suffix)
    nonce[1] = u8(buffer, suffix + 1)
    nonce[2] = u8(buffer, suffix + 2)
    nonce[3] = u8(buffer, suffix + 3)
    try {
      const decipher = createDecipheriv(algorithm, key, nonce)
      decipher.setAAD(view(buffer, 0, clearLength))
      decipher.setAuthTag(view(buffer, plainLength, suffix))
      const plain = decipher.update(view(buffer, clearLength, plainLength))
      decipher.final()
      buffer.set(plain, clearLength)
    } catch {
      return -1
    }
    return plainLength
  }

  sealed(): number {
    return this.#sealed
  }

  readonly close = (): void => {
    this.#key = undefined
  }
}

/** @internal */
export const make = (spec: EncryptionModeSpec, key: Uint8Array, counterStart: number, limit: number): Cipher =>
  new AesGcm(spec, key, counterStart, limit)
