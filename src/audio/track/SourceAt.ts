/**
 * Opens a track's source, for each position at which it begins to read.
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
  /** The name for messages. */
  readonly name: string
  /** How long a source may take to open, and to seek, in milliseconds. */
  readonly limitMs: number
  /** Fails, with the reason, when the source is no longer wanted. */
  readonly awaitEnd: Effect.Effect<never, VoiceError.VoiceError>
}

/**
 * The error of a seek after the track has ended.
 *
 * @internal
 */
export const hasEnded = (): VoiceError.VoiceError =>
  VoiceError.make(new VoiceError.Unsupported({ feature: "seeking", detail: "the track has ended" }))

const isLive = new VoiceError.Unsupported({
  feature: "seeking",
  detail: "the source is live, and has no positions to seek to"
})

/**
 * Whether the scope that a track was to be played in is closed.
 *
 * @internal
 */
export const isClosed = (scope: Scope.Scope): boolean => scope.state._tag === "Closed"

/**
 * Waits for the end of a track, and then fails.
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
 * Opens the source and seeks, as far as the source itself can. Fails with `SourceFailed` if either takes too long or dies,
 * and with `Unsupported` for a position in a live source.
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
    // of a live source, everything would be dropped for that long
    if (opened.live === true) return VoiceError.fail(isLive)
    return opened.seek === undefined
      ? Effect.succeed({ opened, landedMs: 0 })
      : Effect.map(
        inTime(opened.seek(fromMs), `seek to ${fromMs / 1_000} s`, options),
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
        trouble = `; the last failure was: ${reason._tag === "SourceFailed" ? reason.detail : message}`
      })
    )
  })

/** A defect in a program's lookup of its source does not end a queue or a bot. */
const died = (name: string, defect: unknown) => {
  const said = ByteSource.describe(defect)
  const detail = ByteSource.withoutSecrets(said)
  return ByteSource.failure(name, "Failed", detail, detail === said ? { cause: defect } : {})
}
