/**
 * How long this process has stood still, because the machine or the process itself was busy. A client in the same process stood
 * still as well, and could do nothing about it.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

const pulseMs = 20

/** How late timers are on a busy machine without a standstill. */
const toleratedMs = 10

/**
 * Watches until the scope closes. Returns a function that gives the total so far, in milliseconds.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make: Effect.Effect<() => number, never, Scope.Scope> = Effect.gen(function*() {
  let total = 0
  let last = performance.now()
  const since = (now: number) => {
    const lateMs = now - last - pulseMs
    return lateMs > toleratedMs ? lateMs : 0
  }
  yield* Effect.acquireRelease(
    Effect.sync(() =>
      setInterval(() => {
        const now = performance.now()
        total += since(now)
        last = now
      }, pulseMs).unref()
    ),
    (timer) => Effect.sync(() => clearInterval(timer))
  )
  return () => total + since(performance.now())
})
