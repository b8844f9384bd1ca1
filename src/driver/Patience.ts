/**
 * Patience with an answer that has to come: when it runs out, what was asked is asked again, and the next answer is waited
 * for twice as long.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

/**
 * @category models
 * @since 0.1.0
 */
export interface Patience<A extends object> {
  /** What is unanswered at the moment, or nothing. The same object again goes on with the time that has passed. */
  readonly await: (question: A | undefined) => void
}

const firstMs = 10_000
const mostMs = 300_000

/**
 * `again` is called with what was unanswered all the time; it may be answered by the time it runs.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*<A extends object>(
  again: (question: A) => Effect.Effect<void>
): Effect.fn.Return<Patience<A>, never, Scope.Scope> {
  const scope = yield* Effect.scope
  const fork = Effect.runForkWith(yield* Effect.context<never>())
  let unanswered: A | undefined
  let patienceMs = firstMs
  let isWaiting = false

  // a fiber only while there is something to wait for
  const wait = () =>
    Effect.gen(function*() {
      while (true) {
        const question = unanswered
        if (question === undefined) break
        yield* Effect.sleep(patienceMs)
        if (question !== unanswered) continue
        patienceMs = Math.min(mostMs, 2 * patienceMs)
        yield* again(question)
      }
      isWaiting = false
    })

  return {
    await: (question) => {
      unanswered = question
      if (question === undefined) patienceMs = firstMs
      else if (!isWaiting) {
        isWaiting = true
        fork(Effect.forkIn(wait(), scope, { startImmediately: true }))
      }
    }
  }
})
