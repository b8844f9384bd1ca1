/**
 * Tells whether there is speech in sound. The default goes by energy, with a noise floor that adapts, and costs next to
 * nothing; `layerWebRtc` is the detector of WebRTC, which knows what speech sounds like. Any other one can take its place.
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
 * Says of one window after another of a speaker, 10 ms of mono, whether it is speech. It must answer at once.
 *
 * @category models
 * @since 0.1.0
 */
export type Detector = (window: Int16Array) => boolean

/**
 * @category models
 * @since 0.1.0
 */
export interface Activity {
  /** A detector for one speaker and this rate, freed with its scope. */
  readonly make: (rate: Rate) => Effect.Effect<Detector, VoiceError.VoiceError, Scope.Scope>
}

const energy = (options?: Energy.EnergyOptions): Activity => ({
  make: () => Effect.sync(() => Energy.make(windowMs, options))
})

/**
 * The detector in use. It has a default, so that nothing has to be provided.
 *
 * @category references
 * @since 0.1.0
 */
export const VoiceActivity = Context.Reference<Activity>("effect-discord-voice/VoiceActivity", {
  defaultValue: () => energy()
})

/**
 * By energy, with other thresholds than the default's. Fails with `Unsupported` for one that is infinite or no number, and for a
 * `margin` or a `rise` below 0.
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
        : VoiceError.fail(new VoiceError.Unsupported({ feature: "voice activity by such an energy", detail: problem }))
    })
  )

/**
 * The detector of WebRTC. It needs the package `@echogarden/fvad-wasm` (20 kB of WebAssembly, no dependencies), and fails with
 * `CodecUnavailable` without it. `mode` is 0, which takes much for speech, to 3, which takes little; default 2. Another one is
 * `Unsupported`. It knows speech from noise better than energy does, and says that speech has ended some 100 ms later.
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
      // a program in plain JavaScript may say anything, and the library goes on with another one
      return WebRtc.modes.includes(mode)
        ? Effect.map(WebRtc.load, (module): Activity => ({ make: (rate) => WebRtc.make(module, rate, mode) }))
        : VoiceError.fail(
          new VoiceError.Unsupported({
            feature: `voice activity of the mode ${mode}`,
            detail: `the modes are ${WebRtc.modes.join(", ")}`
          })
        )
    })
  )
