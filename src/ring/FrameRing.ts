/**
 * A ring of Opus frames that are ready to be sent, with one producer (a track, on the session's side) and one consumer
 * (the beat, on the driver's side). It lives on a buffer that can be shared between threads, so that nothing but this
 * buffer has to cross from one side to the other.
 *
 * Records lie one after another behind a header: a 32-bit word (`length << 16 | number << 6 | units`: the frame's number modulo
 * 1024, and its duration in units of 120 samples) and `length` bytes, padded to 4 bytes; a record never wraps around the end.
 * The header is eight 32-bit integers in the byte order of the machine.
 *
 * @since 0.1.0
 */

const headerInts = 8
const headerBytes = headerInts * 4

/** Bytes ever written and ever read, modulo 2^32. */
const writeIndex = 0
const readIndex = 1
/** 1 when the producer has said that it writes no more; 2 when that cannot be taken back. */
const endIndex = 2
/** Media time ever written and ever read, in units of 120 samples (2.5 ms), modulo 2^32. */
const writtenUnits = 3
const readUnits = 4
const framesReadIndex = 5
const framesWrittenIndex = 6
/** How often the count of what was read has begun anew: every 124 days. */
const wrapsIndex = 7

/** Media time ever read, in units; also of a station that is played for years. */
const unitsRead = (words: Int32Array): number =>
  Atomics.load(words, wrapsIndex) * 0x1_0000_0000 + (Atomics.load(words, readUnits) >>> 0)

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

const unitsMask = 0x3f
const numberShift = 6
const numberMask = 0x3ff

const samplesOf = (record: number): number => (record & unitsMask) * unitSamples

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
  /** Nobody will take frames from it any more. */
  readonly close?: (() => void) | undefined
}

/**
 * By how much a {@link FrameSource} may lengthen a frame.
 *
 * @category constants
 * @since 0.1.0
 */
export const growthBytes = 64

/**
 * Looks at the frames of a ring before its consumer takes them, from any thread. What it gives of a frame that the consumer
 * took meanwhile may be damaged: {@link Follower.index} tells which frame it was.
 *
 * @category models
 * @since 0.1.0
 */
export interface Follower {
  /** Copies the next frame to the start of `into`, and gives its length, or -1 if there is none. */
  readonly take: (into: Uint8Array) => number
  /** Names the frame that was taken last, as {@link FrameRing.index} does. */
  readonly index: () => number
  /** The number of that frame among all of the ring, modulo 1024. */
  readonly number: () => number
  /** The duration of that frame in samples. */
  readonly samples: () => number
  /** Media time of the ring up to the end of that frame, in milliseconds. */
  readonly positionMs: () => number
  /** Media time between the consumer and the follower, in milliseconds. */
  readonly aheadMs: () => number
  /** Goes back to where the consumer is. */
  readonly restart: () => void
}

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
    const size = (4 + length + 3) & ~3
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
    Atomics.store(words, readIndex, (index + ((4 + length + 3) & ~3)) | 0)
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

const msOf = (units: number): number => (units * unitSamples) / 48

/**
 * The ring that lies in a buffer made by {@link make}, on this side or another.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromBuffer = (buffer: ArrayBufferLike): FrameRing => new Ring(buffer)

/**
 * Follows the ring in a buffer, from where its consumer is: ahead of it, or also `behind`, as long as frames are not written over.
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
    // the consumer moves the two one after the other
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
      // overwritten under our eyes: the consumer is past it
      if (length > maxFrameBytes || at + 4 + length > capacity) return -1
      into.set(arena.subarray(at + 4, at + 4 + length))
      lastIndex = cursor
      lastSamples = samplesOf(record)
      lastNumber = (record >>> numberShift) & numberMask
      cursor = (cursor + skipped + ((4 + length + 3) & ~3)) | 0
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
