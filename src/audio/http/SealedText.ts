/**
 * Text that nobody else can read or forge, as a part of an address. Otherwise secrets in a URL would be visible in what
 * programs print about it, and in the list of processes.
 *
 * @since 0.1.0
 */
import { createCipheriv, createDecipheriv, createHmac, randomBytes } from "node:crypto"

const [ivBytes, tagBytes] = [12, 16]

/**
 * @category models
 * @since 0.1.0
 */
export interface SealedText {
  /** Seals a text. The same text always gives the same result. */
  readonly seal: (text: string) => string
  /** Opens a sealed text; `undefined` if it was not sealed here. */
  readonly open: (sealed: string) => string | undefined
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (): SealedText => {
  const [key, ivKey] = [randomBytes(32), randomBytes(32)]
  return {
    seal: (text) => {
      // no two texts may have the same initialization vector under a GCM key (NIST SP 800-38D, 8)
      const iv = createHmac("sha256", ivKey).update(text).digest().subarray(0, ivBytes)
      const cipher = createCipheriv("aes-256-gcm", key, iv)
      return Buffer.concat([iv, cipher.update(text), cipher.final(), cipher.getAuthTag()]).toString("base64url")
    },
    open: (sealed) => {
      const bytes = Buffer.from(sealed, "base64url")
      if (bytes.length < ivBytes + tagBytes) return undefined
      const decipher = createDecipheriv("aes-256-gcm", key, bytes.subarray(0, ivBytes))
      decipher.setAuthTag(bytes.subarray(-tagBytes))
      try {
        return Buffer.concat([decipher.update(bytes.subarray(ivBytes, -tagBytes)), decipher.final()]).toString()
      } catch {
        return undefined
      }
    }
  }
}
