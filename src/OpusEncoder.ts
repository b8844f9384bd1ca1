/**
 * Encodes PCM to Opus, at 48 kHz. `layer` uses libopus-wasm, `layerOpusScript` uses opusscript; both run in WebAssembly.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type { Codec } from "./codec/Codec.ts"
import * as errors from "./codec/errors.ts"
import * as LibOpusWasm from "./codec/LibOpusWasm.ts"
import * as limits from "./codec/limits.ts"
import type { EncoderOptions } from "./codec/options.ts"
import * as OpusScript from "./codec/OpusScript.ts"
import type { VoiceError } from "./VoiceError.ts"

export type { EncoderOptions, EncoderSettings } from "./codec/options.ts"

/**
 * An encoder. It carries the state of one stream and is freed with its scope.
 *
 * @category models
 * @since 0.1.0
 */
export interface Encoder {
  readonly channels: 1 | 2
  /**
   * Encodes one frame of interleaved signed 16-bit samples at 48 kHz: 2.5, 5, 10, 20, 40 or 60 ms (120 to 2880 samples per
   * channel). The packet belongs to the caller. Fails with `EncodeFailed`.
   */
  readonly encode: (pcm: Int16Array) => Effect.Effect<Uint8Array, VoiceError>
  /**
   * Changes the bitrate, from the next frame on. Fails with `EncodeFailed` for anything but a whole number from 500 to
   * 512000.
   */
  readonly setBitrate: (bitsPerSecond: number) => Effect.Effect<void, VoiceError>
  /**
   * Changes the loss to prepare for, from the next frame on. Fails with `EncodeFailed` for anything but a whole number from 0
   * to 100.
   */
  readonly setExpectedLoss: (percent: number) => Effect.Effect<void, VoiceError>
  /**
   * Sets whether frames may be predicted from former ones, from the next frame on; true at first. Without prediction, a frame
   * takes more bytes, but also sounds right if the decoder has heard something else before it. Fails with `EncodeFailed` if
   * the codec refuses it.
   */
  readonly setPrediction: (on: boolean) => Effect.Effect<void, VoiceError>
  /**
   * Sets whether frames may take as many bytes as they need, from the next frame on; true at first. Otherwise each takes what
   * the bitrate says, including a frame of another duration than those before it. Fails with `EncodeFailed` if the codec
   * refuses it.
   */
  readonly setVariableBitrate: (on: boolean) => Effect.Effect<void, VoiceError>
}

/**
 * The service that makes encoders.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { OpusEncoder } from "effect-discord-voice"
 *
 * const program = Effect.gen(function*() {
 *   const encoder = yield* (yield* OpusEncoder.OpusEncoder).make({ bitrate: 96_000 })
 *   return yield* encoder.encode(new Int16Array(1920)) // 20 ms of silence in two channels
 * }).pipe(Effect.scoped, Effect.provide(OpusEncoder.layer))
 * ```
 *
 * @category services
 * @since 0.1.0
 */
export class OpusEncoder extends Context.Service<OpusEncoder, {
  /** Makes an encoder. Fails with `CodecUnavailable`, also if an option is out of range. */
  readonly make: (options?: EncoderOptions) => Effect.Effect<Encoder, VoiceError, Scope.Scope>
}>()("effect-discord-voice/OpusEncoder") {}

const makeWith = Effect.fnUntraced(function*(codec: Codec) {
  yield* codec.prepare
  return OpusEncoder.of({
    make: Effect.fnUntraced(function*(options: EncoderOptions = {}) {
      const problem = limits.optionsProblem(options)
      if (problem !== undefined) return yield* errors.unavailable(codec.name, problem)
      const channels = options.channels ?? 2
      const raw = yield* codec.encoder({ ...options, channels })
      const encoder: Encoder = {
        channels,
        encode: (pcm) =>
          errors.attempt(codec.name, () => limits.frameProblem(pcm.length, channels), () => raw.encode(pcm)),
        setBitrate: (bitsPerSecond) =>
          errors.attempt(codec.name, () => limits.bitrateProblem(bitsPerSecond), () => raw.setBitrate(bitsPerSecond)),
        setExpectedLoss: (percent) =>
          errors.attempt(codec.name, () => limits.lossProblem(percent), () => raw.setExpectedLoss(percent)),
        setPrediction: (on) => errors.attempt(codec.name, () => undefined, () => raw.setPrediction(on)),
        setVariableBitrate: (on) => errors.attempt(codec.name, () => undefined, () => raw.setVariableBitrate(on))
      }
      return encoder
    })
  })
})

/**
 * Encoders of libopus-wasm (libopus 1.6), as many as there is memory for.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<OpusEncoder> = Layer.effect(OpusEncoder, makeWith(LibOpusWasm.codec))

/**
 * Encoders of opusscript (libopus 1.4). A process can hold 52 of its encoders and decoders at the same time; the next fails
 * with `CodecUnavailable`.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerOpusScript: Layer.Layer<OpusEncoder> = Layer.effect(OpusEncoder, makeWith(OpusScript.codec))
