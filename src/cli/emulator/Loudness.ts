/**
 * Measures loudness, to detect a bot that plays at another volume, or only silence, when its frames are not those of a file.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as OpusDecoder from "../../OpusDecoder.ts"
import type { VoiceError } from "../../VoiceError.ts"

/** A power below this counts as none. */
const least = 1e-12

/**
 * The mean power of consecutive Opus packets in dBFS: 0 is the square of full scale, so a full-scale sine has -3. At least
 * -120, and `null` if there are no packets. A packet that is not Opus is ignored.
 *
 * @category combinators
 * @since 0.1.0
 */
export const of: (packets: ReadonlyArray<Uint8Array>) => Effect.Effect<number | null, VoiceError> = Effect.fnUntraced(
  function*(packets: ReadonlyArray<Uint8Array>) {
    const decoder = yield* (yield* OpusDecoder.OpusDecoder).make()
    let energy = 0
    let samples = 0
    for (const packet of packets) {
      const pcm = yield* Effect.orElseSucceed(decoder.decode(packet), () => new Int16Array(0))
      for (const sample of pcm) energy += (sample / 32_768) ** 2
      samples += pcm.length
      // many packets take seconds, during which the emulator has to continue
      yield* Effect.yieldNow
    }
    return samples === 0 ? null : Math.round(100 * Math.log10(Math.max(least, energy / samples))) / 10
  },
  Effect.scoped,
  Effect.provide(OpusDecoder.layer)
)
