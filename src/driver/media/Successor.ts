/**
 * A ring that waits for its turn behind the one that is sent, and when that is. Plain code for the beat.
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
  /** Frames read of the ring before it, or `Infinity`. */
  readonly #after: number

  constructor(track: TrackNumber, frames: FrameSource, paused: boolean, after: number | "drained") {
    this.track = track
    this.frames = frames
    this.paused = paused
    this.#after = after === "drained" ? Infinity : after
  }

  /** Whether it is its turn behind a ring that has more, or will have. Nothing is waited for behind one that is paused. */
  isDue(former: FrameSource, isPaused: boolean): boolean {
    // what stands in front of it makes it ready ahead of its time
    const isReady = this.frames.next() >= 0
    return former.framesRead() >= this.#after && (isReady || isPaused || former.next() < 0)
  }

  /**
   * Samples to leave out of it, because the ring before it was read for longer than until its turn, and did not have enough to leave
   * out what `owed` says.
   */
  owed(former: FrameSource, owed: number): number {
    const late = former.framesRead() - this.#after
    return late < 0 ? 0 : late * former.samples() + Math.max(0, owed)
  }
}
