/**
 * What refills the rings of all tracks of a process, so that a track's own fiber is woken only when it has to pull frames
 * from its source: to wake a fiber and a timer for each ring costs more than to move all the frames.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as AudioClock from "../AudioClock.ts"

/** Rings that are due within the same frame are refilled in one turn. */
const turnMs = AudioClock.frameMs

/** The clock of a running process, which has timers that cost no fiber. */
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
 * Calls `fill` after `firstMs` milliseconds or a little later, and again after as many as it returns each time, until it
 * returns 0. It is plain code and must not throw. `onWait` is given what calls it within the next turn instead.
 *
 * @category constructors
 * @since 0.1.0
 */
export const refill = (
  clock: Clock.Clock,
  firstMs: number,
  fill: () => number,
  onWait?: (hurry: () => void) => void
): Effect.Effect<void> =>
  Effect.callback((resume) => {
    const pump = pumpOf(clock)
    const turnAfter = (ms: number) => Math.ceil((pump.now() + ms) / turnMs) * turnMs
    const registration = pump.register({
      onDue: () => {
        const ms = fill()
        if (ms > 0) return turnAfter(ms)
        registration.remove()
        resume(Effect.void)
        return Infinity
      }
    })
    registration.schedule(turnAfter(firstMs))
    onWait?.(() => registration.schedule(turnAfter(1)))
    return Effect.sync(() => registration.remove())
  })
