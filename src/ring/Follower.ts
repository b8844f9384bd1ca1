/**
 * Reads the frames of a ring ahead of its consumer, or after it, without taking them.
 *
 * @since 0.1.0
 */
import {
  headerBytes,
  headerInts,
  maxFrameBytes,
  msOf,
  numberMask,
  numberShift,
  readIndex,
  readUnits,
  recordBytes,
  samplesOf,
  skipMarker,
  unitSamples,
  unitsRead,
  writeIndex
} from "./RingLayout.ts"

/**
 * Reads the frames of a ring before its consumer takes them, from any thread. A frame that the consumer took in the meantime
 * may be damaged: {@link Follower.index} identifies the frame.
 *
 * @category models
 * @since 0.1.0
 */
export interface Follower {
  /** Copies the next frame to the start of `into` and returns its length, or -1 if there is none. */
  readonly take: (into: Uint8Array) => number
  /** Identifies the frame that was taken last, like {@link FrameRing.index}. */
  readonly index: () => number
  /** The number of that frame among all frames of the ring, modulo 1024. */
  readonly number: () => number
  /** The duration of that frame in samples. */
  readonly samples: () => number
  /** The media time of the ring up to the end of that frame, in milliseconds. */
  readonly positionMs: () => number
  /** The media time between the consumer and the follower, in milliseconds. */
  readonly aheadMs: () => number
  /** Returns to the position of the consumer. */
  readonly restart: () => void
}

/**
 * Follows the ring in a buffer, starting at the consumer's position: ahead of it, or with `behind` also after it, as long as
 * frames are not overwritten.
 *
 * @category constructors
 * @since 0.1.0
 */
export const follow = (buffer: ArrayBufferLike, behind = false): Follower => {
  const words = new Int32Array(buffer)
  const arena = new Uint8Array(buffer, headerBytes)
  const capacity = arena.length
  const since = (index: number) => (Atomics.load(words, index) - cursor) | 0
  let cursor = 0
  let units = 0
  let lastIndex = 0
  let lastSamples = 0
  let lastNumber = 0

  const restart = (): void => {
    // the consumer updates the two one after the other
    do {
      cursor = Atomics.load(words, readIndex)
      units = unitsRead(words)
    } while (cursor !== Atomics.load(words, readIndex))
  }
  restart()

  return {
    take: (into) => {
      if (behind ? since(writeIndex) >>> 0 > capacity : since(readIndex) > 0) restart()
      if (cursor === Atomics.load(words, writeIndex)) return -1
      let at = cursor & (capacity - 1)
      let skipped = 0
      let record = words[headerInts + (at >>> 2)] ?? 0
      if (record >>> 16 === skipMarker) {
        skipped = capacity - at
        at = 0
        record = words[headerInts] ?? 0
      }
      const length = record >>> 16
      // overwritten while we were reading: the consumer is past it
      if (length > maxFrameBytes || at + 4 + length > capacity) return -1
      into.set(arena.subarray(at + 4, at + 4 + length))
      lastIndex = cursor
      lastSamples = samplesOf(record)
      lastNumber = (record >>> numberShift) & numberMask
      cursor = (cursor + skipped + recordBytes(length)) | 0
      units += lastSamples / unitSamples
      return length
    },
    index: () => lastIndex,
    number: () => lastNumber,
    samples: () => lastSamples,
    positionMs: () => msOf(units),
    aheadMs: () => msOf((units - Atomics.load(words, readUnits)) | 0),
    restart
  }
}
