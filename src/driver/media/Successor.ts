/**
 * A ring that waits for its turn after the current one, and the time of that turn. Plain code for the beat.
 *
 * @since 0.1.0
 */
import type { FrameSource } from "../../ring/FrameRing.ts"
import type { TrackNumber } from "../Line.ts"

/**
 * @category models
 * @since 0.1.0
 */
export class Successor {
  readonly track: TrackNumber
  readonly frames: FrameSource
  paused: boolean
  /** The number of frames read from the ring before it, or `Infinity`. */
  readonly #after: number

  constructor(track: TrackNumber, frames: FrameSource, paused: boolean, after: number | "drained") {
    this.track = track
    this.frames = frames
    this.paused = paused
    this.#after = after === "drained" ? Infinity : after
  }

  /** Whether it is its turn although the former ring has more frames, or will have. After a paused ring nothing is waited for. */
  isDue(former: FrameSource, isPaused: boolean): boolean {
    // what wraps it makes it ready ahead of time
    const isReady = this.frames.next() >= 0
    return former.framesRead() >= this.#after && (isReady || isPaused || former.next() < 0)
  }

  /**
   * The number of samples to skip at its start, because the former ring was read for longer than until its turn, and did not
   * have enough frames to skip for `owed`.
   */
  owed(former: FrameSource, owed: number): number {
    const late = former.framesRead() - this.#after
    return late < 0 ? 0 : late * former.samples() + Math.max(0, owed)
  }
}
