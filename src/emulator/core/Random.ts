/**
 * Seeded randomness for the emulator: session ids, tokens, keys and the decisions of faults all come from here, so that a run
 * can be replayed from its seed. Not for secrets that protect anything.
 *
 * The generator is sfc32 (PractRand, Chris Doty-Humphrey), with its state filled by splitmix32.
 *
 * @since 0.1.0
 */
import type { Random } from "./CoreContext.ts"

/**
 * Makes a generator. The same seed gives the same numbers; seeds are taken modulo 2^32.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (seed: number): Random => {
  let state = seed >>> 0
  const mix = () => {
    state = (state + 0x9e37_79b9) >>> 0
    let z = state
    z = Math.imul(z ^ (z >>> 16), 0x85eb_ca6b)
    z = Math.imul(z ^ (z >>> 13), 0xc2b2_ae35)
    return (z ^ (z >>> 16)) >>> 0
  }
  let a = mix()
  let b = mix()
  let c = mix()
  let counter = 1
  const word = () => {
    const result = (a + b + counter) >>> 0
    counter = (counter + 1) >>> 0
    a = (b ^ (b >>> 9)) >>> 0
    b = (c + (c << 3)) >>> 0
    c = (((c << 21) | (c >>> 11)) + result) >>> 0
    return result
  }
  for (let i = 0; i < 12; i++) word()
  const next = () => ((word() >>> 5) * 0x400_0000 + (word() >>> 6)) / 0x20_0000_0000_0000
  return {
    next,
    int: (bound) => Math.floor(next() * bound),
    bytes: (length) => {
      const out = new Uint8Array(length)
      for (let i = 0; i < length; i += 4) {
        const value = word()
        for (let j = 0; j < 4 && i + j < length; j++) out[i + j] = value >>> (8 * j)
      }
      return out
    }
  }
}

/**
 * `length` bytes as lower-case hexadecimal digits, the form of Discord's session ids (16 bytes, 32 digits).
 *
 * @category constructors
 * @since 0.1.0
 */
export const hex = (random: Random, length: number): string => Buffer.from(random.bytes(length)).toString("hex")

/**
 * `length` bytes in base64url, the form of the parts of a bot token.
 *
 * @category constructors
 * @since 0.1.0
 */
export const base64 = (random: Random, length: number): string =>
  Buffer.from(random.bytes(length)).toString("base64url")
