/**
 * One input of a mix: the output of its feed, at its gain, without clicks where it begins, pauses, stalls and ends.
 *
 * @since 0.1.0
 */
import type { Complete } from "../SoundEffect.ts"
import { isShaping } from "./effects/Chain.ts"
import { Effects } from "./effects/Effects.ts"
import { Timescale } from "./effects/Timescale.ts"
import type * as Feed from "./Feed.ts"
import * as Heard from "./Heard.ts"
import type { Ducking, NewInput } from "./messages.ts"
import { Ramp } from "./Ramp.ts"

/**
 * The samples per channel that are mixed at a time: a frame of 20 ms.
 *
 * @category constants
 * @since 0.1.0
 */
export const unit = 960

/** What is cut off fades within 5 ms. */
const edge = 240

/** The longest time that effects sound after the end, in samples: 5 s, the last second of which fades. */
const longestTail = 240_000
const lastSecond = 48_000

const gains = new Float32Array(unit)

const peakOf = (samples: Float32Array, from: number, to: number): number => {
  let peak = 0
  for (let i = from; i < to; i++) peak = Math.max(peak, Math.abs(samples[i] ?? 0))
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
  /** The input whose end it waits for. */
  after: number | undefined
  /** The input whose end it waited for, after which it has begun. */
  behind: number | undefined
  paused: boolean
  isOver = false
  isStarving = false
  /** What it did in the unit that was made last. */
  flags = 0
  /** The position of its end within that unit, in samples, if that was its last one. */
  endedAt = 0
  /** The factor for the samples that it returned last. */
  level = 1
  readonly #gain: Ramp
  /** From silence at its beginning, and to silence at its end. */
  readonly #fade: Ramp
  readonly #source: Timescale
  #effects: Effects
  /** Whether something of it was heard, here or before. */
  #isHeard: boolean
  /** How long its effects sound after its end, and how much of that fades, in samples. */
  #tail = 0
  #fading = 0
  /** The first of it that is heard is in the middle of something. */
  readonly #isCutIn: boolean
  /** What happens to it after this unit, which fades out. */
  #leaving: "none" | "pause" | "remove" = "none"
  /** Whether the next unit fades in. */
  #comesIn = false
  #isFadingOut = false
  #lastLeft = 0
  #lastRight = 0

  constructor(input: NewInput, feed: Feed.Feed) {
    this.id = input.input
    this.slot = input.slot
    this.feed = feed
    this.duck = input.duck
    this.after = input.after
    this.paused = input.paused
    this.#isHeard = input.from !== undefined
    this.#isCutIn = input.fadeInMs > 0
    this.#source = new Timescale(feed, this.#isHeard)
    this.#effects = new Effects([])
    this.#begin(input.effects ?? [])
    this.#gain = new Ramp(input.gain)
    this.#fade = new Ramp(input.fadeInMs > 0 ? 0 : 1)
    this.#fade.to(1, input.fadeInMs * 48, input.curve)
  }

  /** Whether it takes part in the next unit. */
  get isActive(): boolean {
    return !this.paused && !this.isOver && this.after === undefined
  }

  /** Whether it sounds as its source does. */
  get isPlain(): boolean {
    return this.isActive && this.#leaving === "none" && !this.isStarving && !this.#comesIn && this.#isSettled &&
      this.#target === 1 && this.#effects.isPlain && this.#source.isPlain
  }

  /** Whether its effects still sound after its end. */
  get isRinging(): boolean {
    return this.#tail > 0
  }

  /** The input that it waited for is over. */
  begin(): void {
    this.behind = this.after
    this.after = undefined
  }

  setEffects(effects: ReadonlyArray<Complete>): void {
    if (!this.#isHeard) return this.#begin(effects)
    this.#scale(effects)
    this.#effects.set(effects.filter(isShaping))
    if (!this.isRinging) return
    const tail = this.#effects.tail + unit
    if (tail < this.#tail) this.#fadeBehind(tail)
  }

  /** The media time that was played, in milliseconds. */
  positionMs(): number {
    return this.#source.positionMs()
  }

  /** Prepares the next unit, as far as its source has it. */
  prepare(): void {
    this.#source.prepare(unit)
  }

  setGain(gain: number, rampMs: number): void {
    this.#gain.to(gain, rampMs * 48, "linear")
  }

  fadeOut(rampMs: number): void {
    this.#fade.to(0, rampMs * 48, "power")
    this.#isFadingOut = true
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
    // its effects become silent within the next unit
    else if (this.isRinging) this.#fadeBehind(Math.min(this.#tail, unit))
    else this.isOver = true
  }

  /** Whether its source gives too little for the next unit, and will give more. */
  isShort(): boolean {
    return this.#source.prepare(unit) < unit && !this.#source.isEnding()
  }

  /**
   * Writes a unit to `part`, from sample `from` on with silence before it, for a ducking gain of the others that goes from
   * `duckFrom` to `duckTo`. The samples are to be multiplied by `level`. Returns the peak, if this input ducks others.
   */
  render(part: Float32Array, from: number, duckFrom: number, duckTo: number): number {
    const wanted = unit - from
    const count = this.#source.prepare(wanted)
    this.level = 1
    if (count < wanted && !this.#source.isEnding()) return this.#starve(part, from, duckTo)
    this.flags = Heard.Flag.Playing
    const comesIn = this.#comesIn || this.isStarving
    this.#comesIn = false
    this.isStarving = false
    part.fill(0, 0, from * 2)
    part.fill(0, (from + count) * 2)
    this.#source.take(part, from * 2, count)
    this.#isHeard = true
    this.#effects.process(part, from, from + count)
    const isLast = count < wanted || this.#source.isDrained()
    if (isLast && this.#leaving === "none" && !this.#isFadingOut) this.#endRinging(part, from + count)
    const peak = this.duck === undefined ? 0 : peakOf(part, from * 2, (from + count) * 2)
    this.#shape(part, from, this.isRinging ? wanted : count, duckFrom, duckTo, comesIn)
    if (this.feed.concealed() > 0) this.flags |= Heard.Flag.Concealed
    if (isLast || (this.#isFadingOut && this.#fade.isSettled) || this.#leaving === "remove") {
      this.isOver = true
      this.endedAt = from + count
      this.flags |= Heard.Flag.Over
    } else if (this.#leaving === "pause") {
      this.paused = true
      this.flags |= Heard.Flag.Paused
    }
    this.#leaving = "none"
    return peak * this.#target
  }

  /** Writes a unit of what its effects sound after its end, as {@link render} does. */
  ring(part: Float32Array, duckFrom: number, duckTo: number): void {
    part.fill(0)
    this.#effects.process(part, 0, unit)
    this.level = 1
    this.#shape(part, 0, unit, duckFrom, duckTo, false)
    for (let i = Math.max(0, this.#tail - this.#fading); i < unit; i++) {
      const gain = Math.max(0, this.#tail - 1 - i) / this.#fading
      part[i * 2] = (part[i * 2] ?? 0) * gain
      part[i * 2 + 1] = (part[i * 2 + 1] ?? 0) * gain
    }
    this.#tail -= unit
  }

  get #isSettled(): boolean {
    return this.#gain.isSettled && this.#fade.isSettled
  }

  get #target(): number {
    return this.#gain.target * this.#fade.target
  }

  /** Begins with these effects from its first sample on. */
  #begin(effects: ReadonlyArray<Complete>): void {
    this.#scale(effects)
    this.#effects = new Effects(effects.filter(isShaping), this.#isCutIn)
  }

  #scale(effects: ReadonlyArray<Complete>): void {
    const scale = effects.find((effect) => effect._tag === "Timescale")
    this.#source.set(scale?.speed ?? 1, scale?.pitch ?? 1)
  }

  /** Makes its effects silent after this many samples, fading within the last unit of them. */
  #fadeBehind(tail: number): void {
    this.#tail = tail
    this.#fading = Math.min(tail, unit)
  }

  /** The source has ended with the sample before `at`. */
  #endRinging(part: Float32Array, at: number): void {
    const { tail } = this.#effects
    if (tail === 0) return
    this.#effects.process(part, at, unit)
    // the rest of it then fades
    this.#tail = Math.min(tail + unit, longestTail)
    this.#fading = tail > longestTail - unit ? lastSecond : unit
  }

  /** A constant gain is left to the level. */
  #shape(
    part: Float32Array,
    from: number,
    count: number,
    duckFrom: number,
    duckTo: number,
    comesIn: boolean
  ): void {
    if (this.#isSettled && !comesIn && this.#leaving === "none" && duckFrom === duckTo) {
      this.level = this.#target * duckTo
    } else this.#multiply(part, from, count, duckFrom, duckTo, comesIn)
    // the last of it that is heard, in case nothing follows
    const last = (from + count) * 2
    this.#lastLeft = (part[last - 2] ?? 0) * this.level
    this.#lastRight = (part[last - 1] ?? 0) * this.level
  }

  #multiply(
    part: Float32Array,
    from: number,
    count: number,
    duckFrom: number,
    duckTo: number,
    comesIn: boolean
  ): void {
    gains.fill(1)
    this.#gain.apply(gains, 0, count)
    this.#fade.apply(gains, 0, count)
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
      part[at] = (part[at] ?? 0) * gain
      part[at + 1] = (part[at + 1] ?? 0) * gain
    }
  }

  /** Nothing has arrived: what was heard last fades once, and then there is silence. */
  #starve(part: Float32Array, from: number, duck: number): number {
    this.flags = Heard.Flag.Starving
    if (this.#leaving === "pause") this.paused = true
    if (this.#leaving === "remove") this.isOver = true
    this.#leaving = "none"
    part.fill(0)
    if (this.isStarving) return 0
    this.isStarving = true
    if (this.#isHeard) this.feed.starve()
    const made = this.#source.conceal(unit)
    const count = unit - from
    if (made !== undefined) {
      this.flags |= Heard.Flag.Concealed
      this.feed.concealed()
      for (let i = 0; i < count * 2; i++) part[from * 2 + i] = made[i] ?? 0
      this.#effects.process(part, from, unit)
      const level = this.#gain.value * this.#fade.value * duck
      for (let i = 0, at = from * 2; i < count; i++, at += 2) {
        const gain = level * (1 - i / count)
        part[at] = (part[at] ?? 0) * gain
        part[at + 1] = (part[at + 1] ?? 0) * gain
      }
      return 0
    }
    for (let i = 0, at = from * 2; i < edge && i < count; i++, at += 2) {
      const gain = 1 - i / edge
      part[at] = this.#lastLeft * gain
      part[at + 1] = this.#lastRight * gain
    }
    return 0
  }
}
