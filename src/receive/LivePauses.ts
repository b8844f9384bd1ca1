/**
 * Reports a pause of one user while it lasts, in steps of 20 ms, instead of at its end. Plain code.
 *
 * Nothing that arrives is left out: if something was delayed on its way for longer than a pause is tolerated, what follows is
 * that much later in the stream, and the next pause is that much shorter.
 *
 * @since 0.1.0
 */
import type { ReceivedFrame } from "./ReceivedFrame.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface LivePauses {
  /** The frame at its place, or `undefined` for a pause that was already reported. */
  readonly hear: (frame: ReceivedFrame, nowMs: number) => ReceivedFrame | undefined
  /** The part of a pause that has passed and was not reported. */
  readonly pass: (nowMs: number) => ReceivedFrame | undefined
  /** When there will be more to report. */
  readonly nextMs: () => number
}

const perMs = 48
const stepSamples = 960
const noData = new Uint8Array()

/**
 * How long nothing may arrive without being a pause, in milliseconds: frames are given out in time, but not to the millisecond.
 */
const graceMs = 60

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (): LivePauses => {
  let last: ReceivedFrame | undefined
  /** When the next frame is there, unless there is a pause. */
  let nextFrameMs = Infinity
  /** What was reported since the last frame. */
  let told = 0
  /**
   * What was reported of all pauses that are not over, plus what was reported although it was not a pause. In samples, like
   * `told`.
   */
  let ahead = 0

  return {
    hear: (frame, nowMs) => {
      const isPause = frame.packets === 0
      const skipped = isPause ? Math.min(ahead, frame.samples) : 0
      ahead -= skipped
      told = 0
      last = frame
      // a pause, and a long loss, are reported when something follows them
      nextFrameMs = nowMs + (frame.packets === 1 ? frame.samples / perMs : 0)
      if (isPause && skipped === frame.samples) return undefined
      return {
        ...frame,
        timestamp: frame.timestamp + skipped + ahead,
        samples: frame.samples - skipped,
        atMs: frame.atMs + skipped / perMs
      }
    },
    pass: (nowMs) => {
      if (last === undefined) return undefined
      // at `nextMs` it is a step, despite floating-point errors: otherwise an alarm would ring in vain
      const steps = Math.floor(((nowMs - nextFrameMs - graceMs) * perMs - told) / stepSamples + 1e-4)
      const samples = steps * stepSamples
      if (samples <= 0) return undefined
      const { atMs, dropped: _, recovery: __, ...frame } = last
      const end = frame.timestamp + frame.samples
      const pause: ReceivedFrame = {
        ...frame,
        timestamp: end + ahead,
        samples,
        atMs: atMs + (frame.samples + told) / perMs,
        kind: "silence",
        data: noData,
        packets: 0
      }
      told += samples
      ahead += samples
      return pause
    },
    nextMs: () => nextFrameMs + graceMs + (told + stepSamples) / perMs
  }
}
