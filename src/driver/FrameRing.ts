/**
 * A ring of Opus frames that are ready to be sent, with one producer (a track, on the session's side) and one consumer
 * (the beat, on the driver's side). It lives on a buffer that can be shared between threads, so that nothing but this
 * buffer has to cross from one side to the other.
 *
 * Records lie one after another in a byte arena: `u16 length | u16 samples | length bytes`, padded to 4 bytes; a record
 * never wraps around the end. The header is eight 32-bit integers, read and written atomically.
 *
 * @since 0.1.0
 */

const headerInts = 8
const headerBytes = headerInts * 4

/** Bytes ever written and ever read, modulo 2^32. */
const writeIndex = 0
const readIndex = 1
/** 1 when the producer will write no more. */
const endIndex = 2
/** Media time ever written and ever read, in units of 120 samples (2.5 ms). */
const writtenUnits = 3
const readUnits = 4
const framesReadIndex = 5

/**
 * The greatest packet a ring takes, in bytes: 120 ms of Opus at its highest bitrate (RFC 6716, 3.2.5: six frames of 1275
 * bytes and their lengths).
 *
 * @category constants
 * @since 0.1.0
 */
export const maxFrameBytes = 7_680

/**
 * The least unit of Opus media time, in samples at 48 kHz (2.5 ms).
 *
 * @category constants
 * @since 0.1.0
 */
export const unitSamples = 120

const skipMarker = 0xffff

/** The buffer that was read into last, which is the same for all senders of a process, and its view as 32-bit words. */
let lastInto: Uint8Array | undefined
let lastWords: Int32Array | undefined

const wordsOf = (into: Uint8Array): Int32Array | undefined => {
  if (into !== lastInto) {
    lastInto = into
    lastWords = (into.byteOffset & 3) === 0
      ? new Int32Array(into.buffer, into.byteOffset, into.length >>> 2)
      : undefined
  }
  return lastWords
}

/** Copies a record's bytes: by words where that is possible, which takes a quarter of the time. */
const copy = (
  arena: Uint8Array,
  arenaWords: Int32Array,
  from: number,
  length: number,
  into: Uint8Array,
  offset: number
): void => {
  const words = wordsOf(into)
  const count = (length + 3) >>> 2
  if (words !== undefined && (offset & 3) === 0 && (offset >>> 2) + count <= words.length) {
    // records are padded to whole words
    const source = from >>> 2
    const target = offset >>> 2
    for (let i = 0; i < count; i++) words[target + i] = arenaWords[source + i] ?? 0
  } else {
    for (let i = 0; i < length; i++) into[offset + i] = arena[from + i] ?? 0
  }
}

/**
 * Either end of a ring. The producer calls `write` and `end`, the consumer `read`; everything else is for both.
 *
 * @category models
 * @since 0.1.0
 */
export interface FrameRing {
  /** What crosses to the other side. */
  readonly buffer: ArrayBufferLike
  /**
   * Adds a frame of `samples` (a multiple of 120) at 48 kHz. Returns false when there is no room at the moment. A frame of
   * more than {@link maxFrameBytes} never fits.
   */
  readonly write: (data: Uint8Array, samples: number) => boolean
  /** Says that no more frames come. */
  readonly end: () => void
  /** Length in bytes of the oldest frame, or -1 when the ring is empty. */
  readonly next: () => number
  /**
   * Takes the oldest frame: copies it into `into` from `offset` on and returns its length in bytes, or -1 when the ring is
   * empty. {@link FrameRing.samples} then tells its duration. Up to three bytes behind the frame may be overwritten.
   */
  readonly read: (into: Uint8Array, offset: number) => number
  /** Duration of the frame that `read` took last, in samples. */
  readonly samples: () => number
  /** Whether the producer has ended and everything was read. */
  readonly isDrained: () => boolean
  readonly isEnded: () => boolean
  /** Media time in the ring, in milliseconds. */
  readonly bufferedMs: () => number
  /** Media time read from the ring so far, in milliseconds. */
  readonly positionMs: () => number
  /** Frames read from the ring so far. */
  readonly framesRead: () => number
}

/**
 * Makes an empty ring. `capacityBytes` is rounded up to a power of two; the default, 16 KiB, holds about two seconds of
 * music at 64 kbit/s.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (options?: {
  readonly capacityBytes?: number | undefined
  readonly shared?: boolean | undefined
}): FrameRing => {
  const wanted = Math.max(2 * maxFrameBytes, options?.capacityBytes ?? 16_384)
  const bytes = headerBytes + 2 ** Math.ceil(Math.log2(wanted))
  return fromBuffer(options?.shared === false ? new ArrayBuffer(bytes) : new SharedArrayBuffer(bytes))
}

/**
 * The ring that lies in a buffer made by {@link make}, on this side or another.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromBuffer = (buffer: ArrayBufferLike): FrameRing => {
  const header = new Int32Array(buffer, 0, headerInts)
  const arena = new Uint8Array(buffer, headerBytes)
  const arenaWords = new Int32Array(buffer, headerBytes)
  const capacity = arena.length
  const mask = capacity - 1
  let lastSamples = 0

  const used = () => (Atomics.load(header, writeIndex) - Atomics.load(header, readIndex)) >>> 0

  const write = (data: Uint8Array, samples: number): boolean => {
    const length = data.length
    if (length > maxFrameBytes) return false
    const size = (4 + length + 3) & ~3
    const index = Atomics.load(header, writeIndex) >>> 0
    const free = capacity - used()
    let at = index & mask
    const toEnd = capacity - at
    const skipped = toEnd < size ? toEnd : 0
    if (free < size + skipped) return false
    if (skipped > 0) {
      arena[at] = skipMarker >> 8
      arena[at + 1] = skipMarker & 0xff
      at = 0
    }
    arena[at] = length >> 8
    arena[at + 1] = length & 0xff
    arena[at + 2] = samples >> 8
    arena[at + 3] = samples & 0xff
    arena.set(data, at + 4)
    Atomics.add(header, writtenUnits, samples / unitSamples)
    Atomics.store(header, writeIndex, (index + size + skipped) | 0)
    return true
  }

  const lengthAt = (at: number) => ((arena[at] ?? 0) << 8) | (arena[at + 1] ?? 0)

  /** The other side's index as it was last seen: as long as it is ahead of ours there is no need to look again. */
  let seenWrite = Atomics.load(header, writeIndex)

  // only this side writes the index of reading
  const next = (): number => {
    const index = header[readIndex] ?? 0
    if (index === seenWrite) {
      seenWrite = Atomics.load(header, writeIndex)
      if (index === seenWrite) return -1
    }
    const length = lengthAt(index & mask)
    return length === skipMarker ? lengthAt(0) : length
  }

  const read = (into: Uint8Array, offset: number): number => {
    let index = header[readIndex] ?? 0
    if (index === seenWrite) {
      seenWrite = Atomics.load(header, writeIndex)
      if (index === seenWrite) return -1
    }
    let at = index & mask
    let length = lengthAt(at)
    if (length === skipMarker) {
      index += capacity - at
      at = 0
      length = lengthAt(0)
    }
    lastSamples = ((arena[at + 2] ?? 0) << 8) | (arena[at + 3] ?? 0)
    copy(arena, arenaWords, at + 4, length, into, offset)
    // only this side writes these two; the store of the index publishes them
    header[readUnits] = (header[readUnits] ?? 0) + lastSamples / unitSamples
    header[framesReadIndex] = (header[framesReadIndex] ?? 0) + 1
    Atomics.store(header, readIndex, (index + ((4 + length + 3) & ~3)) | 0)
    return length
  }

  const msOf = (units: number) => (units * unitSamples) / 48

  return {
    buffer,
    write,
    next,
    read,
    end: () => {
      Atomics.store(header, endIndex, 1)
    },
    samples: () => lastSamples,
    isEnded: () => Atomics.load(header, endIndex) === 1,
    // the end is read first: a frame written before it was set is then seen by `used`
    isDrained: () => Atomics.load(header, endIndex) === 1 && used() === 0,
    bufferedMs: () => msOf((Atomics.load(header, writtenUnits) - Atomics.load(header, readUnits)) | 0),
    positionMs: () => msOf(Atomics.load(header, readUnits) >>> 0),
    framesRead: () => Atomics.load(header, framesReadIndex) >>> 0
  }
}
