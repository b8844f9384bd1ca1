/**
 * What a guest says: the frames of a file. Opus is used as it is; anything else that can be decoded is encoded first.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as AudioSource from "../../audio/AudioSource.ts"
import * as OpusEncoder from "../../OpusEncoder.ts"
import type { VoiceError } from "../../VoiceError.ts"

/** The number of samples of a 20 ms frame, for one channel and for both. */
const samples = 960
const length = 2 * samples

const encode = Effect.fnUntraced(function*(
  pull: AudioSource.OpenPcm["pull"]
): Effect.fn.Return<ReadonlyArray<AudioSource.OpusFrame>, VoiceError, OpusEncoder.OpusEncoder | Scope.Scope> {
  const encoder = yield* (yield* OpusEncoder.OpusEncoder).make()
  const frames: Array<AudioSource.OpusFrame> = []
  const pcm = new Int16Array(length)
  let filled = 0
  const add = Effect.map(Effect.suspend(() => encoder.encode(pcm)), (data) => {
    frames.push({ data, samples })
    filled = 0
  })
  while (true) {
    const piece = yield* Effect.catchIf(pull, Cause.isDone, () => Effect.undefined)
    if (piece === undefined) break
    for (const sample of piece) {
      pcm[filled++] = Math.max(-32_768, Math.min(32_767, Math.round(sample * 32_768)))
      if (filled === length) yield* add
    }
    // a long file takes seconds, during which the emulator has to continue
    yield* Effect.yieldNow
  }
  if (filled > 0) {
    pcm.fill(0, filled)
    yield* add
  }
  return frames
})

/**
 * Reads a whole file into memory. Fails with `SourceFailed`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const read: (path: string) => Effect.Effect<ReadonlyArray<AudioSource.OpusFrame>, VoiceError> = Effect
  .fnUntraced(
    function*(path: string) {
      const source = AudioSource.fromFile(path)
      const opened = yield* source.open
      return opened.format === "opus"
        ? yield* AudioSource.readFrames({ name: source.name, open: Effect.succeed(opened) })
        : yield* Effect.provide(encode(opened.pull), OpusEncoder.layer)
    },
    Effect.scoped
  )
