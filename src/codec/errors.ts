/**
 * The errors of the codecs.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as VoiceError from "../VoiceError.ts"

/** @internal */
export const unavailable = (codec: string, detail: string, limit?: number): VoiceError.VoiceError =>
  VoiceError.make(new VoiceError.CodecUnavailable({ codec, detail, ...(limit === undefined ? {} : { limit }) }))

/** @internal */
export const failed = (codec: string, detail: string): VoiceError.VoiceError =>
  VoiceError.make(new VoiceError.EncodeFailed({ codec, detail }))

/** @internal */
export const messageOf = (cause: unknown): string => cause instanceof Error ? cause.message : String(cause)

/**
 * Calls a function of a library unless there is a problem with its arguments. Both a problem and an exception fail with
 * `EncodeFailed`.
 *
 * @internal
 */
export const attempt = <A>(
  codec: string,
  problem: () => string | undefined,
  run: () => A
): Effect.Effect<A, VoiceError.VoiceError> =>
  Effect.suspend(() => {
    const found = problem()
    if (found !== undefined) return Effect.fail(failed(codec, found))
    return Effect.try({ try: run, catch: (cause) => failed(codec, messageOf(cause)) })
  })
