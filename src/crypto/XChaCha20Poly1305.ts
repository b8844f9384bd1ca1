/**
 * XChaCha20-Poly1305 with libsodium's WebAssembly module: the mode `aead_xchacha20_poly1305_rtpsize`. The packet is `clear
 * header | ciphertext | tag (16) | counter (4, big-endian)`, the nonce is the counter and 20 zeros, and the clear header is
 * authenticated (Discord docs, Voice Connections, Transport Encryption Modes).
 *
 * Packets in buffers from `allocate` are processed in place; others are copied through the module's memory.
 *
 * @since 0.1.0
 */
import type { EncryptionModeSpec } from "../protocol/EncryptionMode.ts"
import { setU32, u8 } from "../protocol/internal/bytes.ts"
import { canOpen, canSeal, type Cipher, expansionOf, view } from "./Cipher.ts"
import type { SodiumMemory } from "./SodiumMemory.ts"

const tagBytes = 16
const keyBytes = 32
const nonceBytes = 24
const blockBytes = keyBytes + 2 * nonceBytes

/** A cache line, which contains a key and the nonce for sealing if it begins with them. */
const lineBytes = 64

class XChaCha20Poly1305 implements Cipher {
  readonly mode: EncryptionModeSpec["mode"]
  readonly expansionBytes: number
  readonly #memory: SodiumMemory
  readonly #module: SodiumMemory["module"]
  readonly #encrypt: SodiumMemory["module"]["_crypto_aead_xchacha20poly1305_ietf_encrypt"]
  readonly #decrypt: SodiumMemory["module"]["_crypto_aead_xchacha20poly1305_ietf_decrypt"]
  #key: number
  readonly #block: number
  readonly #sealNonce: number
  readonly #openNonce: number
  readonly #start: number
  readonly #limit: number
  #sealed = 0
  readonly #buffers: Array<{ readonly address: number; readonly size: number }> = []

  constructor(spec: EncryptionModeSpec, key: Uint8Array, counterStart: number, limit: number, memory: SodiumMemory) {
    this.mode = spec.mode
    this.expansionBytes = expansionOf(spec)
    this.#memory = memory
    this.#module = memory.module
    this.#encrypt = memory.module._crypto_aead_xchacha20poly1305_ietf_encrypt
    this.#decrypt = memory.module._crypto_aead_xchacha20poly1305_ietf_decrypt
    this.#block = memory.acquire(blockBytes + lineBytes)
    this.#key = (this.#block + lineBytes - 1) & -lineBytes
    if (this.#key !== 0) memory.module.HEAPU8.set(key, this.#key)
    this.#sealNonce = this.#key + keyBytes
    this.#openNonce = this.#sealNonce + nonceBytes
    this.#start = counterStart
    this.#limit = limit
  }

  get usable(): boolean {
    return this.#key !== 0
  }

  get workspace() {
    return this.#memory.workspace
  }

  readonly allocate = (size: number): Uint8Array => {
    if (this.#key === 0 || !(size > 0)) return new Uint8Array(size)
    const address = this.#memory.acquireBuffer(size)
    if (address === 0) return new Uint8Array(size)
    this.#buffers.push({ address, size })
    return new Uint8Array(this.#module.HEAPU8.buffer, address, size)
  }

  prefetch(step: number): number {
    if (step === 0) return this.#sealed ^ this.expansionBytes
    return this.#module.HEAPU8[this.#key] ?? 0
  }

  seal(buffer: Uint8Array, clearLength: number, plainLength: number): number {
    const key = this.#key
    if (key === 0 || !canSeal(buffer, clearLength, plainLength, this.expansionBytes)) return -1
    if (this.#sealed >= this.#limit) return -1
    const heap = this.#module.HEAPU8
    const inside = buffer.buffer === heap.buffer
    const sealedLength = plainLength + tagBytes
    if (!inside && sealedLength > this.#memory.scratchBytes) return -1
    const nonce = this.#sealNonce
    setU32(heap, nonce, (this.#start + this.#sealed) >>> 0)
    this.#sealed += 1
    const packet = inside ? buffer.byteOffset : this.#memory.scratch
    if (!inside) heap.set(view(buffer, 0, plainLength), packet)
    const payload = packet + clearLength
    this.#encrypt(payload, 0, payload, plainLength - clearLength, 0, packet, clearLength, 0, 0, nonce, key)
    if (!inside) buffer.set(view(heap, payload, packet + sealedLength), clearLength)
    buffer[sealedLength] = u8(heap, nonce)
    buffer[sealedLength + 1] = u8(heap, nonce + 1)
    buffer[sealedLength + 2] = u8(heap, nonce + 2)
    buffer[sealedLength + 3] = u8(heap, nonce + 3)
    return sealedLength + 4
  }

  open(buffer: Uint8Array, clearLength: number, length: number): number {
    const key = this.#key
    if (key === 0 || !canOpen(buffer, clearLength, length, this.expansionBytes)) return -1
    const heap = this.#module.HEAPU8
    const inside = buffer.buffer === heap.buffer
    const sealedLength = length - 4
    if (!inside && sealedLength > this.#memory.scratchBytes) return -1
    const nonce = this.#openNonce
    heap[nonce] = u8(buffer, sealedLength)
    heap[nonce + 1] = u8(buffer, sealedLength + 1)
    heap[nonce + 2] = u8(buffer, sealedLength + 2)
    heap[nonce + 3] = u8(buffer, sealedLength + 3)
    const packet = inside ? buffer.byteOffset : this.#memory.scratch
    if (!inside) heap.set(view(buffer, 0, sealedLength), packet)
    const payload = packet + clearLength
    const boxLength = sealedLength - clearLength
    if (this.#decrypt(payload, 0, 0, payload, boxLength, 0, packet, clearLength, 0, nonce, key) !== 0) return -1
    const plainLength = sealedLength - tagBytes
    if (!inside) buffer.set(view(heap, payload, packet + plainLength), clearLength)
    return plainLength
  }

  sealed(): number {
    return this.#sealed
  }

  readonly close = (): void => {
    if (this.#key === 0) return
    this.#memory.release(this.#block, blockBytes + lineBytes)
    this.#key = 0
    for (const { address, size } of this.#buffers) this.#memory.release(address, size)
    this.#buffers.length = 0
  }
}

/**
 * Returns `undefined` if the module's memory is used up.
 *
 * @internal
 */
export const make = (
  spec: EncryptionModeSpec,
  key: Uint8Array,
  counterStart: number,
  limit: number,
  memory: SodiumMemory
): Cipher | undefined => {
  const cipher = new XChaCha20Poly1305(spec, key, counterStart, limit, memory)
  return cipher.usable ? cipher : undefined
}
