/**
 * Spans that do not retain what they surround: a span holds the result of its effect for as long as something holds the span,
 * and exporters may print it. The results here include keys and tokens.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as References from "effect/References"
import type * as Tracer from "effect/Tracer"

/**
 * A span around an effect, which ends with its failure or with nothing. It has no stack trace: that would name this file, and
 * be retained as long as a fiber that was started in the span.
 *
 * @category combinators
 * @since 0.1.0
 */
export const around =
  (name: string, options?: Tracer.SpanOptionsNoTrace) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, Exclude<R, Tracer.ParentSpan>> =>
    Effect.suspend(() => {
      const results: Array<A> = []
      return effect.pipe(
        Effect.map((result) => void results.push(result)),
        // a span adds one even without a trace, and every interruption within it would be annotated with it
        Effect.provideService(References.CurrentStackFrame, undefined),
        Effect.withSpan(name, options, { captureStackTrace: false }),
        Effect.map(() => results[0] as A) // it has succeeded, and then there is one
      )
    })
