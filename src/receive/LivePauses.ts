/**
 * Tells a pause of one user while it lasts, in steps of 20 ms, in place of when it is over. Plain code.
 *
 * What comes is never left out: where something was held up on its way for longer than nobody can have been speaking, what follows is
 * as much later in the stream, and the next pause as much shorter.
 *
 * @since 0.1.0
 */
import type { ReceivedFrame } from "./ReceivedFrame.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface LivePauses {
  /** The frame at its place, or nothing: it is a pause that was told. */
  readonly hear: (frame: ReceivedFrame, nowMs: number) => ReceivedFrame | undefined
  /** What has passed of a pause and was not told. */
  readonly pass: (nowMs: number) => ReceivedFrame | undefined
  /** When there will be more to tell. */
  readonly nextMs: () => number
}

const perMs = 48
const stepSamples = 960
const noData = new Uint8Array()

/** Nothing may come for so long, in milliseconds, and it is no pause: frames are given out in time, but not to the millisecond. */
const graceMs = 60

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (): LivePauses => {
  let last: ReceivedFrame | undefined
  /** When the next frame is there, if nobody pauses. */
  let nextFrameMs = Infinity
  /** Told since the last frame. */
  let told = 0
  /** Told of all pauses that are not over, and too much of those that were none. In samples, as `told` is. */
  let ahead = 0

  return {
    hear: (frame, nowMs) => {
      const isPause = frame.packets === 0
      const skipped = isPause ? Math.min(ahead, frame.samples) : 0
      ahead -= skipped
      told = 0
      last = frame
      // a pause, and a long loss, are told when something is there behind them
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
      // at `nextMs` it is a step, whatever floating-point numbers lose: an alarm would ring in vain
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
