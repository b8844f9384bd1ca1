/**
 * Refills the rings of all tracks of a process, so that a track's own fiber is woken only when it has to pull frames from its
 * source. Waking a fiber and a timer for each ring costs more than moving all the frames.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as AudioClock from "../AudioClock.ts"

/** Rings that are due within the same frame are refilled in one turn. */
const turnMs = AudioClock.frameMs

/** The clock of a running process, whose timers do not need a fiber. */
const systemClock = Context.get(Context.empty(), Clock.Clock)

const pumps = new WeakMap<Clock.Clock, AudioClock.AudioClock["Service"]>()

const pumpOf = (clock: Clock.Clock): AudioClock.AudioClock["Service"] => {
  const known = pumps.get(clock)
  if (known !== undefined) return known
  const alarm = clock === systemClock ? AudioClock.systemAlarm() : AudioClock.alarm(clock, Effect.runFork)
  const pump = AudioClock.make(alarm)
  pumps.set(clock, pump)
  return pump
}

/**
 * A ring that waits to be refilled.
 *
 * @category models
 * @since 0.1.0
 */
export interface Waiting {
  /** Requests that it be refilled within the next turn. */
  readonly hurry: () => void
}

/**
 * Calls `fill` after `firstMs` milliseconds or a little later, and again after the number of milliseconds that it returns each
 * time, until it returns 0. `fill` is plain code and must not throw. `onWait` is given a function that requests an earlier
 * call.
 *
 * @category constructors
 * @since 0.1.0
 */
export const refill = (
  clock: Clock.Clock,
  firstMs: number,
  fill: () => number,
  onWait?: (waiting: Waiting) => void
): Effect.Effect<void> =>
  Effect.callback((resume) => {
    const filling = new Filling(pumpOf(clock), fill, resume)
    filling.wait(firstMs)
    onWait?.(filling)
    return Effect.sync(() => filling.remove())
  })

class Filling implements AudioClock.Sender, Waiting {
  readonly #pump: AudioClock.AudioClock["Service"]
  readonly #registration: AudioClock.Registration
  readonly #fill: () => number
  readonly #resume: (done: Effect.Effect<void>) => void

  constructor(
    pump: AudioClock.AudioClock["Service"],
    fill: () => number,
    resume: (done: Effect.Effect<void>) => void
  ) {
    this.#pump = pump
    this.#fill = fill
    this.#resume = resume
    this.#registration = pump.register(this)
  }

  onDue(): number {
    const ms = this.#fill()
    if (ms > 0) return this.#turnAfter(ms)
    this.remove()
    this.#resume(Effect.void)
    return Infinity
  }

  wait(ms: number): void {
    this.#registration.schedule(this.#turnAfter(ms))
  }

  hurry(): void {
    this.wait(1)
  }

  remove(): void {
    this.#registration.remove()
  }

  #turnAfter(ms: number): number {
    return Math.ceil((this.#pump.now() + ms) / turnMs) * turnMs
  }
}
