/**
 * The spans of a session that are not covered by a single effect: a reconnection, which takes several steps, and a track,
 * which continues to play in the background. Spans of the handshake are made there. No span contains a secret, and none is
 * made in the beat.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Tracer from "effect/Tracer"
import type { VoiceError } from "../VoiceError.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Reconnection {
  /** A connection was lost: the span begins, unless it has already. It is the root of a trace, since the join is long over. */
  readonly begin: (error: VoiceError) => Effect.Effect<void>
  /** Makes the spans of an effect children of that span, while there is one. */
  readonly within: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  /** Audio flows again, or never will. */
  readonly end: (exit: Exit.Exit<unknown, unknown>) => Effect.Effect<void>
}

class Spanned implements Reconnection {
  readonly #attributes: Readonly<Record<string, string>>
  #span: Tracer.Span | undefined

  constructor(attributes: Readonly<Record<string, string>>) {
    this.#attributes = attributes
  }

  begin({ reason }: VoiceError): Effect.Effect<void> {
    if (this.#span !== undefined) return Effect.void
    const attributes = { ...this.#attributes, reason: reason._tag }
    return Effect.map(
      Effect.makeSpan("VoiceSession.reconnect", { root: true, attributes }),
      (made) => {
        this.#span = made
      }
    )
  }

  within<A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> {
    return Effect.suspend(() =>
      this.#span === undefined ? effect : Effect.withParentSpan(effect, this.#span, { captureStackTrace: false })
    )
  }

  end(exit: Exit.Exit<unknown, unknown>): Effect.Effect<void> {
    return Effect.map(Clock.currentTimeNanos, (nanos) => {
      this.#span?.end(nanos, exit)
      this.#span = undefined
    })
  }
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const reconnection = (attributes: Readonly<Record<string, string>>): Reconnection => new Spanned(attributes)

/**
 * The span of a track, from its start to its end, which it names.
 *
 * @category constructors
 * @since 0.1.0
 */
export const track = <End extends { readonly _tag: string }>(
  name: string,
  awaitEnd: Effect.Effect<End>
): Effect.Effect<End> =>
  awaitEnd.pipe(
    Effect.tap((end) => Effect.annotateCurrentSpan("end", end._tag)),
    Effect.withSpan("VoiceSession.track", { attributes: { name } }, { captureStackTrace: false })
  )
