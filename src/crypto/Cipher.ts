/**
 * What the ciphers of transport encryption have in common: the interface they implement, and the count of the nonces that
 * a key has used up.
 *
 * @since 0.1.0
 */
import type { EncryptionModeSpec } from "../protocol/EncryptionMode.ts"
import type { PacketCipher } from "./PacketCipher.ts"

/**
 * A cipher and its end. Using it after `close` gives -1.
 *
 * @internal
 */
export interface Cipher extends PacketCipher {
  /** Wipes the key and gives back what `allocate` gave. Closing twice is harmless. */
  readonly close: () => void
}

/**
 * @internal
 */
export interface CipherOptions {
  /** The first value of the 32-bit counter. Default: random. */
  readonly counterStart?: number | undefined
  /** How many packets may be sealed under the key. Default: what the nonces of the mode allow. */
  readonly limit?: number | undefined
  /** Fills a block with random bytes. Default: those of `node:crypto`. */
  readonly random?: ((block: Uint8Array) => void) | undefined
}

/**
 * A counter of 32 bits repeats after this many packets.
 *
 * @internal
 */
export const counterLimit = 2 ** 32

/**
 * An RTP header repeats after this many packets: a timestamp that grows by 960, which is 2^6 times an odd number, is back
 * at its start then, and the sequence number is too.
 *
 * @internal
 */
export const headerLimit = 2 ** 26

/**
 * How many packets may be sealed under a key of this mode, and never more than `requested`.
 *
 * @internal
 */
export const sealLimit = (spec: EncryptionModeSpec, requested = Infinity): number =>
  Math.min(requested, spec.nonce === "header" ? headerLimit : counterLimit)

/**
 * Whether `buffer[0, plainLength + expansion)` exists and holds a header of `clearLength` bytes. Written so that NaN does
 * not pass.
 *
 * @internal
 */
export const canSeal = (buffer: Uint8Array, clearLength: number, plainLength: number, expansion: number): boolean =>
  clearLength >= 0 && plainLength >= clearLength && plainLength + expansion <= buffer.length

/**
 * Whether `buffer[0, length)` exists and has room for a header of `clearLength` bytes, tag and nonce.
 *
 * @internal
 */
export const canOpen = (buffer: Uint8Array, clearLength: number, length: number, expansion: number): boolean =>
  clearLength >= 0 && length >= clearLength + expansion && length <= buffer.length

/**
 * A view of `bytes[start, end)`. Cheaper than `subarray` where `bytes` is a `Buffer`.
 *
 * @internal
 */
export const view = (bytes: Uint8Array, start: number, end: number): Uint8Array =>
  new Uint8Array(bytes.buffer, bytes.byteOffset + start, end - start)

/**
 * The size by which a sealed packet is longer than its plain form.
 *
 * @internal
 */
export const expansionOf = (spec: EncryptionModeSpec): number => spec.tagBytes + spec.suffixBytes
