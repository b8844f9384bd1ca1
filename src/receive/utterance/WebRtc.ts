/**
 * WebRTC's voice activity detector (libfvad in WebAssembly). It uses Gaussian mixture models in six frequency bands, which tell
 * speech from noise of the same energy.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Rate } from "../../OpusDecoder.ts"
import * as VoiceError from "../../VoiceError.ts"

const name = "@echogarden/fvad-wasm"

const unavailable = (detail: string) => VoiceError.make(new VoiceError.CodecUnavailable({ codec: name, detail }))

/** @internal */
export const modes: ReadonlyArray<number> = [0, 1, 2, 3]

/** The rate that the detector runs at. Of our rates below 48 kHz it supports 8 and 16 kHz; 12 and 24 kHz are reduced to 8. */
const ownRate = (rate: Rate): 8_000 | 16_000 | 48_000 => rate === 12_000 || rate === 24_000 ? 8_000 : rate

/** Averages the samples that fall together. That is filter enough for a detector. */
const reduce = (window: Int16Array, out: Int16Array): void => {
  const ratio = window.length / out.length
  for (let i = 0; i < out.length; i++) {
    const from = Math.floor(i * ratio)
    const to = Math.max(from + 1, Math.floor((i + 1) * ratio))
    let sum = 0
    for (let at = from; at < to; at++) sum += window[at] ?? 0
    out[i] = sum / (to - from)
  }
}

/**
 * Loads the module, once. Fails with `CodecUnavailable` if the package is not installed.
 *
 * @internal
 */
export const load = Effect.tryPromise({
  // esbuild reports a package that is not installed as an error, unless the failure is caught where it is imported
  try: () =>
    import("@echogarden/fvad-wasm").then((module) => module.default(), (cause: unknown) => Promise.reject(cause)),
  catch: (cause) => unavailable(`it cannot be loaded: ${cause instanceof Error ? cause.message : String(cause)}`)
})

/**
 * Makes a detector for windows of 10 ms at this rate. `mode` ranges from 0, which accepts the most as speech, to 3, which
 * accepts the least.
 *
 * @internal
 */
export const make = (
  module: Effect.Success<typeof load>,
  rate: Rate,
  mode: 0 | 1 | 2 | 3
): Effect.Effect<(window: Int16Array) => boolean, VoiceError.VoiceError, Scope.Scope> => {
  const own = ownRate(rate)
  const length = own / 100
  return Effect.acquireRelease(
    Effect.suspend(() => {
      const instance = module._fvad_new()
      const samples = module._malloc(length * 2)
      if (instance === 0 || samples === 0) return Effect.fail(unavailable("there is no memory for another detector"))
      module._fvad_set_mode(instance, mode)
      module._fvad_set_sample_rate(instance, own)
      return Effect.succeed({ instance, samples })
    }),
    ({ instance, samples }) =>
      Effect.sync(() => {
        module._fvad_free(instance)
        module._free(samples)
      })
  ).pipe(Effect.map(({ instance, samples }) => (window) => {
    // the view is replaced when the memory has grown
    const view = module.HEAP16.subarray(samples / 2, samples / 2 + length)
    if (own === rate) view.set(window)
    else reduce(window, view)
    return module._fvad_process(instance, samples, length) === 1
  }))
}
