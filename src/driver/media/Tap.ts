/**
 * What is sent, observed from the session's side: a tap follows the rings that the driver takes frames from, even in another
 * thread, and reports each frame that was taken. The driver knows nothing about it, and without a tap nothing is done.
 *
 * Plain code. Times are milliseconds of the caller's clock.
 *
 * @since 0.1.0
 */
import * as Follower from "../../ring/Follower.ts"
import * as FrameRing from "../../ring/FrameRing.ts"

/**
 * An Opus frame that was sent.
 *
 * @category models
 * @since 0.1.0
 */
export interface SentFrame {
  readonly data: Uint8Array
  readonly samples: number
  /**
   * When it began, in milliseconds of the monotonic clock, accurate to 10 ms. A frame that follows another without a gap begins
   * exactly at its end.
   */
  readonly atMs: number
}

/**
 * Reports the frames that were sent.
 *
 * @category models
 * @since 0.1.0
 */
export interface Tap {
  /**
   * Tells that the driver gets a ring: instead of the previous ones, or after `after` frames of the previous ring, or all of
   * them.
   */
  readonly attach: (ring: FrameRing.FrameRing, after: number | "drained" | undefined) => void
  /** Tells that the driver takes nothing more from it. */
  readonly detach: (ring: FrameRing.FrameRing) => void
  /** Tells that frames are taken but not sent. */
  readonly setMuted: (muted: boolean) => void
  /** Returns what was sent since the last call. Call it every {@link intervalMs}. */
  readonly look: (nowMs: number) => ReadonlyArray<SentFrame>
}

/**
 * How often to look. This is the accuracy of times, and often enough that nothing is overwritten before it was seen.
 *
 * @category constants
 * @since 0.1.0
 */
export const intervalMs = 10

/** Frames that are at most this far from their expected time follow without a gap. */
const toleranceMs = 30

interface Ready {
  readonly data: Uint8Array
  readonly samples: number
  readonly index: number
}

interface Taken extends Ready {
  readonly isSent: boolean
}

interface Followed {
  readonly ring: FrameRing.FrameRing
  /** The number of frames of the ring before it, as it was attached. */
  readonly after: number | "drained" | undefined
  readonly follower: Follower.Follower
  /** The frames that are ready. */
  readonly ready: Array<Ready>
}

/**
 * Makes a tap without a ring.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (): Tap => {
  const scratch = new Uint8Array(FrameRing.maxFrameBytes)
  let rings: Array<Followed> = []
  let taken: Array<Taken> = []
  let muted = false
  /** Where the last frame that was sent ended. */
  let endMs = -Infinity
  /** The duration of the frame that was taken last, in samples. */
  let lastSamples = 0
  /** How much of the current ring the driver skips because other frames were sent instead, in samples. */
  let owed = 0

  const readAhead = ({ follower, ready }: Followed): void => {
    for (let length = follower.take(scratch); length >= 0; length = follower.take(scratch)) {
      ready.push({ data: scratch.slice(0, length), samples: follower.samples(), index: follower.index() })
    }
  }

  /** What the driver has taken from a ring since the last time. */
  const takenOf = ({ ready, ring }: Followed): Array<Ready> => {
    const reader = ring.index()
    const ahead = ready.findIndex(({ index }) => ((index - reader) | 0) >= 0)
    return ready.splice(0, ahead < 0 ? ready.length : ahead)
  }

  const gather = (): void => {
    let first = 0
    for (const [i, followed] of rings.entries()) {
      readAhead(followed)
      const before = takenOf(followed)
      if (before.length === 0) continue
      if (i > first) changeOver(rings[first]?.ring, followed.after)
      for (const frame of before) {
        lastSamples = frame.samples
        if (owed <= 0) taken.push({ ...frame, isSent: !muted })
        else owed -= frame.samples
      }
      first = i
    }
    // the waiting ring has had its turn
    if (first > 0) rings = rings.slice(first)
  }

  /** As in a sender: what was read of the former ring beyond the change is skipped in the next one. */
  const changeOver = (former: FrameRing.FrameRing | undefined, after: Followed["after"]): void => {
    const beyond = former === undefined || typeof after !== "number" ? -1 : (former.framesRead() - after) | 0
    owed = beyond < 0 ? 0 : beyond * lastSamples + Math.max(0, owed)
  }

  return {
    attach: (ring, after) => {
      gather()
      if (after === undefined) {
        rings = []
        owed = 0
      }
      const followed: Followed = { ring, after, follower: Follower.follow(ring.buffer, true), ready: [] }
      readAhead(followed)
      rings.push(followed)
    },
    detach: (ring) => {
      gather()
      // the waiting ring begins immediately, with all of its frames
      if (rings[0]?.ring === ring) owed = 0
      rings = rings.filter((followed) => followed.ring !== ring)
    },
    setMuted: (value) => {
      gather()
      muted = value
    },
    look: (nowMs) => {
      gather()
      const frames = taken
      taken = []
      const last = frames.at(-1)
      if (last === undefined) return []
      const totalMs = frames.reduce((sum, { samples }) => sum + samples / 48, 0)
      // the last frame was taken since the last look
      const fromMs = nowMs - intervalMs / 2 - (totalMs - last.samples / 48)
      // a frame never begins before the end of the previous one, however late that was
      let atMs = Math.abs(fromMs - endMs) <= toleranceMs ? endMs : Math.max(fromMs, endMs)
      const sent: Array<SentFrame> = []
      for (const { data, isSent, samples } of frames) {
        if (isSent) sent.push({ data, samples, atMs })
        atMs += samples / 48
      }
      endMs = atMs
      return sent
    }
  }
}
