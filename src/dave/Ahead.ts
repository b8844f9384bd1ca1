/**
 * Encrypts frames before they are due, in a thread that may be busy with the group at the due time: the beat must not wait for
 * it. The frames stay in their own ring until they are taken, so that its position is correct, and nothing is lost if they have
 * to be encrypted again. The copies here are only ready to be sent.
 *
 * Records follow each other after a header, as in a `FrameRing`: three 32-bit words (the frame's index in its own ring, the
 * generation, and the length or `failed`) and the bytes, padded to 4 bytes. A record that does not fit before the end begins at
 * the start. A new epoch begins a new generation, and records of other generations are skipped.
 *
 * @since 0.1.0
 */
import * as Silence from "../protocol/Silence.ts"
import * as Follower from "../ring/Follower.ts"
import * as FrameRing from "../ring/FrameRing.ts"
import type { ProtectedFrames, ProtectOptions } from "./Protected.ts"

const headerInts = 3
const headerBytes = headerInts * 4

/** Bytes ever written and ever read, modulo 2^32. */
const writeIndex = 0
const readIndex = 1
const generationIndex = 2

const recordInts = 3
const recordBytes = recordInts * 4
/** Instead of a length: the record is at the start of the ring. */
const skip = -1
/** Instead of a length: the frame could not be encrypted. */
const failed = -2
/** Set in a length: the frame is silence, which is not encrypted. */
const silenceBit = 0x1_0000

/**
 * How far ahead of the beat frames are encrypted, in milliseconds of media time: more than the longest change of a group takes.
 */
const aheadMs = 120

/** Two of the longest frames. */
const capacity = 32_768

/**
 * The encrypting side.
 *
 * @category models
 * @since 0.1.0
 */
export interface Writer {
  /** Encrypts what is missing. `encrypt` returns `undefined` if it cannot. */
  readonly fill: (encrypt: (frame: Uint8Array) => Uint8Array | undefined) => void
  /** Tells that there is a new epoch: frames that were encrypted but not taken are encrypted again. */
  readonly restart: () => void
}

/** A `Buffer`, because the engine requires one. */
const plain: Uint8Array = Buffer.alloc(FrameRing.maxFrameBytes)

/**
 * @category constructors
 * @since 0.1.0
 */
export const writer = (ring: SharedArrayBuffer, ahead: SharedArrayBuffer): Writer => {
  const follower = Follower.follow(ring)
  const words = new Int32Array(ahead)
  const arena = new Uint8Array(ahead, headerBytes)
  /** A frame for which there was no room. The follower is already past it. */
  let pending: { readonly bytes: Uint8Array | undefined; readonly flags: number } | undefined

  const restart = (): void => {
    pending = undefined
    follower.restart()
    Atomics.add(words, generationIndex, 1)
  }

  /** Writes a record and returns whether there was room. `undefined` stands for a frame that failed. */
  const write = (bytes: Uint8Array | undefined, flags: number): boolean => {
    const length = bytes?.length ?? 0
    const size = (recordBytes + length + 3) & ~3
    const index = Atomics.load(words, writeIndex)
    const free = capacity - ((index - Atomics.load(words, readIndex)) >>> 0)
    let at = index & (capacity - 1)
    const toEnd = capacity - at
    const skipped = toEnd < size ? toEnd : 0
    if (free < size + skipped) return false
    if (skipped > 0) {
      words[headerInts + (at >>> 2) + 2] = skip
      at = 0
    }
    const word = headerInts + (at >>> 2)
    words[word] = follower.index()
    words[word + 1] = Atomics.load(words, generationIndex)
    words[word + 2] = bytes === undefined ? failed : length | flags
    if (bytes !== undefined) arena.set(bytes, at + recordBytes)
    Atomics.store(words, writeIndex, (index + size + skipped) | 0)
    return true
  }

  return {
    restart,
    fill: (encrypt) => {
      if (pending !== undefined) {
        if (!write(pending.bytes, pending.flags)) return
        pending = undefined
      }
      while (follower.aheadMs() < aheadMs) {
        const length = follower.take(plain)
        if (length < 0) return
        const frame = plain.subarray(0, length)
        const isSilence = Silence.isSilence(frame)
        const made = isSilence ? frame : encrypt(frame)
        const flags = isSilence ? silenceBit : 0
        if (!write(made, flags)) {
          pending = { bytes: made === undefined ? undefined : Uint8Array.from(made), flags }
          return
        }
      }
    }
  }
}

/**
 * The connection to the encrypting side.
 *
 * @category models
 * @since 0.1.0
 */
export interface Lane {
  /** Lets it encrypt ahead into `ahead`. */
  readonly open: (ahead: SharedArrayBuffer) => void
  /** Tells that nothing more is needed, or not for now. */
  readonly close: () => void
}

const noWords = new Int32Array(0)
const noBytes = new Uint8Array(0)

/** Most calls of a process may need no encryption: a lane and its memory are created when they are first needed. */
class Source implements ProtectedFrames {
  readonly #ring: FrameRing.FrameRing
  readonly #isEncrypting: ProtectOptions["isEncrypting"]
  readonly #onFrame: ProtectOptions["onFrame"]
  readonly #lane: Lane
  #words: Int32Array = noWords
  #arena: Uint8Array = noBytes
  #buffer: SharedArrayBuffer | undefined
  #isWanted = false

  constructor(ring: FrameRing.FrameRing, { isEncrypting, onFrame }: ProtectOptions, lane: Lane) {
    this.#ring = ring
    this.#isEncrypting = isEncrypting
    this.#onFrame = onFrame
    this.#lane = lane
    // what waits for its turn is prepared in the meantime
    this.#want(isEncrypting())
  }

  get plain(): FrameRing.FrameRing {
    return this.#ring
  }

  prefetch(step: number): number {
    return this.#ring.prefetch(step)
  }

  next(): number {
    const wanted = this.#isEncrypting()
    if (wanted !== this.#isWanted) this.#want(wanted)
    const length = this.#ring.next()
    return length < 0 || !wanted || this.#find() >= 0 ? length : -1
  }

  read(into: Uint8Array, offset: number): number {
    if (!this.#isWanted) return this.#ring.read(into, offset)
    const at = this.#find()
    if (at < 0) return -1
    const entry = this.#words[headerInts + (at >>> 2) + 2] ?? 0
    const length = lengthOf(entry)
    into.set(this.#arena.subarray(at + recordBytes, at + recordBytes + length), offset)
    this.#ring.discard()
    this.#advance(Atomics.load(this.#words, readIndex), entry)
    if (entry === failed || (entry & silenceBit) === 0) this.#onFrame(entry !== failed)
    return length
  }

  discard(): void {
    this.#ring.discard()
  }

  samples(): number {
    return this.#ring.samples()
  }

  isDrained(): boolean {
    return this.#ring.isDrained()
  }

  framesRead(): number {
    return this.#ring.framesRead()
  }

  readonly close = (): void => this.#want(false)

  #want(wanted: boolean): void {
    if (wanted === this.#isWanted) return
    this.#isWanted = wanted
    if (this.#buffer === undefined) {
      this.#buffer = new SharedArrayBuffer(headerBytes + capacity)
      this.#words = new Int32Array(this.#buffer)
      this.#arena = new Uint8Array(this.#buffer, headerBytes)
    }
    if (!wanted) return this.#lane.close()
    // earlier records may be from an epoch that has ended since
    Atomics.add(this.#words, generationIndex, 1)
    this.#lane.open(this.#buffer)
  }

  /** The position of the record for the ring's oldest frame, or -1 if it is not ready. */
  #find(): number {
    const words = this.#words
    while (true) {
      const index = Atomics.load(words, readIndex)
      if (index === Atomics.load(words, writeIndex)) return -1
      const at = index & (capacity - 1)
      const word = headerInts + (at >>> 2)
      if (capacity - at < recordBytes || (words[word + 2] ?? 0) === skip) {
        Atomics.store(words, readIndex, (index + capacity - at) | 0)
        continue
      }
      if (words[word] === this.#ring.index() && words[word + 1] === Atomics.load(words, generationIndex)) return at
      this.#advance(index, words[word + 2] ?? 0)
    }
  }

  #advance(index: number, entry: number): void {
    Atomics.store(this.#words, readIndex, (index + ((recordBytes + lengthOf(entry) + 3) & ~3)) | 0)
  }
}

const lengthOf = (entry: number): number => entry < 0 ? 0 : entry & (silenceBit - 1)

/**
 * The beat's side: the frames of the ring, encrypted ones through `lane`. A frame that is not ready when it is due is waited
 * for.
 *
 * @category constructors
 * @since 0.1.0
 */
export const source = (ring: FrameRing.FrameRing, options: ProtectOptions, lane: Lane): ProtectedFrames =>
  new Source(ring, options, lane)
