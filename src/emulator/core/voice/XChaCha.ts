/**
 * XChaCha20-Poly1305 (IETF draft-irtf-cfrg-xchacha-03; ChaCha20-Poly1305: RFC 8439) for the emulator, because `node:crypto`
 * lacks it. It is written here from the documents, so that it shares nothing else with the client's cipher. It works on the
 * caller's buffers; only Poly1305, which is tweetnacl's, allocates.
 *
 * @since 0.1.0
 */
import nacl from "tweetnacl"

/** What tweetnacl exports in addition to its typed interface. */
interface LowLevel {
  readonly crypto_onetimeauth: (
    out: Uint8Array,
    outOffset: number,
    message: Uint8Array,
    messageOffset: number,
    length: number,
    key: Uint8Array
  ) => number
  readonly crypto_verify_16: (x: Uint8Array, xOffset: number, y: Uint8Array, yOffset: number) => number
}

// The package's types leave out `lowlevel`, which its documentation names.
const { crypto_onetimeauth, crypto_verify_16 } = (nacl as unknown as { readonly lowlevel: LowLevel }).lowlevel

const rotate = (x: number, by: number): number => (x << by) | (x >>> (32 - by))

const load = (bytes: Uint8Array, at: number): number =>
  (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 24)

const store = (bytes: Uint8Array, at: number, word: number): void => {
  bytes[at] = word
  bytes[at + 1] = word >>> 8
  bytes[at + 2] = word >>> 16
  bytes[at + 3] = word >>> 24
}

/** The 20 rounds on `state`, without the addition at the end (RFC 8439, 2.3). */
const permute = (state: Int32Array, out: Int32Array): void => {
  let a0 = state[0] ?? 0
  let a1 = state[1] ?? 0
  let a2 = state[2] ?? 0
  let a3 = state[3] ?? 0
  let b0 = state[4] ?? 0
  let b1 = state[5] ?? 0
  let b2 = state[6] ?? 0
  let b3 = state[7] ?? 0
  let c0 = state[8] ?? 0
  let c1 = state[9] ?? 0
  let c2 = state[10] ?? 0
  let c3 = state[11] ?? 0
  let d0 = state[12] ?? 0
  let d1 = state[13] ?? 0
  let d2 = state[14] ?? 0
  let d3 = state[15] ?? 0
  for (let i = 0; i < 10; i++) {
    a0 = (a0 + b0) | 0
    d0 = rotate(d0 ^ a0, 16)
    c0 = (c0 + d0) | 0
    b0 = rotate(b0 ^ c0, 12)
    a0 = (a0 + b0) | 0
    d0 = rotate(d0 ^ a0, 8)
    c0 = (c0 + d0) | 0
    b0 = rotate(b0 ^ c0, 7)

    a1 = (a1 + b1) | 0
    d1 = rotate(d1 ^ a1, 16)
    c1 = (c1 + d1) | 0
    b1 = rotate(b1 ^ c1, 12)
    a1 = (a1 + b1) | 0
    d1 = rotate(d1 ^ a1, 8)
    c1 = (c1 + d1) | 0
    b1 = rotate(b1 ^ c1, 7)

    a2 = (a2 + b2) | 0
    d2 = rotate(d2 ^ a2, 16)
    c2 = (c2 + d2) | 0
    b2 = rotate(b2 ^ c2, 12)
    a2 = (a2 + b2) | 0
    d2 = rotate(d2 ^ a2, 8)
    c2 = (c2 + d2) | 0
    b2 = rotate(b2 ^ c2, 7)

    a3 = (a3 + b3) | 0
    d3 = rotate(d3 ^ a3, 16)
    c3 = (c3 + d3) | 0
    b3 = rotate(b3 ^ c3, 12)
    a3 = (a3 + b3) | 0
    d3 = rotate(d3 ^ a3, 8)
    c3 = (c3 + d3) | 0
    b3 = rotate(b3 ^ c3, 7)

    a0 = (a0 + b1) | 0
    d3 = rotate(d3 ^ a0, 16)
    c2 = (c2 + d3) | 0
    b1 = rotate(b1 ^ c2, 12)
    a0 = (a0 + b1) | 0
    d3 = rotate(d3 ^ a0, 8)
    c2 = (c2 + d3) | 0
    b1 = rotate(b1 ^ c2, 7)

    a1 = (a1 + b2) | 0
    d0 = rotate(d0 ^ a1, 16)
    c3 = (c3 + d0) | 0
    b2 = rotate(b2 ^ c3, 12)
    a1 = (a1 + b2) | 0
    d0 = rotate(d0 ^ a1, 8)
    c3 = (c3 + d0) | 0
    b2 = rotate(b2 ^ c3, 7)

    a2 = (a2 + b3) | 0
    d1 = rotate(d1 ^ a2, 16)
    c0 = (c0 + d1) | 0
    b3 = rotate(b3 ^ c0, 12)
    a2 = (a2 + b3) | 0
    d1 = rotate(d1 ^ a2, 8)
    c0 = (c0 + d1) | 0
    b3 = rotate(b3 ^ c0, 7)

    a3 = (a3 + b0) | 0
    d2 = rotate(d2 ^ a3, 16)
    c1 = (c1 + d2) | 0
    b0 = rotate(b0 ^ c1, 12)
    a3 = (a3 + b0) | 0
    d2 = rotate(d2 ^ a3, 8)
    c1 = (c1 + d2) | 0
    b0 = rotate(b0 ^ c1, 7)
  }
  out[0] = a0
  out[1] = a1
  out[2] = a2
  out[3] = a3
  out[4] = b0
  out[5] = b1
  out[6] = b2
  out[7] = b3
  out[8] = c0
  out[9] = c1
  out[10] = c2
  out[11] = c3
  out[12] = d0
  out[13] = d1
  out[14] = d2
  out[15] = d3
}

/**
 * The cipher under one key. Offsets and lengths are in bytes; `nonce` has 24.
 *
 * @category models
 * @since 0.1.0
 */
export interface XChaCha {
  /** Encrypts `bytes[from, to)` in place, authenticates it and `bytes[0, aadLength)`, and writes the tag at `tagAt`. */
  readonly seal: (
    bytes: Uint8Array,
    aadLength: number,
    from: number,
    to: number,
    tagAt: number,
    nonce: Uint8Array
  ) => void
  /** Checks the tag at `tagAt` and, if it is correct, decrypts `bytes[from, to)` in place and returns true. */
  readonly open: (
    bytes: Uint8Array,
    aadLength: number,
    from: number,
    to: number,
    tagAt: number,
    nonce: Uint8Array
  ) => boolean
}

const align = (length: number): number => (length + 15) & ~15

/**
 * Makes the cipher for a key of 32 bytes.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (key: Uint8Array): XChaCha => {
  // "expand 32-byte k" as four words.
  const constants = [0x6170_7865, 0x3320_646e, 0x7962_2d32, 0x6b20_6574]
  const master = new Int32Array(16)
  const state = new Int32Array(16)
  const block = new Int32Array(16)
  const oneTimeKey = new Uint8Array(32)
  const tag = new Uint8Array(16)
  let transcript = new Uint8Array(2048)
  constants.forEach((word, i) => {
    master[i] = word
    state[i] = word
  })
  for (let i = 0; i < 8; i++) master[4 + i] = load(key, 4 * i)

  /** Derives the subkey (HChaCha20, section 2.2 of the draft) and the key of Poly1305 (RFC 8439, 2.6). */
  const begin = (nonce: Uint8Array): void => {
    for (let i = 0; i < 4; i++) master[12 + i] = load(nonce, 4 * i)
    permute(master, block)
    for (let i = 0; i < 4; i++) {
      state[4 + i] = block[i] ?? 0
      state[8 + i] = block[12 + i] ?? 0
    }
    state[12] = 0
    state[13] = 0
    state[14] = load(nonce, 16)
    state[15] = load(nonce, 20)
    permute(state, block)
    for (let i = 0; i < 8; i++) store(oneTimeKey, 4 * i, (block[i] ?? 0) + (state[i] ?? 0))
  }

  const crypt = (bytes: Uint8Array, from: number, to: number): void => {
    let at = from
    for (let counter = 1; at < to; counter++) {
      state[12] = counter
      permute(state, block)
      for (let i = 0; i < 16 && at < to; i++) {
        const word = (block[i] ?? 0) + (state[i] ?? 0)
        for (let shift = 0; shift < 32 && at < to; shift += 8) {
          bytes[at] = (bytes[at] ?? 0) ^ (word >>> shift)
          at++
        }
      }
    }
  }

  /** RFC 8439, 2.8: the authenticated data, with its parts padded to 16 bytes, and their lengths. */
  const authenticate = (bytes: Uint8Array, aadLength: number, from: number, to: number): void => {
    const length = to - from
    const textAt = align(aadLength)
    const lengthsAt = textAt + align(length)
    if (transcript.length < lengthsAt + 16) transcript = new Uint8Array(2 * (lengthsAt + 16))
    transcript.fill(0, aadLength, textAt)
    for (let i = 0; i < aadLength; i++) transcript[i] = bytes[i] ?? 0
    for (let i = 0; i < length; i++) transcript[textAt + i] = bytes[from + i] ?? 0
    transcript.fill(0, textAt + length, lengthsAt + 16)
    store(transcript, lengthsAt, aadLength)
    store(transcript, lengthsAt + 8, length)
    crypto_onetimeauth(tag, 0, transcript, 0, lengthsAt + 16, oneTimeKey)
  }

  return {
    seal: (bytes, aadLength, from, to, tagAt, nonce) => {
      begin(nonce)
      crypt(bytes, from, to)
      authenticate(bytes, aadLength, from, to)
      bytes.set(tag, tagAt)
    },
    open: (bytes, aadLength, from, to, tagAt, nonce) => {
      begin(nonce)
      authenticate(bytes, aadLength, from, to)
      if (crypto_verify_16(bytes, tagAt, tag, 0) !== 0) return false
      crypt(bytes, from, to)
      return true
    }
  }
}
