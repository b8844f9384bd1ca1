/**
 * A ring of Opus frames that are ready to be sent, with one producer (a track, on the session's side) and one consumer (the
 * beat, on the driver's side). It is stored in a buffer that threads can share, so only this buffer has to cross from one side
 * to the other. `RingLayout.ts` describes the layout.
 *
 * @since 0.1.0
 */
import {
  endIndex,
  framesReadIndex,
  framesWrittenIndex,
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
  starvingIndex,
  takersIndex,
  unitSamples,
  unitsRead,
  wrapsIndex,
  writeIndex,
  writtenUnits
} from "./RingLayout.ts"

export {
  /**
   * @category constants
   * @since 0.1.0
   */
  maxFrameBytes,
  /**
   * @category constants
   * @since 0.1.0
   */
  unitSamples
} from "./RingLayout.ts"

/** The buffer that was last read into, and its view as 32-bit words. All senders of a process share a few buffers. */
let lastInto: Uint8Array | undefined
let lastWords: Int32Array | undefined
const views = new WeakMap<Uint8Array, Int32Array>()

const wordsOf = (into: Uint8Array): Int32Array | undefined => {
  if (into !== lastInto) {
    lastInto = into
    lastWords = (into.byteOffset & 3) === 0 ? views.get(into) : undefined
    if (lastWords === undefined && (into.byteOffset & 3) === 0) {
      lastWords = new Int32Array(into.buffer, into.byteOffset, into.length >>> 2)
      views.set(into, lastWords)
    }
  }
  return lastWords
}

/**
 * Either end of a ring. The producer calls `write` and `end`, the consumer `read`; everything else is for both.
 *
 * @category models
 * @since 0.1.0
 */
export interface FrameRing {
  /** The buffer to pass to the other side. */
  readonly buffer: ArrayBufferLike
  /**
   * Adds a frame of `samples` (a multiple of 120) at 48 kHz. Returns false if there is no room at the moment. A frame of more
   * than {@link maxFrameBytes} never fits.
   */
  readonly write: (data: Uint8Array, samples: number) => boolean
  /** Marks the end: no more frames will be written. */
  readonly end: () => void
  /** Undoes `end` if the consumer has not reached the end yet. Returns whether it did. */
  readonly reopen: () => boolean
  /** Whether no frames will follow the present ones. Once true, it stays true. */
  readonly isFinal: () => boolean
  /** Tells that the consumer takes frames, or will when it is its turn, until it closes the ring. */
  readonly open: () => void
  /** Tells that the consumer has taken its last frame. */
  readonly close: () => void
  /** Whether a consumer has it open. If not, `framesRead` and `positionMs` do not change. */
  readonly isTaken: () => boolean
  /** Tells that the consumer wanted a frame and there was none. */
  readonly starve: () => void
  /** Whether that has happened since the last {@link FrameRing.recover}. */
  readonly isStarving: () => boolean
  /** Tells that the producer has noticed the starvation. */
  readonly recover: () => void
  /** Reads, step by step and ahead of time, what taking the oldest frame needs. Returns a meaningless number. */
  readonly prefetch: (step: number) => number
  /** The length of the oldest frame in bytes, or -1 if the ring is empty. */
  readonly next: () => number
  /**
   * Takes the oldest frame: copies it into `into` at `offset` and returns its length in bytes, or -1 if the ring is empty.
   * {@link FrameRing.samples} is then its duration. Up to three bytes after the frame may be overwritten.
   */
  readonly read: (into: Uint8Array, offset: number) => number
  /** Takes the oldest frame, if there is one, and discards it. {@link FrameRing.samples} is then its duration. */
  readonly discard: () => void
  /** The duration of the last frame that was taken, in samples. */
  readonly samples: () => number
  /** Whether the producer has ended and everything was read. Once true, it stays true. */
  readonly isDrained: () => boolean
  readonly isEnded: () => boolean
  /** The media time in the ring, in milliseconds. */
  readonly bufferedMs: () => number
  /** The media time read from the ring so far, in milliseconds. */
  readonly positionMs: () => number
  /** The number of frames read from the ring so far. */
  readonly framesRead: () => number
  /** The number of frames written to the ring so far. */
  readonly framesWritten: () => number
  /** Identifies the oldest frame, or the place of the next one: the value differs for all frames of the last 4 GiB. */
  readonly index: () => number
}

/**
 * Where frames are taken from when they are due: the consumer's end of a ring, or something in front of it that transforms
 * them. `read` may write up to {@link growthBytes} more than `next` returned. It returns 0 for a frame that must not be sent,
 * whose time passes in silence.
 *
 * @category models
 * @since 0.1.0
 */
export interface FrameSource
  extends Pick<FrameRing, "prefetch" | "next" | "read" | "discard" | "samples" | "isDrained" | "framesRead">
{
  /** An alternative source of the frames for as long as they do not have to be encrypted. */
  readonly plain?: FrameRing | undefined
  /** Tells that frames will be taken from it until it is closed. */
  readonly open?: (() => void) | undefined
  /** Tells that no more frames will be taken from it. */
  readonly close?: (() => void) | undefined
  /** Tells that a frame was wanted and there was none. */
  readonly starve?: (() => void) | undefined
}

/**
 * The number of bytes by which a {@link FrameSource} may lengthen a frame.
 *
 * @category constants
 * @since 0.1.0
 */
export const growthBytes = 64

/**
 * Makes an empty ring. `capacityBytes` is rounded up to a power of two; the default, 16 KiB, holds about two seconds of music
 * at 64 kbit/s. The count of frames begins at `first`, by default 0, so that it can continue another ring's.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (options?: {
  readonly capacityBytes?: number | undefined
  readonly shared?: boolean | undefined
  readonly first?: number | undefined
}): FrameRing => {
  const wanted = Math.max(2 * maxFrameBytes, options?.capacityBytes ?? 16_384)
  const bytes = headerBytes + 2 ** Math.ceil(Math.log2(wanted))
  const buffer = options?.shared === false ? new ArrayBuffer(bytes) : new SharedArrayBuffer(bytes)
  new Int32Array(buffer).fill(options?.first ?? 0, framesReadIndex, framesWrittenIndex + 1)
  return fromBuffer(buffer)
}

/** One object and one view, so that taking a frame touches little memory besides the frame itself. */
class Ring implements FrameRing {
  readonly buffer: ArrayBufferLike
  /** The whole buffer, including the header. */
  readonly #words: Int32Array
  readonly #arena: Uint8Array
  readonly #capacity: number
  #lastSamples = 0
  #isOpen = false
  /** The last known index of the writer. While it is ahead of the reader's, it does not have to be read again. */
  #seenWrite: number
  /** The last known index of the reader. While there is room before it, it does not have to be read again. */
  #seenRead: number

  constructor(buffer: ArrayBufferLike) {
    this.buffer = buffer
    this.#words = new Int32Array(buffer)
    this.#arena = new Uint8Array(buffer, headerBytes)
    this.#capacity = this.#arena.length
    this.#seenWrite = Atomics.load(this.#words, writeIndex)
    this.#seenRead = Atomics.load(this.#words, readIndex)
  }

  write(data: Uint8Array, samples: number): boolean {
    const length = data.length
    if (length > maxFrameBytes) return false
    const words = this.#words
    const size = recordBytes(length)
    // only this side writes what it reads here; the store of the index publishes it
    const index = words[writeIndex] ?? 0
    let at = index & (this.#capacity - 1)
    const toEnd = this.#capacity - at
    const skipped = toEnd < size ? toEnd : 0
    if (this.#capacity - ((index - this.#seenRead) >>> 0) < size + skipped) {
      this.#seenRead = Atomics.load(words, readIndex)
      if (this.#capacity - ((index - this.#seenRead) >>> 0) < size + skipped) return false
    }
    if (skipped > 0) {
      words[headerInts + (at >>> 2)] = skipMarker << 16
      at = 0
    }
    const number = words[framesWrittenIndex] ?? 0
    const units = samples / unitSamples
    words[headerInts + (at >>> 2)] = (length << 16) | ((number & numberMask) << numberShift) | units
    this.#arena.set(data, at + 4)
    words[writtenUnits] = ((words[writtenUnits] ?? 0) + units) | 0
    words[framesWrittenIndex] = (number + 1) | 0
    Atomics.store(words, writeIndex, (index + size + skipped) | 0)
    return true
  }

  prefetch(step: number): number {
    if (step === 0) return this.#capacity
    const words = this.#words
    // the view, its buffer, the header, and the frame
    if (step === 1) return words.BYTES_PER_ELEMENT
    if (step === 2) return words.length
    if (step === 3) return words[readIndex] ?? 0
    const at = headerInts + (((words[readIndex] ?? 0) & (this.#capacity - 1)) >>> 2)
    // a cache line has 16 words
    return (words[at] ?? 0) ^ (words[at + 16] ?? 0) ^ (words[at + 32] ?? 0)
  }

  next(): number {
    if (this.#isEmpty()) return -1
    const length = this.#lengthAt((this.#words[readIndex] ?? 0) & (this.#capacity - 1))
    return length === skipMarker ? this.#lengthAt(0) : length
  }

  read(into: Uint8Array, offset: number): number {
    return this.#take(into, offset)
  }

  discard(): void {
    this.#take(undefined, 0)
  }

  end(): void {
    Atomics.store(this.#words, endIndex, 1)
  }

  open(): void {
    if (this.#isOpen) return
    this.#isOpen = true
    Atomics.add(this.#words, takersIndex, 1)
  }

  close(): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    // it may have been released by somebody who considered us dead
    if (this.isTaken()) Atomics.sub(this.#words, takersIndex, 1)
  }

  isTaken(): boolean {
    return Atomics.load(this.#words, takersIndex) > 0
  }

  starve(): void {
    Atomics.store(this.#words, starvingIndex, 1)
  }

  isStarving(): boolean {
    return Atomics.load(this.#words, starvingIndex) === 1
  }

  recover(): void {
    Atomics.store(this.#words, starvingIndex, 0)
  }

  reopen(): boolean {
    return Atomics.compareExchange(this.#words, endIndex, 1, 0) === 1
  }

  isFinal(): boolean {
    return Atomics.compareExchange(this.#words, endIndex, 1, 2) !== 0
  }

  samples(): number {
    return this.#lastSamples
  }

  isEnded(): boolean {
    return Atomics.load(this.#words, endIndex) !== 0
  }

  isDrained(): boolean {
    // checked twice: a frame that was written before the end was set is visible by then
    return this.#used() === 0 && this.isFinal() && this.#used() === 0
  }

  bufferedMs(): number {
    return msOf((Atomics.load(this.#words, writtenUnits) - Atomics.load(this.#words, readUnits)) | 0)
  }

  positionMs(): number {
    return msOf(unitsRead(this.#words))
  }

  framesRead(): number {
    return Atomics.load(this.#words, framesReadIndex) >>> 0
  }

  framesWritten(): number {
    return Atomics.load(this.#words, framesWrittenIndex) >>> 0
  }

  index(): number {
    return Atomics.load(this.#words, readIndex)
  }

  #take(into: Uint8Array | undefined, offset: number): number {
    if (this.#isEmpty()) return -1
    const words = this.#words
    // only this side writes the read index
    let index = words[readIndex] ?? 0
    let at = index & (this.#capacity - 1)
    let record = words[headerInts + (at >>> 2)] ?? 0
    if (record >>> 16 === skipMarker) {
      index += this.#capacity - at
      at = 0
      record = words[headerInts] ?? 0
    }
    const length = record >>> 16
    this.#lastSamples = samplesOf(record)
    if (into !== undefined) this.#copy(at + 4, length, into, offset)
    // only this side writes these as well; the store of the index publishes them
    words[framesReadIndex] = (words[framesReadIndex] ?? 0) + 1
    const before = words[readUnits] ?? 0
    const after = before + this.#lastSamples / unitSamples
    words[readUnits] = after
    if (before < 0 && after >= 0) words[wrapsIndex] = (words[wrapsIndex] ?? 0) + 1
    Atomics.store(words, readIndex, (index + recordBytes(length)) | 0)
    return length
  }

  #used(): number {
    return (Atomics.load(this.#words, writeIndex) - Atomics.load(this.#words, readIndex)) >>> 0
  }

  #isEmpty(): boolean {
    const index = this.#words[readIndex] ?? 0
    if (index !== this.#seenWrite) return false
    this.#seenWrite = Atomics.load(this.#words, writeIndex)
    return index === this.#seenWrite
  }

  #lengthAt(at: number): number {
    return (this.#words[headerInts + (at >>> 2)] ?? 0) >>> 16
  }

  /** Copies the bytes of a record, as words if possible, which takes a quarter of the time. */
  #copy(from: number, length: number, into: Uint8Array, offset: number): void {
    const target = wordsOf(into)
    const count = (length + 3) >>> 2
    if (target !== undefined && (offset & 3) === 0 && (offset >>> 2) + count <= target.length) {
      // records are padded to whole words
      const words = this.#words
      const source = headerInts + (from >>> 2)
      const to = offset >>> 2
      for (let i = 0; i < count; i++) target[to + i] = words[source + i] ?? 0
    } else {
      for (let i = 0; i < length; i++) into[offset + i] = this.#arena[from + i] ?? 0
    }
  }
}

/**
 * Opens the ring in a buffer made by {@link make}, on this side or another.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromBuffer = (buffer: ArrayBufferLike): FrameRing => new Ring(buffer)

/**
 * Closes the ring in a buffer on behalf of a consumer that died with it open.
 *
 * @category combinators
 * @since 0.1.0
 */
export const release = (buffer: ArrayBufferLike): void => {
  Atomics.store(new Int32Array(buffer, 0, headerInts), takersIndex, 0)
}
