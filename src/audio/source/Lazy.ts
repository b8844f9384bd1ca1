/**
 * Sources that are determined when they are opened.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { VoiceError } from "../../VoiceError.ts"
import * as ByteSource from "../ByteSource.ts"
import type { AudioSource, OpenOpus, OpenPcm, OpenSource } from "../OpenSource.ts"

/**
 * The options of `unwrap`.
 *
 * @category models
 * @since 0.1.0
 */
export interface UnwrapOptions {
  /** The name for messages and displays, since the source itself is not known before it is opened. Default "source". */
  readonly name?: string | undefined
}

/** Whether an error is how an expired URL is answered. */
const isExpired = ({ reason }: VoiceError): boolean =>
  reason._tag === "SourceFailed" && (reason.kind === "Unreadable" || reason.kind === "NotFound")

/**
 * How much a resampler has to have heard before its first sample is right, in milliseconds. It is also the step at which the
 * source is opened again: a whole number of samples at any usual rate.
 */
const leadInMs = 10

/**
 * Opens the source again if it is refused in the middle, for example because its URL has expired by the time its connection
 * breaks.
 */
const renewed = <R>(opening: Effect.Effect<OpenSource, VoiceError, R | Scope.Scope>) =>
  Effect.gen(function*() {
    const outer = yield* Effect.scope
    const context = yield* Effect.context<R>()
    const connect = Effect.gen(function*() {
      const scope = yield* Scope.fork(outer)
      const opened = yield* opening.pipe(
        Scope.provide(scope),
        Effect.provideContext(context),
        Effect.onError((cause) => Scope.close(scope, Exit.failCause(cause)))
      )
      return { opened, scope }
    })
    let current = yield* connect
    const first = current.opened
    const { seek, speed = 1 } = first
    if (seek === undefined || first.live === true) return first
    /** The position of the next pull, in milliseconds of the source, and the position where it was opened last. */
    let placeMs = 0
    let openedMs = 0
    /** Samples at 48 kHz that had been given before it was opened again. */
    let surplus = 0

    const goTo = (positionMs: number) => Effect.suspend(() => current.opened.seek?.(positionMs) ?? Effect.succeed(0))

    const renew = (error: VoiceError): Effect.Effect<void, VoiceError> =>
      Effect.gen(function*() {
        // a source that gives nothing more is refused for another reason
        if (!isExpired(error) || placeMs <= openedMs) return yield* error
        const next = yield* connect
        if (next.opened.format !== first.format || next.opened.seek === undefined) return yield* error
        yield* Scope.close(current.scope, Exit.void)
        current = next
        openedMs = placeMs
        const landedMs = yield* goTo(
          first.format === "opus" ? placeMs : Math.max(0, Math.floor(placeMs / leadInMs) - 1) * leadInMs
        )
        surplus = Math.max(0, Math.round((placeMs - landedMs) * 48 / speed))
      })

    const follow = <A extends { readonly length: number }>(
      pull: (opened: OpenSource) => Effect.Effect<A, VoiceError | Cause.Done> | undefined,
      trim: (pulled: A) => A
    ): Effect.Effect<A, VoiceError | Cause.Done> =>
      Effect.suspend(() => pull(current.opened) ?? Cause.done()).pipe(
        Effect.map(trim),
        // at least one
        Effect.flatMap((pulled) => pulled.length > 0 ? Effect.succeed(pulled) : follow(pull, trim)),
        Effect.catchIf(
          (end): end is VoiceError => !Cause.isDone(end),
          (error) => Effect.andThen(renew(error), follow(pull, trim))
        )
      )

    /** Counts a packet, unless most of it was given before. */
    const isNew = (samples: number): boolean => {
      const isGiven = surplus > samples / 2
      if (isGiven) surplus = Math.max(0, surplus - samples)
      else {
        surplus = 0
        placeMs += samples / 48 * speed
      }
      return !isGiven
    }

    const seekable = {
      seek: (positionMs: number) =>
        Effect.map(goTo(positionMs), (landedMs) => {
          placeMs = openedMs = landedMs
          surplus = 0
          return landedMs
        })
    }
    return first.format === "opus"
      ? {
        ...first,
        ...seekable,
        pull: follow(
          (opened) => opened.format === "opus" ? opened.pull : undefined,
          (frames) => frames.filter(({ samples }) => isNew(samples))
        )
      } satisfies OpenOpus
      : {
        ...first,
        ...seekable,
        pull: follow((opened) => opened.format === "pcm" ? opened.pull : undefined, (samples) => {
          const given = Math.min(surplus, samples.length / 2)
          surplus -= given
          placeMs += (samples.length / 2 - given) / 48 * speed
          return samples.subarray(given * 2)
        })
      } satisfies OpenPcm
  })

/**
 * A source that an effect returns when it is opened, for example because its URL has to be looked up first, and expires.
 *
 * The effect is run at each opening: when a track begins, when it loops, for each seek of a track, and when the source is
 * refused in the middle (`Unreadable` or `NotFound`) and can seek; it then continues at that position. To run it less often,
 * pass the result of `Effect.cached` or `Effect.cachedWithTTL`. The effect may be interrupted, and its scope is that of the
 * opening.
 *
 * Opening fails as the source does, and as the effect does: with its `VoiceError`, or with `SourceFailed`, `Failed`, for any
 * other error. The `detail` is that error's message, or else its tag and its fields; URLs in it are shown without possible
 * secrets.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { AudioSource } from "effect-discord-voice"
 *
 * const song = (find: Effect.Effect<URL, Error>) =>
 *   AudioSource.unwrap(Effect.map(find, (url) => AudioSource.fromUrl(url)), { name: "song" })
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const unwrap = <R = never, E = never, R2 = never>(
  source: Effect.Effect<AudioSource<R>, E, R2>,
  options: UnwrapOptions = {}
): AudioSource<R | Exclude<R2, Scope.Scope>> => {
  const { name = "source" } = options
  const failureOf = (error: E) =>
    error instanceof VoiceError
      ? error
      : ByteSource.failure(name, "Failed", ByteSource.describe(error))
  const find = Effect.mapError(source, failureOf)
  return {
    name,
    open: renewed(
      Effect.flatMap(Effect.scope, (scope) => Effect.flatMap(Scope.provide(find, scope), (found) => found.open))
    )
  }
}
