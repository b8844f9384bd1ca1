/**
 * The voice activity detector of WebRTC (libfvad in WebAssembly): mixtures of Gaussians in six bands, which tell speech from
 * noise of the same energy.
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

/** It knows 8 and 16 kHz of our rates below 48; what is between is brought to 8. */
const ownRate = (rate: Rate): 8_000 | 16_000 | 48_000 => rate === 12_000 || rate === 24_000 ? 8_000 : rate

/** The mean of the samples that fall together: as much of a filter as a detector needs. */
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
 * The module, loaded once. Fails with `CodecUnavailable` if the package is not installed.
 *
 * @internal
 */
export const load = Effect.tryPromise({
  // esbuild takes a package that is not installed for an error, unless what fails is caught where it is imported
  try: () =>
    import("@echogarden/fvad-wasm").then((module) => module.default(), (cause: unknown) => Promise.reject(cause)),
  catch: (cause) => unavailable(`it cannot be loaded: ${cause instanceof Error ? cause.message : String(cause)}`)
})

/**
 * A detector for windows of 10 ms at this rate. `mode` is 0, which takes much for speech, to 3, which takes little.
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
    // the view is another one when the memory has grown
    const view = module.HEAP16.subarray(samples / 2, samples / 2 + length)
    if (own === rate) view.set(window)
    else reduce(window, view)
    return module._fvad_process(instance, samples, length) === 1
  }))
}
