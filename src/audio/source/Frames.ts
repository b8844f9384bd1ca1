/**
 * All frames of a source at once, for programs that send it as a whole.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as VoiceError from "../../VoiceError.ts"
import type { AudioSource, OpusFrame } from "../OpenSource.ts"

/**
 * Opens a source of Opus and reads it to its end, all of it into memory. Fails like the source, and with `Unsupported` if it
 * is not Opus.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { AudioSource } from "effect-discord-voice"
 * import type { Emulator } from "effect-discord-voice/emulator"
 *
 * const answer = (guest: Emulator.Participant) =>
 *   Effect.flatMap(AudioSource.readFrames(AudioSource.fromFile("answer.ogg")), (frames) => guest.speak(frames))
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const readFrames = Effect.fnUntraced(
  function*<R>(
    source: AudioSource<R>
  ): Effect.fn.Return<ReadonlyArray<OpusFrame>, VoiceError.VoiceError, R | Scope.Scope> {
    const opened = yield* source.open
    if (opened.format !== "opus") {
      return yield* VoiceError.fail(
        new VoiceError.Unsupported({
          feature: `reading the frames of ${source.name}`,
          detail: "it is not Opus; use Opus in an Ogg, WebM or MP4 file, or encode the source with AudioSource.encoded"
        })
      )
    }
    const { pull } = opened
    const frames: Array<OpusFrame> = []
    while (true) {
      const next = yield* Effect.catchIf(pull, Cause.isDone, () => Effect.undefined)
      if (next === undefined) return frames
      for (const frame of next) frames.push(frame)
    }
  },
  Effect.scoped
)
