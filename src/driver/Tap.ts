/**
 * What is sent, seen from the session's side: a tap follows the rings that the driver takes frames from, be it in another thread, and
 * tells each frame when it has been taken. The driver knows nothing of it, and without one nothing is done.
 *
 * Plain code; times are milliseconds of the caller's clock.
 *
 * @since 0.1.0
 */
import * as FrameRing from "./FrameRing.ts"

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
  /** The driver is given a ring, in place of those before it unless it waits for them. */
  readonly attach: (ring: FrameRing.FrameRing, isWaiting: boolean) => void
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
  readonly follower: FrameRing.Follower
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
      for (const frame of before) taken.push({ ...frame, isSent: !muted })
      first = i
    }
    // it was the turn of what waited
    if (first > 0) rings = rings.slice(first)
  }

  return {
    attach: (ring, isWaiting) => {
      gather()
      if (!isWaiting) rings = []
      const followed: Followed = { ring, follower: FrameRing.follow(ring.buffer, true), ready: [] }
      readAhead(followed)
      rings.push(followed)
    },
    detach: (ring) => {
      gather()
      rings = rings.filter((followed) => followed.ring !== ring)
    },
    setMuted: (value) => {
      gather()
      muted = value
    },
    look: (nowMs) => {
      gather()
      let frames = taken
      taken = []
      const last = frames.at(-1)
      if (last === undefined) return []
      const totalMs = frames.reduce((sum, { samples }) => sum + samples / 48, 0)
      // the last one was taken since the last look
      const fromMs = nowMs - intervalMs / 2 - (totalMs - last.samples / 48)
      let atMs = Math.abs(fromMs - endMs) <= toleranceMs ? endMs : fromMs
      // the driver has passed frames over that others had been sent in place of
      while (atMs < endMs - intervalMs && frames.length > 0) {
        atMs += (frames[0]?.samples ?? 0) / 48
        frames = frames.slice(1)
      }
      atMs = Math.max(atMs, endMs)
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
