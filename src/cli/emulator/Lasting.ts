/**
 * Lasting faults: each begins with an order and gets a number, by which another order ends it.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import type * as Emulator from "../../emulator/Emulator.ts"

/**
 * A fault that lasts until its scope closes, with a summary for its end.
 *
 * @category models
 * @since 0.1.0
 */
export type Begin<A> = Effect.Effect<A, Emulator.EmulatorError, Scope.Scope>

/**
 * @category models
 * @since 0.1.0
 */
export interface Lasting {
  /** Begins a fault and returns its number. If `forMs` is given, it ends automatically after that many milliseconds. */
  readonly begin: <A>(
    fault: Begin<A>,
    summary: (fault: A) => Effect.Effect<Summary>,
    forMs: number | undefined
  ) => Effect.Effect<{ readonly number: number; readonly fault: A }, Emulator.EmulatorError>
  /** What a fault has done so far. `undefined` for an unknown number. */
  readonly look: (number: number) => Effect.Effect<Summary | undefined>
  /** Ends a fault, if it has not ended yet, and returns what it has done. `undefined` for an unknown number. */
  readonly end: (number: number) => Effect.Effect<Summary | undefined>
}

/**
 * What a fault has done.
 *
 * @category models
 * @since 0.1.0
 */
export type Summary = { readonly [field: string]: unknown }

/**
 * Makes the list of faults. The end of the scope ends all of them.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make: Effect.Effect<Lasting, never, Scope.Scope> = Effect.gen(function*() {
  const scope = yield* Effect.scope
  const faults = new Map<number, { readonly scope: Scope.Closeable; readonly summary: Effect.Effect<Summary> }>()
  let numbers = 0
  return {
    begin: Effect.fnUntraced(function*(fault, summary, forMs) {
      const own = yield* Scope.fork(scope)
      const begun = yield* fault.pipe(
        Scope.provide(own),
        Effect.onExit((exit) => Exit.isFailure(exit) ? Scope.close(own, exit) : Effect.void)
      )
      const number = ++numbers
      faults.set(number, { scope: own, summary: summary(begun) })
      if (forMs !== undefined) {
        yield* Effect.sleep(forMs).pipe(Effect.andThen(Scope.close(own, Exit.void)), Effect.forkIn(scope))
      }
      return { number, fault: begun }
    }),
    look: (number) => faults.get(number)?.summary ?? Effect.undefined,
    end: (number) =>
      Effect.suspend(() => {
        const found = faults.get(number)
        return found === undefined
          ? Effect.undefined
          : Effect.andThen(Scope.close(found.scope, Exit.void), found.summary)
      })
  }
})
