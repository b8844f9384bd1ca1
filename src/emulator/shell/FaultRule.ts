/**
 * A fault that lasts, as a program holds it.
 *
 * @since 0.1.0
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Fault } from "../core/CoreContext.ts"
import type { Driver } from "./Driver.ts"

/**
 * A fault under way. It ends with the scope in which it was begun, or before.
 *
 * @category models
 * @since 0.1.0
 */
export interface FaultRule {
  /** On how many messages or datagrams it has acted. */
  readonly hits: Effect.Effect<number>
  /** Waits until it has acted that often, once unless given. It has no deadline of its own; it can be interrupted. */
  readonly awaitHits: (count?: number) => Effect.Effect<void>
  /** Ends it now. What it holds back or delays still arrives. Stopping twice is harmless. */
  readonly stop: Effect.Effect<void>
}

interface Waiter {
  readonly count: number
  readonly done: Deferred.Deferred<void>
}

/**
 * Begins a fault, which has to call `onHit` whenever it acts.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*(
  driver: Driver,
  fault: (onHit: () => void) => Fault
): Effect.fn.Return<FaultRule, never, Scope.Scope> {
  const waiters = new Set<Waiter>()
  let hits = 0
  const onHit = () => {
    hits++
    for (const waiter of waiters) {
      if (hits < waiter.count) continue
      waiters.delete(waiter)
      Deferred.doneUnsafe(waiter.done, Effect.void)
    }
  }
  const remove = yield* Effect.acquireRelease(
    driver.call((core) => core.addFault(fault(onHit))),
    // The emulator may have ended before.
    (remove) => Effect.sync(() => driver.run(remove))
  )
  return {
    hits: Effect.sync(() => hits),
    awaitHits: Effect.fnUntraced(function*(count = 1) {
      if (hits >= count) return
      const waiter = { count, done: yield* Deferred.make<void>() }
      waiters.add(waiter)
      yield* Effect.ensuring(Deferred.await(waiter.done), Effect.sync(() => waiters.delete(waiter)))
    }),
    stop: driver.call(remove)
  }
})
