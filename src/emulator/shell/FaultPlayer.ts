/**
 * Plays a fault schedule as time passes.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import type { UserId } from "../../protocol/Identifier.ts"
import * as FaultPlay from "../core/FaultPlay.ts"
import type { Schedule, Step } from "../core/faults/FaultSchedule.ts"
import type { Driver } from "./Driver.ts"

/**
 * A step that was carried out. `found` tells whether there was something to act on.
 *
 * @category models
 * @since 0.1.0
 */
export interface PlayedStep extends Step {
  readonly found: boolean
}

/**
 * A running schedule. It ends with the scope in which it was started, which also repairs what it has broken.
 *
 * @category models
 * @since 0.1.0
 */
export interface Playing {
  /** The schedule, which can be printed and saved. */
  readonly schedule: Schedule
  /** The steps so far, in order. */
  readonly played: Effect.Effect<ReadonlyArray<PlayedStep>>
  /** Waits until all steps were carried out and the lasting faults are over. */
  readonly awaitEnd: Effect.Effect<void>
}

/**
 * Plays a schedule from now on. Every step has the id of its user.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*(
  driver: Driver,
  steps: ReadonlyArray<{ readonly step: Step; readonly userId: UserId }>
): Effect.fn.Return<Playing, never, Scope.Scope> {
  const startMs = driver.nowMs()
  const played: Array<PlayedStep> = []
  const broken = new Set<() => void>()
  const mend = (heal: () => void) => {
    if (broken.delete(heal)) driver.run(heal)
  }
  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      for (const heal of broken) mend(heal)
    })
  )

  const fiber = yield* Effect.gen(function*() {
    const lasting: Array<Fiber.Fiber<void>> = []
    // in sequence: after a stall several are due at once, and clocks do not define their order
    for (const { step, userId } of steps.toSorted((a, b) => a.step.atMs - b.step.atMs)) {
      yield* Effect.sleep(Math.max(0, startMs + step.atMs - driver.nowMs()))
      const { forMs, found, heal } = yield* driver.call((core) => FaultPlay.start(core, step.incident, userId))
      played.push({ ...step, found })
      broken.add(heal)
      if (forMs === undefined) continue
      const over = Effect.andThen(Effect.sleep(forMs), Effect.sync(() => mend(heal)))
      lasting.push(yield* Effect.forkChild(over, { startImmediately: true }))
    }
    yield* Fiber.joinAll(lasting)
  }).pipe(Effect.forkScoped({ startImmediately: true }))
  return {
    schedule: steps.map(({ step }) => step),
    played: Effect.sync(() => played.slice()),
    awaitEnd: Fiber.join(fiber)
  }
})
