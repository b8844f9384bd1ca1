/**
 * What begins and ends with a scope, in plain code.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"

/**
 * Calls `begin`, and when the scope closes the function that it returned. Like `Effect.acquireRelease`, but keeps nothing else
 * until then: a connection has many of these.
 *
 * @category constructors
 * @since 0.1.0
 */
export const during = (begin: () => () => unknown): Effect.Effect<void, never, Scope.Scope> =>
  Effect.uninterruptible(
    Effect.flatMap(Effect.scope, (scope) => Scope.addFinalizer(scope, Effect.sync(begin())))
  )
