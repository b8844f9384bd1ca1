/**
 * What MLS signs and hashes with a label (RFC 9420, 5.1.2 and 5.2), for the one ciphersuite of DAVE: ECDSA on P-256 with
 * SHA-256, signatures in DER, public keys as uncompressed points of 65 bytes.
 *
 * @since 0.1.0
 */
import { createHash, createPublicKey, type KeyObject, sign as signBytes, verify as verifyBytes } from "node:crypto"
import { ascii, concat, vector } from "./Bytes.ts"

/**
 * MLS_128_DHKEMP256_AES128GCM_SHA256_P256, the only ciphersuite of DAVE 1.
 *
 * @category constants
 * @since 0.1.0
 */
export const ciphersuite = 2

/**
 * The version of MLS: mls10.
 *
 * @category constants
 * @since 0.1.0
 */
export const mlsVersion = 1

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64url")

/**
 * A public key from its uncompressed point; `undefined` if the bytes are not a point of the curve.
 *
 * @category constructors
 * @since 0.1.0
 */
export const publicKey = (point: Uint8Array): KeyObject | undefined => {
  if (point.length !== 65 || point[0] !== 4) return undefined
  try {
    return createPublicKey({
      key: { kty: "EC", crv: "P-256", x: base64(point.subarray(1, 33)), y: base64(point.subarray(33)) },
      format: "jwk"
    })
  } catch {
    // OpenSSL has no other way to tell that a point is not on the curve.
    return undefined
  }
}

const labelled = (label: string, content: Uint8Array): Uint8Array =>
  concat(vector(ascii(`MLS 1.0 ${label}`)), vector(content))

/**
 * SignWithLabel.
 *
 * @category signatures
 * @since 0.1.0
 */
export const sign = (key: KeyObject, label: string, content: Uint8Array): Uint8Array =>
  new Uint8Array(signBytes("sha256", labelled(label, content), key))

/**
 * VerifyWithLabel. A key that is not a point of the curve verifies nothing.
 *
 * @category signatures
 * @since 0.1.0
 */
export const verify = (point: Uint8Array, label: string, content: Uint8Array, signature: Uint8Array): boolean => {
  const key = publicKey(point)
  return key !== undefined && verifyBytes("sha256", labelled(label, content), key, signature)
}

/**
 * RefHash: SHA-256 over label and content, 32 bytes.
 *
 * @category hashes
 * @since 0.1.0
 */
export const reference = (label: "KeyPackage" | "Proposal", content: Uint8Array): Uint8Array =>
  new Uint8Array(createHash("sha256").update(labelled(`${label} Reference`, content)).digest())
