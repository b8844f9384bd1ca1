/**
 * Encrypts the frames of the rings that are played end to end (DAVE whitepaper, Payload Format). Plain code for the beat.
 * `E2ee` decides whether frames have to be encrypted.
 *
 * Frames of silence (`F8 FF FE`) are never encrypted.
 *
 * @since 0.1.0
 */
import type * as Dave from "../../Dave.ts"
import type { FrameRing, FrameSource } from "../../ring/FrameRing.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Options {
  readonly group: Dave.Group
  /** Whether what we send has to be encrypted. */
  readonly isEncrypting: () => boolean
}

/**
 * The counts of frames to be sent.
 *
 * @category models
 * @since 0.1.0
 */
export interface Statistics {
  readonly encrypted: number
  readonly failedToEncrypt: number
}

/**
 * @category models
 * @since 0.1.0
 */
export interface E2eeSender {
  /** Wraps a ring that is played: its frames, encrypted while they have to be, until it is closed. */
  readonly protect: (ring: FrameRing) => FrameSource
  /** Tells that the connection is over. */
  readonly close: () => void
  readonly statistics: () => Statistics
}

/** Frames that are closed once, whoever closes them first. */
class Guarded implements FrameSource {
  readonly #ring: FrameRing
  readonly #frames: Dave.ProtectedFrames
  /** All sources that are not closed yet. */
  readonly #open: Set<Dave.ProtectedFrames>

  constructor(ring: FrameRing, frames: Dave.ProtectedFrames, open: Set<Dave.ProtectedFrames>) {
    this.#ring = ring
    this.#frames = frames
    this.#open = open
    open.add(frames)
  }

  get plain(): FrameRing | undefined {
    return this.#frames.plain
  }

  prefetch(step: number): number {
    return this.#frames.prefetch(step)
  }

  next(): number {
    return this.#frames.next()
  }

  read(into: Uint8Array, offset: number): number {
    return this.#frames.read(into, offset)
  }

  discard(): void {
    this.#frames.discard()
  }

  samples(): number {
    return this.#frames.samples()
  }

  isDrained(): boolean {
    return this.#frames.isDrained()
  }

  framesRead(): number {
    return this.#frames.framesRead()
  }

  open(): void {
    this.#ring.open()
  }

  close(): void {
    if (this.#open.delete(this.#frames)) this.#frames.close()
    this.#ring.close()
  }

  starve(): void {
    this.#ring.starve()
  }
}

class Sender implements E2eeSender {
  readonly #options: Options
  #encrypted = 0
  #failedToEncrypt = 0
  /** Created when it is first needed. */
  #open: Set<Dave.ProtectedFrames> | undefined

  constructor(options: Options) {
    this.#options = options
  }

  protect(ring: FrameRing): FrameSource {
    const frames = this.#options.group.protect(ring, {
      isEncrypting: () => this.#options.isEncrypting(),
      onFrame: (isEncrypted) => {
        if (isEncrypted) this.#encrypted++
        else this.#failedToEncrypt++
      }
    })
    this.#open ??= new Set()
    return new Guarded(ring, frames, this.#open)
  }

  close(): void {
    for (const frames of this.#open ?? []) frames.close()
    this.#open?.clear()
  }

  statistics(): Statistics {
    return { encrypted: this.#encrypted, failedToEncrypt: this.#failedToEncrypt }
  }
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: Options): E2eeSender => new Sender(options)
