/**
 * Sources that are found out when they are opened.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import { VoiceError } from "../../VoiceError.ts"
import * as ByteSource from "../ByteSource.ts"
import type { AudioSource } from "../OpenSource.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface UnwrapOptions {
  /** For messages and displays, since the source itself is not known before it is opened. Default "source". */
  readonly name?: string | undefined
}

/**
 * A source that an effect gives when it is opened: one whose URL has to be found first, and expires. The effect is run at each opening:
 * when a track begins, when it is looped, and for each seek of a track. Whoever wants it less often gives it what `Effect.cached` or
 * `Effect.cachedWithTTL` makes of it. It may be interrupted, and its scope is that of the opening.
 *
 * Opening fails as the source does, and as the effect does: with its `VoiceError`, or with `SourceFailed`, `Failed`, for what else it
 * fails with, whose message is the `detail`, or else its tag and its fields, and URLs without what may be secret in them.
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
    open: Effect.flatMap(Effect.scope, (scope) => Effect.flatMap(Scope.provide(find, scope), (found) => found.open))
  }
}
