/**
 * The handle of a lasting fault.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Fault } from "../core/CoreContext.ts"
import type { Driver } from "./Driver.ts"
import * as Tally from "./Tally.ts"

/**
 * A running fault. It ends with the scope in which it was started, or earlier.
 *
 * @category models
 * @since 0.1.0
 */
export interface FaultRule {
  /** The number of messages or datagrams on which it has acted. */
  readonly hits: Effect.Effect<number>
  /**
   * Waits until it has acted `count` times, by default once. It has no time limit, and can be interrupted. Dies if the fault
   * ends before, or the emulator closes.
   */
  readonly awaitHits: (count?: number) => Effect.Effect<void>
  /** Ends it now. What it holds back or delays still arrives. It can be run more than once. */
  readonly stop: Effect.Effect<void>
}

/**
 * Starts a fault, which has to call `onHit` whenever it acts.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*(
  driver: Driver,
  fault: (onHit: () => void) => Fault
): Effect.fn.Return<FaultRule, never, Scope.Scope> {
  const hits = Tally.make(driver)
  const end = () => hits.end((wanted) => `The fault has ended after acting ${hits.count()} times, not ${wanted}.`)
  const remove = yield* Effect.acquireRelease(
    driver.call((core) => core.addFault(fault(hits.add))),
    // The emulator may have ended before.
    (remove) => Effect.sync(() => (driver.run(remove), end()))
  )
  return {
    hits: Effect.sync(hits.count),
    awaitHits: (count = 1) => hits.reach(count),
    stop: Effect.andThen(driver.call(remove), Effect.sync(end))
  }
})
