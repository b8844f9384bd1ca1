/**
 * Detects speech in sound. The default detector compares energy with an adaptive noise floor and costs next to nothing.
 * `layerWebRtc` is WebRTC's detector, which has a model of speech. You can provide another one.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type { Rate } from "../OpusDecoder.ts"
import * as VoiceError from "../VoiceError.ts"
import * as Energy from "./utterance/Energy.ts"
import * as WebRtc from "./utterance/WebRtc.ts"

export type { EnergyOptions } from "./utterance/Energy.ts"

/**
 * The length of a window in milliseconds.
 *
 * @category constants
 * @since 0.1.0
 */
export const windowMs = 10

/**
 * Tells whether a window is speech. It is called with one window of a speaker after another, each 10 ms of mono, and must
 * answer synchronously.
 *
 * @category models
 * @since 0.1.0
 */
export type Detector = (window: Int16Array) => boolean

/**
 * A voice activity detector.
 *
 * @category models
 * @since 0.1.0
 */
export interface Activity {
  /** Makes a detector for one speaker at this rate. It is freed with its scope. */
  readonly make: (rate: Rate) => Effect.Effect<Detector, VoiceError.VoiceError, Scope.Scope>
}

const energy = (options?: Energy.EnergyOptions): Activity => ({
  make: () => Effect.sync(() => Energy.make(windowMs, options))
})

/**
 * The detector in use. It has a default, so you do not have to provide one.
 *
 * @category references
 * @since 0.1.0
 */
export const VoiceActivity = Context.Reference<Activity>("effect-discord-voice/VoiceActivity", {
  defaultValue: () => energy()
})

/**
 * Detects speech by energy, with custom thresholds. Fails with `Unsupported` if a threshold is not a finite number, or if
 * `margin` or `rise` is negative.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerEnergy = (options: Energy.EnergyOptions = {}): Layer.Layer<never, VoiceError.VoiceError> =>
  Layer.effect(
    VoiceActivity,
    Effect.suspend(() => {
      const problem = Energy.problem(options)
      return problem === undefined
        ? Effect.succeed(energy(options))
        : VoiceError.fail(new VoiceError.Unsupported({ feature: "this energy threshold", detail: problem }))
    })
  )

/**
 * WebRTC's detector. It requires the package `@echogarden/fvad-wasm` (20 kB of WebAssembly, no dependencies) and fails with
 * `CodecUnavailable` if that is not installed. `mode` ranges from 0, which accepts the most as speech, to 3, which accepts the
 * least; default 2. Any other mode fails with `Unsupported`. It tells speech from noise better than the energy detector does,
 * but reports the end of speech about 100 ms later.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerWebRtc = (
  options?: { readonly mode?: 0 | 1 | 2 | 3 | undefined }
): Layer.Layer<never, VoiceError.VoiceError> =>
  Layer.effect(
    VoiceActivity,
    Effect.suspend(() => {
      const mode = options?.mode ?? 2
      // a plain JavaScript program may pass anything, and libfvad would continue with another mode
      return WebRtc.modes.includes(mode)
        ? Effect.map(WebRtc.load, (module): Activity => ({ make: (rate) => WebRtc.make(module, rate, mode) }))
        : VoiceError.fail(
          new VoiceError.Unsupported({
            feature: `voice activity mode ${mode}`,
            detail: `the modes are ${WebRtc.modes.join(", ")}`
          })
        )
    })
  )
