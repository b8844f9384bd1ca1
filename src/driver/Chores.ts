/**
 * What a connection does every few seconds besides audio: plain code on the clock of the beat, which has one timer for all
 * connections of a process. A fiber and a timer for each would cost more than what is done.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { AudioClock } from "../AudioClock.ts"

/**
 * Calls `chore` in `firstMs` milliseconds, and again after as many as it returns each time, until it returns `Infinity` or the
 * scope closes. It must not throw.
 *
 * @category constructors
 * @since 0.1.0
 */
export const run = (
  clock: AudioClock["Service"],
  firstMs: number,
  chore: () => number
): Effect.Effect<void, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const registration = clock.register({ onDue: (nowMs) => nowMs + chore() })
      registration.schedule(clock.now() + firstMs)
      return registration
    }),
    (registration) => Effect.sync(() => registration.remove())
  )
