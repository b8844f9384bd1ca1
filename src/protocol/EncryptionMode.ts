/**
 * The transport encryption modes of Discord voice as data: their names, the sizes of key, nonce and tag, the positions of these
 * in a datagram, and which modes Discord still accepts. Nothing here seals or opens a packet.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

/**
 * The name of a mode as Ready (op 2) offers it and Select Protocol (op 1) selects it. Best first.
 *
 * @category schemas
 * @since 0.1.0
 */
export const EncryptionMode = Schema.Literals([
  "aead_aes256_gcm_rtpsize",
  "aead_xchacha20_poly1305_rtpsize",
  "aead_aes256_gcm",
  "xsalsa20_poly1305_lite_rtpsize",
  "xsalsa20_poly1305_lite",
  "xsalsa20_poly1305_suffix",
  "xsalsa20_poly1305"
])

/**
 * @category models
 * @since 0.1.0
 */
export type EncryptionMode = typeof EncryptionMode.Type

/**
 * The sizes and positions of a mode. All sizes are in bytes.
 *
 * A sealed packet is `clear header | box | suffix`, and the box is the ciphertext with its tag on one side.
 *
 * @category models
 * @since 0.1.0
 */
export interface EncryptionModeSpec {
  readonly mode: EncryptionMode
  /** `xsalsa20-poly1305` is NaCl's secretbox; `xchacha20-poly1305` is the IETF construction. */
  readonly cipher: "aes256-gcm" | "xchacha20-poly1305" | "xsalsa20-poly1305"
  readonly keyBytes: 32
  /** The size of the cipher's nonce. Shorter nonce material is at its start, and zeros fill the rest. */
  readonly nonceBytes: 12 | 24
  /** The number of nonce bytes that are appended to the datagram. */
  readonly suffixBytes: 0 | 4 | 24
  readonly tagBytes: 16
  /** Whether the tag comes before or after the ciphertext. */
  readonly tagPosition: "before" | "after"
  /**
   * The part of an RTP packet that stays readable. `fixed`: the first 12 bytes. `rtpsize`: the fixed header, the CSRCs and, if
   * there is an extension, its 4-byte preamble. The `aead_` modes authenticate these bytes; the others do not.
   */
  readonly clearHeader: "fixed" | "rtpsize"
  /** Where the nonce comes from: the 12-byte RTP header, 24 random bytes, or a 32-bit counter. */
  readonly nonce: "header" | "random" | "counter"
  /** Whether Discord accepts the mode today. */
  readonly live: boolean
  /** The day (ISO 8601) on which Discord stopped accepting the mode. */
  readonly discontinued?: string
}

const common = { keyBytes: 32, tagBytes: 16 } as const

const aead = { ...common, suffixBytes: 4, tagPosition: "after", nonce: "counter" } as const

const secretbox = {
  ...common,
  cipher: "xsalsa20-poly1305",
  nonceBytes: 24,
  tagPosition: "before",
  live: false,
  discontinued: "2024-11-18"
} as const

const specs: { readonly [Mode in EncryptionMode]: EncryptionModeSpec & { readonly mode: Mode } } = {
  aead_aes256_gcm_rtpsize: {
    ...aead,
    mode: "aead_aes256_gcm_rtpsize",
    cipher: "aes256-gcm",
    nonceBytes: 12,
    clearHeader: "rtpsize",
    live: true
  },
  aead_xchacha20_poly1305_rtpsize: {
    ...aead,
    mode: "aead_xchacha20_poly1305_rtpsize",
    cipher: "xchacha20-poly1305",
    nonceBytes: 24,
    clearHeader: "rtpsize",
    live: true
  },
  aead_aes256_gcm: {
    ...aead,
    mode: "aead_aes256_gcm",
    cipher: "aes256-gcm",
    nonceBytes: 12,
    clearHeader: "fixed",
    live: false,
    discontinued: "2024-11-18"
  },
  xsalsa20_poly1305_lite_rtpsize: {
    ...secretbox,
    mode: "xsalsa20_poly1305_lite_rtpsize",
    suffixBytes: 4,
    clearHeader: "rtpsize",
    nonce: "counter"
  },
  xsalsa20_poly1305_lite: {
    ...secretbox,
    mode: "xsalsa20_poly1305_lite",
    suffixBytes: 4,
    clearHeader: "fixed",
    nonce: "counter"
  },
  xsalsa20_poly1305_suffix: {
    ...secretbox,
    mode: "xsalsa20_poly1305_suffix",
    suffixBytes: 24,
    clearHeader: "fixed",
    nonce: "random"
  },
  xsalsa20_poly1305: {
    ...secretbox,
    mode: "xsalsa20_poly1305",
    suffixBytes: 0,
    clearHeader: "fixed",
    nonce: "header"
  }
}

/**
 * Every mode that Discord has ever offered, best first.
 *
 * @category constants
 * @since 0.1.0
 */
export const modes: ReadonlyArray<EncryptionMode> = EncryptionMode.literals

/**
 * The modes that Discord accepts today, best first. `aead_xchacha20_poly1305_rtpsize` is always offered;
 * `aead_aes256_gcm_rtpsize` only where the server's hardware supports it (Discord docs, Voice Connections, Transport
 * Encryption Modes).
 *
 * @category constants
 * @since 0.1.0
 */
export const liveModes: ReadonlyArray<EncryptionMode> = modes.filter((mode) => specs[mode].live)

/**
 * The sizes and positions of a mode.
 *
 * @category models
 * @since 0.1.0
 */
export const spec = (mode: EncryptionMode): EncryptionModeSpec => specs[mode]

/**
 * Whether a name that a server offers is a known mode.
 *
 * @category guards
 * @since 0.1.0
 */
export const isEncryptionMode = (u: string): u is EncryptionMode => Object.hasOwn(specs, u)
