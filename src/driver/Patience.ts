/**
 * Waits for an answer that has to come. When time runs out, the question is asked again, with twice the time for the next
 * answer.
 *
 * @since 0.1.0
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

/**
 * @category models
 * @since 0.1.0
 */
export interface Patience<A extends object> {
  /** Sets the unanswered question, if any. The same object again continues with the time that has passed. */
  readonly await: (question: A | undefined) => void
}

const firstMs = 10_000
const mostMs = 300_000

class Waiting<A extends object> implements Patience<A> {
  readonly #again: (question: A) => Effect.Effect<void>
  readonly #scope: Scope.Scope
  readonly #context: Context.Context<never>
  #unanswered: A | undefined
  #patienceMs = firstMs
  #isWaiting = false

  constructor(again: (question: A) => Effect.Effect<void>, scope: Scope.Scope, context: Context.Context<never>) {
    this.#again = again
    this.#scope = scope
    this.#context = context
  }

  await(question: A | undefined): void {
    this.#unanswered = question
    if (question === undefined) this.#patienceMs = firstMs
    else if (!this.#isWaiting) {
      this.#isWaiting = true
      // a fiber only while there is something to wait for
      Effect.runForkWith(this.#context)(Effect.forkIn(this.#wait(), this.#scope, { startImmediately: true }))
    }
  }

  #wait(): Effect.Effect<void> {
    return Effect.gen({ self: this }, function*() {
      while (true) {
        const question = this.#unanswered
        if (question === undefined) break
        yield* Effect.sleep(this.#patienceMs)
        if (question !== this.#unanswered) continue
        this.#patienceMs = Math.min(mostMs, 2 * this.#patienceMs)
        yield* this.#again(question)
      }
      this.#isWaiting = false
    })
  }
}

/**
 * `again` is called with the question that was unanswered the whole time. It may be answered by the time it runs.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*<A extends object>(
  again: (question: A) => Effect.Effect<void>
): Effect.fn.Return<Patience<A>, never, Scope.Scope> {
  return new Waiting(again, yield* Effect.scope, yield* Effect.context<never>())
})
