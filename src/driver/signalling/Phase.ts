/**
 * The deadlines of the phases in which a connection is established.
 *
 * @since 0.1.0
 */
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as VoiceError from "../../VoiceError.ts"
import * as Span from "./Span.ts"

/**
 * Runs one phase against its deadline and against the end of what it depends on. If time is up, `malformed` describes a message
 * that could not be used and may have been the expected one.
 *
 * @category combinators
 * @since 0.1.0
 */
export const within = <A, R>(
  phase: VoiceError.Phase,
  timeoutMs: number,
  ended: Deferred.Deferred<never, VoiceError.VoiceError>,
  effect: Effect.Effect<A, VoiceError.VoiceError, R>,
  malformed: () => string | undefined = () => undefined
): Effect.Effect<A, VoiceError.VoiceError, R> =>
  Effect.raceFirst(effect, Deferred.await(ended)).pipe(
    Effect.timeoutOrElse({
      duration: Duration.millis(timeoutMs),
      orElse: () => {
        const detail = malformed()
        return VoiceError.fail(
          new VoiceError.PhaseTimedOut({
            phase,
            elapsedMs: timeoutMs,
            ...(detail === undefined ? {} : { malformed: detail })
          })
        )
      }
    }),
    Span.around(`VoiceDriver.phase.${phase}`)
  )
