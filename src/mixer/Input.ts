/**
 * One input of a mix: what its feed gives, at its gain, without a click where it begins, pauses, stalls and ends.
 *
 * @since 0.1.0
 */
import type * as Feed from "./Feed.ts"
import * as Heard from "./Heard.ts"
import type { Ducking, NewInput } from "./messages.ts"
import { type Curve, Ramp } from "./Ramp.ts"

/**
 * Samples a channel that are mixed at a time: a frame of 20 ms.
 *
 * @category constants
 * @since 0.1.0
 */
export const unit = 960

/** Where something is cut it fades within 5 ms. */
const edge = 240

const scratch = new Float32Array(unit * 2)
const gains = new Float32Array(unit)

/** Adds what was taken last at a gain. */
const add = (into: Float32Array, from: number, count: number, gain: number): void => {
  for (let i = 0, at = from; i < count; i++, at++) into[at] = (into[at] ?? 0) + (scratch[i] ?? 0) * gain
}

const peakOf = (count: number): number => {
  let peak = 0
  for (let i = 0; i < count; i++) peak = Math.max(peak, Math.abs(scratch[i] ?? 0))
  return peak
}

/**
 * @category models
 * @since 0.1.0
 */
export class Input {
  readonly id: number
  readonly slot: number
  readonly feed: Feed.Feed
  readonly duck: Ducking | undefined
  /** Waits for the end of this input. */
  after: number | undefined
  paused: boolean
  isOver = false
  isStarving = false
  /** What it did in the unit that was made last. */
  flags = 0
  /** The place of its end within that unit, in samples, if that was its last one. */
  endedAt = 0
  #gain: Ramp
  /** What becomes of it after this unit, which fades out then. */
  #leaving: "none" | "pause" | "remove" = "none"
  /** Whether the next unit fades in. */
  #comesIn = false
  #endsWithGain = false
  #lastLeft = 0
  #lastRight = 0

  constructor(input: NewInput, feed: Feed.Feed) {
    this.id = input.input
    this.slot = input.slot
    this.feed = feed
    this.duck = input.duck
    this.after = input.after
    this.paused = input.paused
    this.#gain = new Ramp(input.fadeInMs > 0 ? 0 : input.gain)
    if (input.fadeInMs > 0) this.#gain.to(input.gain, input.fadeInMs * 48, input.curve)
  }

  /** Whether it takes part in the next unit. */
  get isActive(): boolean {
    return !this.paused && !this.isOver && this.after === undefined
  }

  /** Whether it sounds as its source does. */
  get isPlain(): boolean {
    return this.isActive && this.#leaving === "none" && !this.isStarving && !this.#comesIn && this.#gain.isSettled &&
      this.#gain.target === 1
  }

  setGain(gain: number, rampMs: number, curve: Curve, end: boolean): void {
    this.#gain.to(gain, rampMs * 48, curve)
    this.#endsWithGain = end
  }

  setPaused(paused: boolean): void {
    if (!paused) {
      this.#comesIn ||= this.paused
      this.paused = false
      if (this.#leaving === "pause") this.#leaving = "none"
    } else if (this.isActive && !this.isStarving) this.#leaving = "pause"
    else this.paused = true
  }

  remove(): void {
    if (this.isActive && !this.isStarving) this.#leaving = "remove"
    else this.isOver = true
  }

  /** Whether its source gives too little for the next unit, and will give more. */
  isShort(): boolean {
    return this.feed.prepare(unit) < unit && !this.feed.isEnding()
  }

  /**
   * Adds a unit to `into` from sample `from` on, at a gain that goes from `duckFrom` to `duckTo`. Gives its peak, if it makes
   * others step back.
   */
  render(into: Float32Array, from: number, duckFrom: number, duckTo: number): number {
    const wanted = unit - from
    const count = this.feed.prepare(wanted)
    if (count < wanted && !this.feed.isEnding()) return this.#starve(into, from, duckTo)
    this.flags = Heard.Flag.Playing
    const comesIn = this.#comesIn || this.isStarving
    this.#comesIn = false
    this.isStarving = false
    this.feed.take(scratch, 0, count)
    const peak = this.#add(into, from, count, duckFrom, duckTo, comesIn)
    if (this.feed.concealed() > 0) this.flags |= Heard.Flag.Concealed
    if (
      count < wanted || this.feed.isDrained() || (this.#endsWithGain && this.#gain.isSettled) ||
      this.#leaving === "remove"
    ) {
      this.isOver = true
      this.endedAt = from + count
      this.flags |= Heard.Flag.Over
    } else if (this.#leaving === "pause") {
      this.paused = true
      this.flags |= Heard.Flag.Paused
    }
    this.#leaving = "none"
    return peak
  }

  #add(
    into: Float32Array,
    from: number,
    count: number,
    duckFrom: number,
    duckTo: number,
    comesIn: boolean
  ): number {
    const isSteady = this.#gain.isSettled && !comesIn && this.#leaving === "none" && duckFrom === duckTo
    if (isSteady) add(into, from * 2, count * 2, this.#gain.target * duckTo)
    else {
      gains.fill(1)
      this.#gain.apply(gains, 0, count)
      if (duckFrom !== duckTo || duckTo !== 1) {
        const step = (duckTo - duckFrom) / unit
        for (let i = 0; i < count; i++) gains[i] = (gains[i] ?? 0) * (duckFrom + step * (from + i))
      }
      if (comesIn) { for (let i = 0; i < edge && i < count; i++) gains[i] = (gains[i] ?? 0) * (i / edge) }
      if (this.#leaving !== "none") {
        const last = Math.min(edge, count)
        for (let i = 0; i < last; i++) gains[count - 1 - i] = (gains[count - 1 - i] ?? 0) * (i / last)
      }
      for (let i = 0, at = from * 2; i < count; i++, at += 2) {
        const gain = gains[i] ?? 0
        into[at] = (into[at] ?? 0) + (scratch[i * 2] ?? 0) * gain
        into[at + 1] = (into[at + 1] ?? 0) + (scratch[i * 2 + 1] ?? 0) * gain
      }
    }
    if (count > 0) {
      // what is heard of it last, for the case that nothing follows
      const gain = this.#leaving === "none" ? this.#gain.target * duckTo : 0
      this.#lastLeft = (scratch[count * 2 - 2] ?? 0) * gain
      this.#lastRight = (scratch[count * 2 - 1] ?? 0) * gain
    }
    return this.duck === undefined ? 0 : peakOf(count * 2) * this.#gain.target
  }

  /** Nothing has come: what was heard last dies away once, and then there is silence. */
  #starve(into: Float32Array, from: number, duck: number): number {
    this.flags = Heard.Flag.Starving
    if (this.#leaving === "pause") this.paused = true
    if (this.#leaving === "remove") this.isOver = true
    this.#leaving = "none"
    if (this.isStarving) return 0
    this.isStarving = true
    const made = this.feed.conceal(unit)
    const count = unit - from
    if (made !== undefined) {
      this.flags |= Heard.Flag.Concealed
      this.feed.concealed()
      const level = this.#gain.target * duck
      for (let i = 0, at = from * 2; i < count; i++, at += 2) {
        const gain = level * (1 - i / count)
        into[at] = (into[at] ?? 0) + (made[i * 2] ?? 0) * gain
        into[at + 1] = (into[at + 1] ?? 0) + (made[i * 2 + 1] ?? 0) * gain
      }
      return 0
    }
    for (let i = 0, at = from * 2; i < edge && i < count; i++, at += 2) {
      const gain = 1 - i / edge
      into[at] = (into[at] ?? 0) + this.#lastLeft * gain
      into[at + 1] = (into[at + 1] ?? 0) + this.#lastRight * gain
    }
    return 0
  }
}
