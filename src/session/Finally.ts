/**
 * Finalizers that keep little. `Effect.addFinalizer` and `Effect.acquireRelease` hold on to the context that they were run in, and
 * to all that they were made of, as long as the scope is open: a session has a dozen of them, for hours. What is done here needs no
 * context.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"

/**
 * Runs `leave` when the scope closes.
 *
 * @category combinators
 * @since 0.1.0
 */
export const run = (leave: () => Effect.Effect<unknown>): Effect.Effect<void, never, Scope.Scope> =>
  Effect.flatMap(Effect.scope, (scope) => Scope.addFinalizerExit(scope, leave))

/**
 * Does something at once, and what it returns when the scope closes. Plain code.
 *
 * @category combinators
 * @since 0.1.0
 */
export const undo = (enter: () => () => void): Effect.Effect<void, never, Scope.Scope> =>
  Effect.uninterruptible(Effect.suspend(() => {
    const leave = enter()
    return run(() => Effect.sync(leave))
  }))
