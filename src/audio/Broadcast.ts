/**
 * Values told to whoever listens, from plain code. A listener hears the last few first.
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
  /** The last values, and each one from then on. */
  readonly stream: () => Stream.Stream<A>
}

/**
 * Keeps the last `kept` values. A listener that falls more than `capacity` values behind loses the oldest; there is no limit
 * by default.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = <A>(kept: number, capacity = Infinity): Broadcast<A> => {
  const last: Array<A> = []
  const listeners = new Set<Queue.Queue<A>>()
  return {
    publish: (value) => {
      if (last.length === kept) last.shift()
      last.push(value)
      for (const listener of listeners) Queue.offerUnsafe(listener, value)
    },
    stream: () =>
      Stream.unwrap(Effect.map(
        Effect.acquireRelease(
          Effect.map(Queue.make<A>({ capacity, strategy: "sliding" }), (queue) => {
            for (const value of last) Queue.offerUnsafe(queue, value)
            listeners.add(queue)
            return queue
          }),
          (queue) => Effect.sync(() => listeners.delete(queue))
        ),
        Stream.fromQueue
      ))
  }
}
