/**
 * What the ciphers of transport encryption have in common: their interface, and the count of a key's used nonces.
 *
 * @since 0.1.0
 */
import type { EncryptionModeSpec } from "../protocol/EncryptionMode.ts"
import type { PacketCipher } from "./PacketCipher.ts"

/**
 * A cipher that can be closed. Using it after `close` returns -1.
 *
 * @internal
 */
export interface Cipher extends PacketCipher {
  /** Wipes the key and frees what `allocate` returned. It can be called more than once. */
  readonly close: () => void
}

/**
 * @internal
 */
export interface CipherOptions {
  /** The first value of the 32-bit counter. Default: random. */
  readonly counterStart?: number | undefined
  /** The number of packets that may be sealed under the key. Default: what the nonces of the mode allow. */
  readonly limit?: number | undefined
  /** Fills a block with random bytes. Default: those of `node:crypto`. */
  readonly random?: ((block: Uint8Array) => void) | undefined
}

/**
 * A 32-bit counter repeats after this many packets.
 *
 * @internal
 */
export const counterLimit = 2 ** 32

/**
 * An RTP header repeats after this many packets: a timestamp that grows by 960, which is 2^6 times an odd number, and the
 * sequence number are then back at their start.
 *
 * @internal
 */
export const headerLimit = 2 ** 26

/**
 * The number of packets that may be sealed under a key of this mode, limited by `requested`.
 *
 * @internal
 */
export const sealLimit = (spec: EncryptionModeSpec, requested = Infinity): number =>
  Math.min(requested, spec.nonce === "header" ? headerLimit : counterLimit)

/**
 * Whether `buffer[0, plainLength + expansion)` exists and contains a header of `clearLength` bytes. Written so that NaN does
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
 * The number of bytes by which a sealed packet is longer than the plain one.
 *
 * @internal
 */
export const expansionOf = (spec: EncryptionModeSpec): number => spec.tagBytes + spec.suffixBytes
