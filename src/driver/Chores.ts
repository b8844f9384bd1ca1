/**
 * What a connection does every few seconds besides audio: plain code on the clock of the beat, which has one timer for all
 * connections of a process. A fiber and a timer for each would cost more than the work itself.
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { AudioClock } from "../AudioClock.ts"
import type { Sender } from "../clock/Sender.ts"
import { during } from "./During.ts"

class Chore implements Sender {
  readonly #chore: () => number

  constructor(chore: () => number) {
    this.#chore = chore
  }

  onDue(nowMs: number): number {
    return nowMs + this.#chore()
  }
}

/**
 * Calls `chore` in `firstMs` milliseconds, and again after the number of milliseconds that it returns each time, until it
 * returns `Infinity` or the scope closes. It must not throw.
 *
 * @category constructors
 * @since 0.1.0
 */
export const run = (
  clock: AudioClock["Service"],
  firstMs: number,
  chore: () => number
): Effect.Effect<void, never, Scope.Scope> =>
  during(() => {
    const registration = clock.register(new Chore(chore))
    registration.schedule(clock.now() + firstMs)
    return () => registration.remove()
  })
