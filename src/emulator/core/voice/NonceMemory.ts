/**
 * Remembers the nonces that a key was used with. Using a nonce twice breaks every mode, so it is the gravest mistake of a
 * sender. A datagram that the network delivers twice looks the same, but has the same tag, and is distinguished by that.
 *
 * @since 0.1.0
 */
import { spec } from "../../../protocol/EncryptionMode.ts"
import type { EncryptionMode } from "../../../protocol/EncryptionMode.ts"

/**
 * The state of a nonce: not seen before, from a datagram that arrived again, or reused for something else.
 *
 * @category models
 * @since 0.1.0
 */
export type Sight = "fresh" | "duplicate" | "repeated"

/**
 * The memory of one key.
 *
 * @category models
 * @since 0.1.0
 */
export interface NonceMemory {
  /** Takes the nonce of an authentic packet, as a number, with the first 32 bits of its tag. */
  readonly see: (nonce: number, tag: number) => Sight
}

const pageBits = 10
const recentSize = 1024

const reversed = (x: number): number => ((x << 24) | ((x << 8) & 0xff_0000) | ((x >>> 8) & 0xff00) | (x >>> 24)) >>> 0

/** The tags of the latest nonces, to recognize a datagram that arrived twice. */
const makeRecent = () => {
  const nonces = new Float64Array(recentSize).fill(-1)
  const tags = new Float64Array(recentSize)
  return {
    put: (nonce: number, tag: number): void => {
      nonces[nonce % recentSize] = nonce
      tags[nonce % recentSize] = tag
    },
    isSame: (nonce: number, tag: number): boolean =>
      nonces[nonce % recentSize] === nonce && tags[nonce % recentSize] === tag
  }
}

/**
 * Remembers every value of a 32-bit counter, with one bit each. Senders write it in either byte order. The first two values
 * show which order makes consecutive values neighbors, so that pages fill up.
 */
const makeCounterMemory = (): NonceMemory => {
  const pages = new Map<number, Uint32Array>()
  const recent = makeRecent()
  let first: number | undefined
  let firstTag = 0
  let order: "unknown" | "big" | "little" = "unknown"

  const ordered = (raw: number): number => order === "little" ? reversed(raw) : raw

  const add = (nonce: number): boolean => {
    const key = nonce >>> pageBits
    let page = pages.get(key)
    if (page === undefined) pages.set(key, page = new Uint32Array(1 << (pageBits - 5)))
    const at = (nonce >>> 5) & ((1 << (pageBits - 5)) - 1)
    const bit = 1 << (nonce & 31)
    const word = page[at] ?? 0
    if ((word & bit) !== 0) return false
    page[at] = word | bit
    return true
  }

  const detect = (raw: number, first: number): void => {
    order = Math.abs(reversed(raw) - reversed(first)) < Math.abs(raw - first) ? "little" : "big"
    add(ordered(first))
    recent.put(ordered(first), firstTag)
  }

  return {
    see: (raw, tag) => {
      if (first === undefined) {
        first = raw
        firstTag = tag
        return "fresh"
      }
      if (order === "unknown") {
        if (raw === first) return tag === firstTag ? "duplicate" : "repeated"
        detect(raw, first)
      }
      const nonce = ordered(raw)
      if (!add(nonce)) return recent.isSame(nonce, tag) ? "duplicate" : "repeated"
      recent.put(nonce, tag)
      return "fresh"
    }
  }
}

/** Remembers the latest values of nonces that do not count up. */
const makeWindowMemory = (size: number): NonceMemory => {
  const known = new Map<number, number>()
  const ring = new Float64Array(size)
  let next = 0
  return {
    see: (nonce, tag) => {
      const before = known.get(nonce)
      if (before !== undefined) return before === tag ? "duplicate" : "repeated"
      const old = ring[next]
      if (known.size === size && old !== undefined) known.delete(old)
      known.set(nonce, tag)
      ring[next] = nonce
      next = (next + 1) % size
      return "fresh"
    }
  }
}

/**
 * Makes an empty memory for a key: exact if nonces are counters, otherwise of the latest 65536.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (mode: EncryptionMode): NonceMemory =>
  spec(mode).nonce === "counter" ? makeCounterMemory() : makeWindowMemory(65_536)
