/**
 * Sound that is still being produced. Every reader gets all of it from the beginning, however late and however often it reads.
 *
 * @since 0.1.0
 */
import type * as Arr from "effect/Array"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"

/**
 * @category models
 * @since 0.1.0
 */
export interface Sound {
  readonly add: (pcm: Int16Array) => void
  /** Ends the sound after what is already there. */
  readonly end: () => void
  readonly stream: Stream.Stream<Int16Array>
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (): Sound => {
  const pieces: Array<Int16Array> = []
  let isOver = false
  let waiting: Array<() => void> = []

  const wake = (): void => {
    const woken = waiting
    waiting = []
    for (const resume of woken) resume()
  }

  const read = Effect.sync(() => {
    let done = 0
    const take = Effect.suspend((): Effect.Effect<Arr.NonEmptyReadonlyArray<Int16Array>, Cause.Done> => {
      const [first, ...rest] = pieces.slice(done)
      if (first === undefined) return isOver ? Cause.done() : more
      done = pieces.length
      return Effect.succeed([first, ...rest])
    })
    const more: Effect.Effect<Arr.NonEmptyReadonlyArray<Int16Array>, Cause.Done> = Effect.callback((resume) => {
      const woken = () => resume(take)
      waiting.push(woken)
      return Effect.sync(() => {
        waiting = waiting.filter((other) => other !== woken)
      })
    })
    return take
  })

  return {
    add: (pcm) => {
      if (isOver) return
      pieces.push(pcm)
      wake()
    },
    end: () => {
      isOver = true
      wake()
    },
    stream: Stream.fromPull(read)
  }
}
