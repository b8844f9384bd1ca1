/**
 * The life of a session: what it is doing, until it is closed for good, once, for one reason.
 *
 * @since 0.1.0
 */
import type * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Broadcast from "../audio/Broadcast.ts"
import { during } from "../driver/During.ts"
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

class Life implements Lifetime {
  #state: State
  /** Whoever follows it; most sessions are followed by nobody. */
  #states: Broadcast.Broadcast<State> | undefined
  #over: { readonly error?: VoiceError.VoiceError } | undefined
  #died: Cause.Cause<never> | undefined
  readonly #closed = Deferred.makeUnsafe<void, VoiceError.VoiceError>()

  constructor(state: State) {
    this.#state = state
  }

  state(): State {
    return this.#state
  }

  #become(next: State): void {
    this.#state = next
    this.#states?.publish(next)
  }

  states(): Stream.Stream<State> {
    return Stream.suspend(() => {
      if (this.#states === undefined) {
        this.#states = Broadcast.make(1)
        this.#states.publish(this.#state)
      }
      return this.#states.stream()
    })
  }

  get changes(): Stream.Stream<State> {
    return Stream.takeUntil(this.states(), (now) => now._tag === "Closed")
  }

  show(next: State): void {
    if (this.#over === undefined) this.#become(next)
  }

  end(error?: VoiceError.VoiceError): Effect.Effect<void> {
    return Effect.sync(() => {
      if (this.#over !== undefined) return
      this.#over = error === undefined ? {} : { error }
      this.#become({ _tag: "Closed", ...this.#over })
    })
  }

  isOver(): boolean {
    return this.#over !== undefined
  }

  die(cause: Cause.Cause<never>): void {
    this.#died = cause
  }

  live<A, E, R>(
    operation: string,
    effect: Effect.Effect<A, E, R>
  ): Effect.Effect<A, E | VoiceError.VoiceError, R> {
    return Effect.suspend((): Effect.Effect<A, E | VoiceError.VoiceError, R> =>
      this.#state._tag === "Closed" ? Effect.fail(notConnected(operation)) : effect
    )
  }

  get awaitClosed(): Effect.Effect<void, VoiceError.VoiceError> {
    return Deferred.await(this.#closed)
  }

  /** Everything is released. */
  close(): void {
    const error = this.#over?.error
    const end = this.#died === undefined
      ? error === undefined ? Exit.void : Exit.fail(error)
      : Exit.failCause(this.#died)
    Deferred.doneUnsafe(this.#closed, end)
  }
}

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
  const life = new Life({ _tag: "Joining", channelId })
  yield* during(() => () => life.close())
  return life
})
