/**
 * A ring of samples on shared memory, with one producer (a track, on the session's side) and one consumer (a mix, possibly in
 * another thread): 48 kHz, left and right in turn, 1.0 at full scale.
 *
 * The header is eight 32-bit integers in the byte order of the machine; samples per channel are counted modulo 2^32.
 *
 * @since 0.1.0
 */

const headerBytes = 32

/** The samples per channel ever written and ever read, modulo 2^32. */
const writeIndex = 0
const readIndex = 1
/** 1 when the producer has said that it writes no more; 2 when that cannot be taken back. */
const endIndex = 2
/** How often the count of read samples has wrapped. */
const wrapsIndex = 3
/** 1 from when samples were due and too few were there until the producer has noticed. */
const starvingIndex = 4

/**
 * Either end of a ring. The producer calls `write` and `end`, the consumer `read`; everything else is for both.
 *
 * @category models
 * @since 0.1.0
 */
export interface PcmRing {
  /** The buffer that is passed to the other side. */
  readonly buffer: SharedArrayBuffer
  /** Adds as many of the samples from index `from` on as there is room for, and returns the index of the first that is left. */
  readonly write: (samples: Float32Array, from: number) => number
  /** Says that no more samples come. */
  readonly end: () => void
  /** Takes that back, and returns whether that was possible: nobody has reached the end yet. */
  readonly reopen: () => boolean
  /** Whether no more samples come than are there. That is then permanent. */
  readonly isFinal: () => boolean
  /** The consumer needed samples, and there were too few. */
  readonly starve: () => void
  /** Whether that has happened since {@link PcmRing.recover}. */
  readonly isStarving: () => boolean
  /** The producer has noticed that it has happened. */
  readonly recover: () => void
  /** Moves up to `count` samples per channel to `into`, starting at index `at`, and returns how many there were. */
  readonly read: (into: Float32Array, at: number, count: number) => number
  /** The samples per channel that can be read. */
  readonly available: () => number
  readonly isEnded: () => boolean
  /** Whether the producer has ended and everything was read. That is then permanent. */
  readonly isDrained: () => boolean
  /** The media time in the ring, in milliseconds. */
  readonly bufferedMs: () => number
  /** The media time read from the ring so far, in milliseconds. */
  readonly positionMs: () => number
}

/**
 * Makes an empty ring for at least `capacityMs` milliseconds.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (capacityMs: number): PcmRing =>
  fromBuffer(new SharedArrayBuffer(headerBytes + 2 ** Math.ceil(Math.log2(Math.max(1, capacityMs) * 48)) * 8))

/**
 * The ring in a buffer made by {@link make}, on this side or another.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromBuffer = (buffer: SharedArrayBuffer): PcmRing => {
  const words = new Int32Array(buffer, 0, headerBytes / 4)
  const arena = new Float32Array(buffer, headerBytes)
  const capacity = arena.length / 2
  const mask = capacity - 1

  const available = (): number => (Atomics.load(words, writeIndex) - Atomics.load(words, readIndex)) >>> 0
  const isFinal = (): boolean => Atomics.compareExchange(words, endIndex, 1, 2) !== 0

  return {
    buffer,
    write: (samples, from) => {
      const index = Atomics.load(words, writeIndex) >>> 0
      const count = Math.min((samples.length - from) >>> 1, capacity - available())
      const at = index & mask
      const first = Math.min(count, capacity - at)
      arena.set(samples.subarray(from, from + first * 2), at * 2)
      arena.set(samples.subarray(from + first * 2, from + count * 2), 0)
      Atomics.store(words, writeIndex, (index + count) | 0)
      return from + count * 2
    },
    end: () => void Atomics.store(words, endIndex, 1),
    reopen: () => Atomics.compareExchange(words, endIndex, 1, 0) === 1,
    isFinal,
    starve: () => void Atomics.store(words, starvingIndex, 1),
    isStarving: () => Atomics.load(words, starvingIndex) === 1,
    recover: () => void Atomics.store(words, starvingIndex, 0),
    read: (into, at, wanted) => {
      const index = Atomics.load(words, readIndex) >>> 0
      const count = Math.min(wanted, available())
      const place = index & mask
      const first = Math.min(count, capacity - place)
      into.set(arena.subarray(place * 2, (place + first) * 2), at)
      if (count > first) into.set(arena.subarray(0, (count - first) * 2), at + first * 2)
      const next = index + count
      if (next > 0xffff_ffff) Atomics.add(words, wrapsIndex, 1)
      Atomics.store(words, readIndex, next | 0)
      return count
    },
    available,
    isEnded: () => Atomics.load(words, endIndex) !== 0,
    // checked once more: samples written before the end was declared are visible by then
    isDrained: () => available() === 0 && isFinal() && available() === 0,
    bufferedMs: () => available() / 48,
    positionMs: () => (Atomics.load(words, wrapsIndex) * 0x1_0000_0000 + (Atomics.load(words, readIndex) >>> 0)) / 48
  }
}
