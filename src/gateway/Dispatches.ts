/**
 * Everything that the main gateway dispatches, unchanged: what a bot needs other than voice, such as its commands.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as PubSub from "effect/PubSub"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type * as Take from "effect/Take"
import type * as VoiceError from "../VoiceError.ts"

/**
 * A dispatch (op 0): the name of the event, its number within the session, and its body, which was not checked (Discord docs,
 * Gateway, Gateway Event Payload Structure).
 *
 * @category models
 * @since 0.1.0
 */
export interface Dispatch {
  readonly t: string
  readonly s: number
  readonly d: unknown
}

/**
 * The dispatches that the client of a `Gateway.layer` receives, for programs that have no other Discord library. The option
 * `intents` decides which events arrive; INTERACTION_CREATE needs none.
 *
 * @category services
 * @since 0.1.0
 */
export class Dispatches extends Context.Service<Dispatches, {
  /**
   * Subscribes: no dispatch is missed after this effect completes, including the two voice events and READY. A subscriber
   * that falls 4096 behind loses the oldest. The stream fails, like `Gateway.subscribe`, when the client ends permanently.
   */
  readonly subscribe: Effect.Effect<Stream.Stream<Dispatch, VoiceError.VoiceError>, never, Scope.Scope>
}>()("effect-discord-voice/Gateway/Dispatches") {}

/**
 * The client's side.
 *
 * @category models
 * @since 0.1.0
 */
export interface Source {
  readonly service: Dispatches["Service"]
  /** Takes the text of a well-formed dispatch. It costs nothing while nobody listens. */
  readonly publish: (text: string) => Effect.Effect<void>
  /** Ends all subscriptions with this error. */
  readonly finish: (error: VoiceError.VoiceError) => Effect.Effect<void>
}

const waitingEvents = 4096

/**
 * @category constructors
 * @since 0.1.0
 */
export const make: Effect.Effect<Source> = Effect.gen(function*() {
  const events = yield* PubSub.sliding<Take.Take<Dispatch, VoiceError.VoiceError>>(waitingEvents)
  let listeners = 0
  const subscribe = Effect.gen(function*() {
    yield* Effect.acquireRelease(
      Effect.sync(() => listeners++),
      () => Effect.sync(() => listeners--)
    )
    const subscription = yield* PubSub.subscribe(events)
    return Stream.flattenTake(Stream.fromSubscription(subscription))
  })
  return {
    service: { subscribe },
    publish: (text) =>
      Effect.suspend(() => {
        if (listeners === 0) return Effect.void
        // the codec has parsed it before and has found these fields in it
        const { d, s, t } = JSON.parse(text) as Dispatch
        return Effect.asVoid(PubSub.publish(events, [{ t, s, d }]))
      }),
    // only the first end counts, and late subscribers get it too
    finish: (error) => Effect.asVoid(PubSub.end(events, Exit.fail(error)))
  }
})
