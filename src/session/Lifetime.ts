/**
 * The life of a session: what it is doing, until it is closed for good, once, for one reason.
 *
 * @since 0.1.0
 */
import type * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Broadcast from "../audio/Broadcast.ts"
import type { ChannelId } from "../protocol/Identifier.ts"
import * as VoiceError from "../VoiceError.ts"
import type { State } from "./State.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Lifetime {
  readonly state: () => State
  /** The state now and each one after it; does not end. */
  readonly states: () => Stream.Stream<State>
  /** The same; ends behind `Closed`. */
  readonly changes: Stream.Stream<State>
  /** Shows another state, unless the session is closed. */
  readonly show: (next: State) => void
  /** Closes it; without an error, because we left. What comes first counts. */
  readonly end: (error?: VoiceError.VoiceError) => Effect.Effect<void>
  readonly isOver: () => boolean
  /** Has `awaitClosed` die, whatever the session ends with. */
  readonly die: (cause: Cause.Cause<never>) => void
  /** Does something as long as the session is not closed; then it fails with `NotConnected`. */
  readonly live: <A, E, R>(
    operation: string,
    effect: Effect.Effect<A, E, R>
  ) => Effect.Effect<A, E | VoiceError.VoiceError, R>
  /** Waits until the scope that it was made in has been closed, down to what was there before. */
  readonly awaitClosed: Effect.Effect<void, VoiceError.VoiceError>
}

/**
 * What is asked of a session that is over fails so.
 *
 * @category constructors
 * @since 0.1.0
 */
export const notConnected = (operation: string): VoiceError.VoiceError =>
  VoiceError.make(new VoiceError.NotConnected({ operation }))

/**
 * Of a session that is joining a channel. Whoever waits for its end can join again at once, so it has to be the first that is
 * made in the session's scope.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*(
  channelId: ChannelId
): Effect.fn.Return<Lifetime, never, Scope.Scope> {
  let state: State = { _tag: "Joining", channelId }
  let over: { readonly error?: VoiceError.VoiceError } | undefined
  let died: Cause.Cause<never> | undefined
  const states = Broadcast.make<State>(1)
  const become = (next: State): void => {
    state = next
    states.publish(next)
  }
  become(state)
  const closed = yield* Deferred.make<void, VoiceError.VoiceError>()
  yield* Scope.addFinalizer(
    yield* Effect.scope,
    Effect.suspend(() => {
      if (died !== undefined) return Deferred.failCause(closed, died)
      return over?.error === undefined ? Deferred.succeed(closed, undefined) : Deferred.fail(closed, over.error)
    })
  )

  return {
    state: () => state,
    states: () => states.stream(),
    changes: Stream.suspend(() => Stream.takeUntil(states.stream(), (now) => now._tag === "Closed")),
    show: (next) => {
      if (over === undefined) become(next)
    },
    end: (error) =>
      Effect.sync(() => {
        if (over !== undefined) return
        over = error === undefined ? {} : { error }
        become({ _tag: "Closed", ...over })
      }),
    isOver: () => over !== undefined,
    die: (cause) => {
      died = cause
    },
    live: <A, E, R>(operation: string, effect: Effect.Effect<A, E, R>) =>
      Effect.suspend((): Effect.Effect<A, E | VoiceError.VoiceError, R> =>
        state._tag === "Closed" ? Effect.fail(notConnected(operation)) : effect
      ),
    awaitClosed: Deferred.await(closed)
  }
})
