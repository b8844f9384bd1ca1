/**
 * Counts events for those who wait until there are a number of them. Waiting ends when no more can come.
 *
 * @since 0.1.0
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import { dieClosed, type Driver } from "./Driver.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Tally {
  readonly add: () => void
  readonly count: () => number
  /** Waits until there are so many. It has no time limit. Dies if the tally ends before, or the emulator closes. */
  readonly reach: (count: number) => Effect.Effect<void>
  /** Ends the tally, with a reason for those who still wait for a number. Only the first call has an effect. */
  readonly end: (why: (wanted: number) => string) => void
}

interface Waiter {
  readonly wanted: number
  readonly done: Deferred.Deferred<void>
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (driver: Pick<Driver, "closed">): Tally => {
  const waiters = new Set<Waiter>()
  let count = 0
  let over: ((wanted: number) => Effect.Effect<never>) | undefined

  return {
    add: () => {
      count++
      for (const { done, wanted } of waiters) if (count >= wanted) Deferred.doneUnsafe(done, Effect.void)
    },
    count: () => count,
    reach: Effect.fnUntraced(function*(wanted: number) {
      if (count >= wanted) return
      if (over !== undefined) return yield* over(wanted)
      const waiter = { wanted, done: yield* Deferred.make<void>() }
      waiters.add(waiter)
      yield* Deferred.await(waiter.done).pipe(
        Effect.raceFirst(Effect.andThen(driver.closed, dieClosed)),
        Effect.ensuring(Effect.sync(() => waiters.delete(waiter)))
      )
    }),
    end: (why) => {
      over ??= (wanted) => Effect.die(new Error(why(wanted)))
      for (const { done, wanted } of waiters) Deferred.doneUnsafe(done, over(wanted))
    }
  }
}
