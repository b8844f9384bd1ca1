/**
 * What a mix reports on shared memory: for each frame that it made, where each of its inputs was at that time. Frames are
 * made ahead, so the frame that the driver took last is the one that counts; readers look there.
 *
 * @since 0.1.0
 */

/** How many inputs a mix can have at a time. */
export const maxInputs = 128

/**
 * The number of frames that are remembered, including those that are made ahead: more than a ring can hold. A power of two.
 *
 * @category constants
 * @since 0.1.0
 */
export const depth = 64

/** The longest time that can be mixed ahead, in milliseconds: somewhat less than half of what is remembered. */
export const maxAheadMs = 600

const headerInts = 8
const headerBytes = headerInts * 4
const cells = depth * maxInputs

/** 1 while there is nothing to mix: all inputs are paused, or wait for their sources. */
const idleIndex = 0
/** 0, or 1 when no more frames come. */
const endIndex = 1
/** The input that continues on its own after the last frame, or 0. */
const successorIndex = 2

/**
 * What an input did in a frame, as bits of a number.
 *
 * @category constants
 * @since 0.1.0
 */
export const Flag = {
  /** It is in the frame. */
  Playing: 1,
  /** Its source had nothing. */
  Starving: 2,
  /** A part of it was filled in for something that could not be decoded, or was not there. */
  Concealed: 4,
  /** It has ended with this frame. */
  Over: 8,
  Paused: 16
} as const

const flagBits = 8

/**
 * The mix's side.
 *
 * @category models
 * @since 0.1.0
 */
export interface Writer {
  readonly write: (frame: number, slot: number, input: number, positionMs: number, flags: number) => void
  /** Clears the entry that the frame will use. */
  readonly begin: (frame: number) => void
  readonly setIdle: (idle: boolean) => void
  readonly end: (successor: number) => void
}

/**
 * The other side.
 *
 * @category models
 * @since 0.1.0
 */
export interface Reader {
  /** What an input did in a frame, as `Flag`s; 0 if it was not there. */
  readonly flags: (frame: number, slot: number, input: number) => number
  /** The media time that was taken from the input's ring up to the end of that frame, in milliseconds. */
  readonly positionMs: (frame: number, slot: number) => number
  readonly isIdle: () => boolean
  readonly isEnded: () => boolean
  readonly successor: () => number
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const makeBuffer = (): SharedArrayBuffer => new SharedArrayBuffer(headerBytes + cells * 12)

const viewsOf = (buffer: SharedArrayBuffer) => ({
  header: new Int32Array(buffer, 0, headerInts),
  positions: new Float64Array(buffer, headerBytes, cells),
  marks: new Int32Array(buffer, headerBytes + cells * 8, cells)
})

const cellOf = (frame: number, slot: number): number => (frame & (depth - 1)) * maxInputs + slot

/**
 * @category constructors
 * @since 0.1.0
 */
export const writer = (buffer: SharedArrayBuffer): Writer => {
  const { header, marks, positions } = viewsOf(buffer)
  let idle = 0
  return {
    begin: (frame) => void marks.fill(0, cellOf(frame, 0), cellOf(frame, maxInputs)),
    write: (frame, slot, input, positionMs, flags) => {
      const cell = cellOf(frame, slot)
      positions[cell] = positionMs
      marks[cell] = (input << flagBits) | flags
    },
    setIdle: (value) => {
      const next = value ? 1 : 0
      if (next === idle) return
      idle = next
      Atomics.store(header, idleIndex, next)
    },
    end: (successor) => {
      Atomics.store(header, successorIndex, successor)
      Atomics.store(header, endIndex, 1)
    }
  }
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const reader = (buffer: SharedArrayBuffer): Reader => {
  const { header, marks, positions } = viewsOf(buffer)
  return {
    flags: (frame, slot, input) => {
      const mark = marks[cellOf(frame, slot)] ?? 0
      return mark >> flagBits === (input << flagBits) >> flagBits ? mark & (2 ** flagBits - 1) : 0
    },
    positionMs: (frame, slot) => positions[cellOf(frame, slot)] ?? 0,
    isIdle: () => Atomics.load(header, idleIndex) === 1,
    isEnded: () => Atomics.load(header, endIndex) === 1,
    successor: () => Atomics.load(header, successorIndex)
  }
}
