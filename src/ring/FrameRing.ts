/**
 * A ring of Opus frames that are ready to be sent, with one producer (a track, on the session's side) and one consumer
 * (the beat, on the driver's side). It lives on a buffer that can be shared between threads, so that nothing but this
 * buffer has to cross from one side to the other. What lies where in it, `RingLayout.ts` says.
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

/** The buffer that was read into last, and its view as 32-bit words: all senders of a process use the same few. */
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
  /** What crosses to the other side. */
  readonly buffer: ArrayBufferLike
  /**
   * Adds a frame of `samples` (a multiple of 120) at 48 kHz. Returns false when there is no room at the moment. A frame of
   * more than {@link maxFrameBytes} never fits.
   */
  readonly write: (data: Uint8Array, samples: number) => boolean
  /** Says that no more frames come. */
  readonly end: () => void
  /** Takes that back, and gives whether it could: nobody has come to the end yet. */
  readonly reopen: () => boolean
  /** Whether no more frames come than are there. From then on that is so for good. */
  readonly isFinal: () => boolean
  /** The consumer takes frames from it, or will when it is its turn, until it closes it. */
  readonly open: () => void
  /** The consumer has taken its last frame. */
  readonly close: () => void
  /** Whether a consumer has it open: when none has, `framesRead` and `positionMs` stay as they are. */
  readonly isTaken: () => boolean
  /** The consumer wanted a frame, and there was none. */
  readonly starve: () => void
  /** Whether that has happened since {@link FrameRing.recover}. */
  readonly isStarving: () => boolean
  /** The producer knows that it has happened. */
  readonly recover: () => void
  /** Reads what taking the oldest frame needs ahead of its time, step by step, and returns a number without meaning. */
  readonly prefetch: (step: number) => number
  /** Length in bytes of the oldest frame, or -1 when the ring is empty. */
  readonly next: () => number
  /**
   * Takes the oldest frame: copies it into `into` from `offset` on and returns its length in bytes, or -1 when the ring is
   * empty. {@link FrameRing.samples} then tells its duration. Up to three bytes behind the frame may be overwritten.
   */
  readonly read: (into: Uint8Array, offset: number) => number
  /** Takes the oldest frame, if there is one, and forgets it. {@link FrameRing.samples} then tells its duration. */
  readonly discard: () => void
  /** Duration of the frame that was taken last, in samples. */
  readonly samples: () => number
  /** Whether the producer has ended and everything was read. From then on that is so for good. */
  readonly isDrained: () => boolean
  readonly isEnded: () => boolean
  /** Media time in the ring, in milliseconds. */
  readonly bufferedMs: () => number
  /** Media time read from the ring so far, in milliseconds. */
  readonly positionMs: () => number
  /** Frames read from the ring so far. */
  readonly framesRead: () => number
  /** Frames written to it so far. */
  readonly framesWritten: () => number
  /** Names the oldest frame, or the place where the next one will be: another one for each frame of the last 4 GiB. */
  readonly index: () => number
}

/**
 * Where frames are taken from when they are due: the consumer's end of a ring, or what stands in front of it and changes
 * them on their way. `read` may write up to {@link growthBytes} more than `next` said. It gives 0 for a frame that must not
 * be sent: its time passes in silence.
 *
 * @category models
 * @since 0.1.0
 */
export interface FrameSource
  extends Pick<FrameRing, "prefetch" | "next" | "read" | "discard" | "samples" | "isDrained" | "framesRead">
{
  /** What frames may be taken from instead as long as they need not be encrypted. */
  readonly plain?: FrameRing | undefined
  /** Frames will be taken from it, until it is closed. */
  readonly open?: (() => void) | undefined
  /** Nobody will take frames from it any more. */
  readonly close?: (() => void) | undefined
  /** A frame was wanted, and there was none. */
  readonly starve?: (() => void) | undefined
}

/**
 * By how much a {@link FrameSource} may lengthen a frame.
 *
 * @category constants
 * @since 0.1.0
 */
export const growthBytes = 64

/**
 * Makes an empty ring. `capacityBytes` is rounded up to a power of two; the default, 16 KiB, holds about two seconds of
 * music at 64 kbit/s. Frames are counted from `first` on, 0 by default: it may go on for another ring.
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
  /** The whole buffer, header first. */
  readonly #words: Int32Array
  readonly #arena: Uint8Array
  readonly #capacity: number
  #lastSamples = 0
  #isOpen = false
  /** The writer's index as it was last seen: as long as it is ahead of the reader's there is no need to look again. */
  #seenWrite: number
  /** The reader's index as it was last seen: as long as there is room before it there is no need to look again. */
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
    // the view, its buffer, what both are about, and the frame
    if (step === 1) return words.BYTES_PER_ELEMENT
    if (step === 2) return words.length
    if (step === 3) return words[readIndex] ?? 0
    const at = headerInts + (((words[readIndex] ?? 0) & (this.#capacity - 1)) >>> 2)
    // a line of the processor's cache has 16 words
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
    // it may have been released, by somebody who took us for dead
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
    // looked at once more: a frame written before the end was said is seen by then
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
    // only this side writes the index of reading
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

  /** Copies a record's bytes: by words where that is possible, which takes a quarter of the time. */
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
 * The ring that lies in a buffer made by {@link make}, on this side or another.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromBuffer = (buffer: ArrayBufferLike): FrameRing => new Ring(buffer)

/**
 * Closes the ring that lies in a buffer for a consumer that has died with it open.
 *
 * @category combinators
 * @since 0.1.0
 */
export const release = (buffer: ArrayBufferLike): void => {
  Atomics.store(new Int32Array(buffer, 0, headerInts), takersIndex, 0)
}
