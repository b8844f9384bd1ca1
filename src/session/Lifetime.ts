/**
 * The life of a session: its state, until it is permanently closed, once, for one reason.
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
  /** The current state and every later one; does not end. */
  readonly states: () => Stream.Stream<State>
  /** The same, but ends after `Closed`. */
  readonly changes: Stream.Stream<State>
  /** Sets the state, unless the session is closed. */
  readonly show: (next: State) => void
  /** Closes it; without an error if the bot left. The first call counts. */
  readonly end: (error?: VoiceError.VoiceError) => Effect.Effect<void>
  readonly isOver: () => boolean
  /** Makes `awaitClosed` die, whatever the session ends with. */
  readonly die: (cause: Cause.Cause<never>) => void
  /** Runs an effect unless the session is closed; then fails with `NotConnected`. */
  readonly live: <A, E, R>(
    operation: string,
    effect: Effect.Effect<A, E, R>
  ) => Effect.Effect<A, E | VoiceError.VoiceError, R>
  /** Waits until the scope that it was made in has been closed, including everything that was made later in it. */
  readonly awaitClosed: Effect.Effect<void, VoiceError.VoiceError>
}

/**
 * The error of calls to a session that is over.
 *
 * @category constructors
 * @since 0.1.0
 */
export const notConnected = (operation: string): VoiceError.VoiceError =>
  VoiceError.make(new VoiceError.NotConnected({ operation }))

class Life implements Lifetime {
  #state: State
  /** The subscribers; most sessions have none. */
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
 * Makes the lifetime of a session that is joining a channel. Whoever waits for its end can join again at once, so it has to
 * be the first thing that is made in the session's scope.
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
