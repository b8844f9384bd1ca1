/**
 * AES-256-GCM with `node:crypto`: the modes `aead_aes256_gcm_rtpsize` and `aead_aes256_gcm`. The packet is `clear header |
 * ciphertext | tag (16) | counter (4, big-endian)`, the nonce is the counter and 8 zeros, and the clear header is authenticated
 * (Discord docs, Voice Connections, Transport Encryption Modes).
 *
 * The key is a `KeyObject`: in some versions of Node, `createCipheriv` with the bytes of a key costs several times as much.
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
const nonceBytes = 12

/** The usual clear header: no CSRCs, no extension. */
const headerBytes = 12

/** Shared by all connections: Node reads the content before it returns. The last 8 bytes of a nonce stay zero. */
const nonce = new Uint8Array(nonceBytes)
const header = new Uint8Array(headerBytes)

/** The bytes to be authenticated. Copying a header costs less than making a view of it. */
const clearPart = (buffer: Uint8Array, length: number): Uint8Array => {
  if (length !== headerBytes) return view(buffer, 0, length)
  for (let i = 0; i < headerBytes; i++) header[i] = u8(buffer, i)
  return header
}

class AesGcm implements Cipher {
  readonly mode: EncryptionModeSpec["mode"]
  readonly expansionBytes: number
  #key: KeyObject | undefined
  readonly #start: number
  readonly #limit: number
  #sealed = 0

  constructor(spec: EncryptionModeSpec, key: Uint8Array, counterStart: number, limit: number) {
    this.mode = spec.mode
    this.expansionBytes = expansionOf(spec)
    this.#key = createSecretKey(key)
    this.#start = counterStart
    this.#limit = limit
  }

  readonly allocate = (size: number): Uint8Array => new Uint8Array(size)

  readonly workspace = Workspaces.ordinary

  prefetch(step: number): number {
    return step === 0 ? this.#sealed ^ this.expansionBytes : this.#key === undefined ? 1 : 0
  }

  seal(buffer: Uint8Array, clearLength: number, plainLength: number): number {
    const key = this.#key
    if (key === undefined || !canSeal(buffer, clearLength, plainLength, this.expansionBytes)) return -1
    if (this.#sealed >= this.#limit) return -1
    setU32(nonce, 0, (this.#start + this.#sealed) >>> 0)
    this.#sealed += 1
    try {
      const cipher = createCipheriv(algorithm, key, nonce)
      cipher.setAAD(clearPart(buffer, clearLength))
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
    nonce[0] = u8(buffer, suffix)
    nonce[1] = u8(buffer, suffix + 1)
    nonce[2] = u8(buffer, suffix + 2)
    nonce[3] = u8(buffer, suffix + 3)
    try {
      const decipher = createDecipheriv(algorithm, key, nonce)
      decipher.setAAD(clearPart(buffer, clearLength))
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
