/**
 * Publishes values from plain code to any number of listeners. A listener receives the last few first.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"

/**
 * @category models
 * @since 0.1.0
 */
export interface Broadcast<A> {
  readonly publish: (value: A) => void
  /** The last values, and every later one. */
  readonly stream: () => Stream.Stream<A>
}

/**
 * Keeps the last `kept` values. A listener that falls more than `capacity` values behind loses the oldest; there is no limit
 * by default.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = <A>(kept: number, capacity = Infinity): Broadcast<A> => new Kept<A>(kept, capacity)

class Kept<A> implements Broadcast<A> {
  readonly #kept: number
  readonly #capacity: number
  #last: ReadonlyArray<A> = none
  /** Most broadcasts never have any. */
  #listeners: Set<Queue.Queue<A>> | undefined

  constructor(kept: number, capacity: number) {
    this.#kept = kept
    this.#capacity = capacity
  }

  publish(value: A): void {
    const last = this.#last.length < this.#kept ? this.#last : this.#last.slice(1)
    // a growing array has room for more than will ever arrive
    this.#last = last.concat([value])
    for (const listener of this.#listeners ?? none) Queue.offerUnsafe(listener, value)
  }

  stream(): Stream.Stream<A> {
    return Stream.unwrap(Effect.map(
      Effect.acquireRelease(
        Effect.map(Queue.make<A>({ capacity: this.#capacity, strategy: "sliding" }), (queue) => {
          for (const value of this.#last) Queue.offerUnsafe(queue, value)
          this.#listeners ??= new Set()
          this.#listeners.add(queue)
          return queue
        }),
        (queue) => Effect.sync(() => this.#listeners?.delete(queue))
      ),
      Stream.fromQueue
    ))
  }
}

const none: ReadonlyArray<never> = []
