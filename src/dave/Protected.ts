/**
 * Encrypts the frames of a ring while a call is end-to-end encrypted.
 *
 * @since 0.1.0
 */
import * as Silence from "../protocol/Silence.ts"
import * as FrameRing from "../ring/FrameRing.ts"

/**
 * The frames of a ring, encrypted while they have to be.
 *
 * @category models
 * @since 0.1.0
 */
export interface ProtectedFrames extends FrameRing.FrameSource {
  /** Tells that no more frames will be taken from it. */
  readonly close: () => void
}

/**
 * How frames are to be encrypted.
 *
 * @category models
 * @since 0.1.0
 */
export interface ProtectOptions {
  /** Whether frames have to be encrypted at this moment. */
  readonly isEncrypting: () => boolean
  /** Called when a frame was encrypted, or could not be and is not sent. Not called for silence, which is never encrypted. */
  readonly onFrame: (isEncrypted: boolean) => void
}

/** One frame at a time: all sources of a thread share it. A `Buffer`, because the engine requires one. */
const plain: Uint8Array = Buffer.alloc(FrameRing.maxFrameBytes + 4)

/**
 * Encrypts each frame when it is taken. `encrypt` returns `undefined` if it cannot.
 *
 * @category constructors
 * @since 0.1.0
 */
export const whenTaken = (
  ring: FrameRing.FrameRing,
  { isEncrypting, onFrame }: ProtectOptions,
  encrypt: (frame: Uint8Array) => Uint8Array | undefined
): ProtectedFrames => ({
  plain: ring,
  prefetch: (step) => ring.prefetch(step),
  next: () => ring.next(),
  read: (into, offset) => {
    if (!isEncrypting()) return ring.read(into, offset)
    const length = ring.read(plain, 0)
    if (length < 0) return length
    const frame = plain.subarray(0, length)
    if (Silence.isSilence(frame)) {
      into.set(frame, offset)
      return length
    }
    const made = encrypt(frame)
    onFrame(made !== undefined)
    if (made === undefined) return 0
    into.set(made, offset)
    return made.length
  },
  discard: () => ring.discard(),
  samples: () => ring.samples(),
  isDrained: () => ring.isDrained(),
  framesRead: () => ring.framesRead(),
  close: () => {}
})
