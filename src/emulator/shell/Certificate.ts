/**
 * A certificate for loopback, made when the emulator starts: an authority and, signed by it, the certificate of `localhost` and
 * 127.0.0.1. There are two because some TLS libraries reject a server certificate that is its own authority.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import { randomBytes } from "node:crypto"
import { CertificateFailed, type EmulatorError, make as makeError } from "./EmulatorError.ts"

/**
 * PEM texts.
 *
 * @category models
 * @since 0.1.0
 */
export interface Certificate {
  /** The certificate of the authority, which clients have to trust. */
  readonly authority: string
  /** The certificate that the servers present. */
  readonly certificate: string
  /** The private key of `certificate`. */
  readonly privateKey: string
}

/**
 * Makes an authority and a certificate: P-256, SHA-256, valid for a year from now on the system's clock. The key of the
 * authority is discarded immediately, and its name is its own, so that a client can trust several authorities. Fails with the
 * reason `CertificateFailed`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make: Effect.Effect<Certificate, EmulatorError> = Effect.tryPromise({
  try: async () => {
    // Imported here because the library takes a tenth of a second to load and most runs do not use TLS.
    const { generate } = await import("selfsigned")
    // TLS libraries look for an authority by its name, and try no other of the same name.
    const name = `effect-discord-voice emulator ${randomBytes(8).toString("hex")}`
    const authority = await generate([{ name: "commonName", value: name }], {
      keyType: "ec",
      algorithm: "sha256",
      extensions: [
        { name: "basicConstraints", cA: true, critical: true },
        { name: "keyUsage", keyCertSign: true, cRLSign: true, critical: true }
      ]
    })
    const server = await generate([{ name: "commonName", value: "localhost" }], {
      keyType: "ec",
      algorithm: "sha256",
      ca: { key: authority.private, cert: authority.cert },
      extensions: [
        { name: "basicConstraints", cA: false, critical: true },
        { name: "keyUsage", digitalSignature: true, critical: true },
        { name: "extKeyUsage", serverAuth: true },
        { name: "subjectAltName", altNames: [{ type: 2, value: "localhost" }, { type: 7, ip: "127.0.0.1" }] }
      ]
    })
    return { authority: authority.cert, certificate: server.cert, privateKey: server.private }
  },
  catch: (cause) => makeError(new CertificateFailed({ detail: cause instanceof Error ? cause.message : String(cause) }))
})
