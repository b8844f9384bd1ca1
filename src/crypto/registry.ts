/**
 * Finds the cipher of a mode. Each cipher knows its own library and packet layout, and nothing about the others.
 *
 * @since 0.1.0
 */
import { randomInt } from "node:crypto"
import { type EncryptionMode, isEncryptionMode, spec } from "../protocol/EncryptionMode.ts"
import * as AesGcm from "./AesGcm.ts"
import type { Cipher, CipherOptions } from "./Cipher.ts"
import { counterLimit, sealLimit } from "./Cipher.ts"
import type { Mode } from "./PacketCipher.ts"
import * as Plain from "./Plain.ts"
import * as SecretBox from "./SecretBox.ts"
import type { SodiumMemory } from "./SodiumMemory.ts"
import * as XChaCha20Poly1305 from "./XChaCha20Poly1305.ts"

/**
 * The engines that have to be loaded first. For one that could not be loaded, a sentence that says why.
 *
 * @internal
 */
export interface Engines {
  readonly sodium: SodiumMemory | string
}

/**
 * Whether the engine of a mode is available.
 *
 * @internal
 */
export const isAvailable = (mode: EncryptionMode, engines: Engines): boolean =>
  spec(mode).cipher !== "xchacha20-poly1305" || typeof engines.sodium !== "string"

/**
 * Makes a cipher, or returns a sentence that says why there is none. The key is copied.
 *
 * @internal
 */
export const make = (mode: Mode, key: Uint8Array, engines: Engines, options: CipherOptions = {}): Cipher | string => {
  if (mode === "plain") return Plain.make()
  if (!isEncryptionMode(mode)) return "this mode is unknown"
  const of = spec(mode)
  if (key.length !== of.keyBytes) return `the key has ${key.length} bytes instead of ${of.keyBytes}`
  const start = options.counterStart ?? randomInt(counterLimit)
  const limit = sealLimit(of, options.limit)
  switch (of.cipher) {
    case "aes256-gcm":
      return AesGcm.make(of, key, start, limit)
    case "xsalsa20-poly1305":
      return SecretBox.make(of, key, start, limit, options.random)
    case "xchacha20-poly1305":
      if (typeof engines.sodium === "string") return engines.sodium
      return XChaCha20Poly1305.make(of, key, start, limit, engines.sodium) ?? "libsodium is out of memory"
  }
}
