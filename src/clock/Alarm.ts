/**
 * The source of time and wake-ups for the clock of the beat: the process itself, or Effect's `Clock`.
 *
 * @since 0.1.0
 */
import type * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"

/**
 * The source of time and wake-ups of an `AudioClock`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Alarm {
  readonly now: () => number
  /** Calls `ring` once at `atMs` or later, replacing an earlier request. */
  readonly set: (atMs: number, ring: () => void) => void
  readonly clear: () => void
}

/**
 * An alarm based on Effect's `Clock`. It costs a fiber per wake-up.
 *
 * @category constructors
 * @since 0.1.0
 */
export const alarm = (clock: Clock.Clock, fork: (effect: Effect.Effect<void>) => Fiber.Fiber<void>): Alarm => {
  let fiber: Fiber.Fiber<void> | undefined
  let requests = 0
  const now = () => Number(clock.monotonicTimeNanosUnsafe()) / 1_000_000
  const clear = () => {
    requests++
    fiber?.interruptUnsafe()
    fiber = undefined
  }
  return {
    now,
    clear,
    set: (atMs, ring) => {
      clear()
      const request = requests
      const sleeping = fork(Effect.andThen(
        clock.sleep(Duration.millis(Math.max(0, atMs - now()))),
        Effect.sync(() => {
          fiber = undefined
          ring()
        })
      ))
      // if its time has come it may have rung already, and its callback may have made another request
      if (request === requests) fiber = sleeping
    }
  }
}

/**
 * The alarm of a running process: one `setTimeout` and `performance.now()`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const systemAlarm = (): Alarm => {
  let timer: NodeJS.Timeout | undefined
  const now = () => performance.now()
  return {
    now,
    clear: () => clearTimeout(timer),
    set: (atMs, ring) => {
      clearTimeout(timer)
      const step = () => {
        // setTimeout may fire a fraction of a millisecond early
        const early = atMs - now()
        if (early > 0) timer = setTimeout(step, early)
        else ring()
      }
      timer = setTimeout(step, Math.max(0, atMs - now()))
    }
  }
}
