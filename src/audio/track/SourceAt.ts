/**
 * How a track opens its source, for each place at which it begins to read.
 *
 * @since 0.1.0
 */
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as VoiceError from "../../VoiceError.ts"
import * as ByteSource from "../ByteSource.ts"
import * as HttpTrouble from "../http/HttpTrouble.ts"
import type { OpenSource } from "../OpenSource.ts"
import type { Landed } from "./Reading.ts"
import type { TrackEnd } from "./TrackEvent.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** For messages. */
  readonly name: string
  /** How long a source may take to open, and to go to a place, in milliseconds. */
  readonly limitMs: number
  /** Nobody wants it any more, and why. */
  readonly awaitEnd: Effect.Effect<never, VoiceError.VoiceError>
}

/**
 * There is nowhere to seek any more.
 *
 * @internal
 */
export const hasEnded = (): VoiceError.VoiceError =>
  VoiceError.make(new VoiceError.Unsupported({ feature: "seeking", detail: "the track has ended" }))

const isLive = new VoiceError.Unsupported({
  feature: "seeking",
  detail: "the source is live, and has no places to go to"
})

/**
 * Whether what a track was to be played in is over.
 *
 * @internal
 */
export const isClosed = (scope: Scope.Scope): boolean => scope.state._tag === "Closed"

/**
 * Waits for the end of a track, and fails then.
 *
 * @internal
 */
export const awaitEnd = (
  ended: Deferred.Deferred<TrackEnd>,
  scope: Scope.Scope
): Effect.Effect<never, VoiceError.VoiceError> =>
  Effect.flatMap(Deferred.await(ended), (how) => {
    if (how._tag === "Failed") return Effect.fail(how.error)
    if (!isClosed(scope)) return Effect.fail(hasEnded())
    return VoiceError.fail(new VoiceError.NotConnected({ operation: "Playing" }))
  })

/**
 * Opens it and goes to a place, as far as the source can by itself. Fails with `SourceFailed` where either takes too long, or
 * dies, and with `Unsupported` for a place in what is live.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  source: Effect.Effect<OpenSource, VoiceError.VoiceError, Scope.Scope>,
  options: Options
) =>
(fromMs: number): Effect.Effect<Landed, VoiceError.VoiceError, Scope.Scope> =>
  Effect.flatMap(inTime(source, "open", options), (opened) => {
    if (fromMs === 0) return Effect.succeed({ opened, landedMs: 0 })
    // what comes as it happens would be left out for as long
    if (opened.live === true) return VoiceError.fail(isLive)
    return opened.seek === undefined
      ? Effect.succeed({ opened, landedMs: 0 })
      : Effect.map(
        inTime(opened.seek(fromMs), `go to ${fromMs / 1_000} s`, options),
        (landedMs) => ({ opened, landedMs })
      )
  })

const inTime = <A, R>(
  effect: Effect.Effect<A, VoiceError.VoiceError, R>,
  what: string,
  { awaitEnd, limitMs, name }: Options
) =>
  Effect.suspend(() => {
    /** What was tried in vain, if anything was. */
    let trouble = ""
    const late = `it did not ${what} within ${Math.round(limitMs)} ms`
    return Effect.raceFirst(
      Effect.timeoutOrElse(Effect.catchDefect(effect, (defect) => died(name, defect)), {
        duration: Duration.millis(limitMs),
        orElse: () => Effect.fail(ByteSource.failure(name, "Failed", `${late}${trouble}`))
      }),
      awaitEnd
    ).pipe(
      Effect.provideService(HttpTrouble.Patience, limitMs),
      Effect.provideService(HttpTrouble.Witness, ({ message, reason }) => {
        trouble = `; what failed last: ${reason._tag === "SourceFailed" ? reason.detail : message}`
      })
    )
  })

/** What a program has not reckoned with when it finds its source is no reason for a queue or a bot to end. */
const died = (name: string, defect: unknown) => {
  const said = ByteSource.describe(defect)
  const detail = ByteSource.withoutSecrets(said)
  return ByteSource.failure(name, "Failed", detail, detail === said ? { cause: defect } : {})
}
