/**
 * All of a source at once, for those who speak it as a whole.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { AudioSource, OpusFrame } from "../../audio/AudioSource.ts"
import * as VoiceError from "../../VoiceError.ts"

/**
 * Opens a source and reads it to its end. Fails like the source.
 *
 * @category combinators
 * @since 0.1.0
 */
export const readAll = Effect.fnUntraced(
  function*<R>(
    source: AudioSource<R>
  ): Effect.fn.Return<ReadonlyArray<OpusFrame>, VoiceError.VoiceError, R | Scope.Scope> {
    const opened = yield* source.open
    if (opened.format !== "opus") {
      return yield* VoiceError.fail(
        new VoiceError.Unsupported({ feature: "PCM", detail: "what a participant says is Opus already" })
      )
    }
    const { pull } = opened
    const frames: Array<OpusFrame> = []
    while (true) {
      const next = yield* Effect.catchIf(pull, Cause.isDone, () => Effect.undefined)
      if (next === undefined) return frames
      frames.push(...next)
    }
  }
)
