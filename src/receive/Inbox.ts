/**
 * The queue of one reader. A reader that is too slow loses the oldest values, is told so with the next one, and delays nobody.
 *
 * @since 0.1.0
 */
import type * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { VoiceError } from "../VoiceError.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Inbox<A> {
  readonly offer: (value: A) => void
  /** Ends the queue after what is already there. */
  readonly end: (error: VoiceError) => void
  /** The same for a defect, which the reader dies of. */
  readonly die: (defect: unknown) => void
  /** For one reader. */
  readonly stream: Stream.Stream<A, VoiceError>
}

/**
 * `onDropped` is called for each value that is lost.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = <A extends { readonly dropped?: number | undefined }>(
  capacity: number,
  onDropped: () => void
): Inbox<A> => {
  let values: Array<A> = []
  let dropped = 0
  let over: Effect.Effect<never, VoiceError> | undefined
  let wake: (() => void) | undefined

  const take = Effect.suspend((): Effect.Effect<Arr.NonEmptyReadonlyArray<A>, VoiceError> => {
    const [first, ...rest] = values
    if (first === undefined) return over ?? waiting
    const lost = dropped
    dropped = 0
    values = []
    return Effect.succeed([lost === 0 ? first : { ...first, dropped: lost }, ...rest])
  })

  const waiting: Effect.Effect<Arr.NonEmptyReadonlyArray<A>, VoiceError> = Effect.callback((resume) => {
    wake = () => {
      wake = undefined
      resume(take)
    }
    return Effect.sync(() => {
      wake = undefined
    })
  })

  return {
    offer: (value) => {
      if (over !== undefined) return
      values.push(value)
      if (values.length > capacity) {
        values.shift()
        dropped++
        onDropped()
      }
      wake?.()
    },
    end: (error) => {
      over ??= Effect.fail(error)
      wake?.()
    },
    die: (defect) => {
      over ??= Effect.die(defect)
      wake?.()
    },
    stream: Stream.fromPull(Effect.succeed(take))
  }
}
