/**
 * What is sent, seen from the session's side: a tap follows the rings that the driver takes frames from, be it in another thread, and
 * tells each frame when it has been taken. The driver knows nothing of it, and without one nothing is done.
 *
 * Plain code; times are milliseconds of the caller's clock.
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
   * When it began, in milliseconds of the monotonic clock, give or take 10 ms. One that followed another without a gap begins exactly
   * where that ended.
   */
  readonly atMs: number
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Tap {
  /**
   * The driver is given a ring: in place of those before it, or to go over to when `after` frames of the one before have been read, or
   * all there are.
   */
  readonly attach: (ring: FrameRing.FrameRing, after: number | "drained" | undefined) => void
  /** The driver takes nothing more of it. */
  readonly detach: (ring: FrameRing.FrameRing) => void
  /** While it is so, frames are taken and not sent. */
  readonly setMuted: (muted: boolean) => void
  /** Looks for what was sent since the last time, to be called every {@link intervalMs}. */
  readonly look: (nowMs: number) => ReadonlyArray<SentFrame>
}

/**
 * How often to look, so that times are as exact, and nothing is written over that nobody has looked at.
 *
 * @category constants
 * @since 0.1.0
 */
export const intervalMs = 10

/** Frames that are as near as that to where they are expected follow without a gap. */
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
  /** Frames of the ring before it, as it was attached. */
  readonly after: number | "drained" | undefined
  readonly follower: Follower.Follower
  /** Frames that lie ready. */
  readonly ready: Array<Ready>
}

/**
 * A tap without a ring.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (): Tap => {
  const scratch = new Uint8Array(FrameRing.maxFrameBytes)
  let rings: Array<Followed> = []
  let taken: Array<Taken> = []
  let muted = false
  /** Where what was sent last has ended. */
  let endMs = -Infinity
  /** The duration of the frame that was taken last, in samples. */
  let lastSamples = 0
  /** What the driver passes over of the ring that it is at, because others were sent in its place, in samples. */
  let owed = 0

  const readAhead = ({ follower, ready }: Followed): void => {
    for (let length = follower.take(scratch); length >= 0; length = follower.take(scratch)) {
      ready.push({ data: scratch.slice(0, length), samples: follower.samples(), index: follower.index() })
    }
  }

  /** What the driver has taken of a ring since the last time. */
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
    // it was the turn of what waited
    if (first > 0) rings = rings.slice(first)
  }

  /** As a sender does: what it read of the former ring beyond where it was to change is left out of what follows. */
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
      // what waits for it begins at once, with all that it has
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
      // the last one was taken since the last look
      const fromMs = nowMs - intervalMs / 2 - (totalMs - last.samples / 48)
      // none begins before the end of another one, however late that was
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
