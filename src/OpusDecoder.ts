/**
 * Decodes Opus to PCM, at 48 kHz or less. `layer` uses libopus-wasm, `layerOpusScript` uses opusscript; both run in
 * WebAssembly.
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
import type { Rate } from "./codec/options.ts"
import * as OpusScript from "./codec/OpusScript.ts"
import * as VoiceError from "./VoiceError.ts"

export type { Rate } from "./codec/options.ts"

/**
 * The options of a decoder.
 *
 * @category models
 * @since 0.1.0
 */
export interface DecoderOptions {
  /** Default 2. */
  readonly channels?: 1 | 2 | undefined
  /** The sample rate. Default 48 000. A lower rate costs less, since the decoder works at that rate. */
  readonly rate?: Rate | undefined
}

/**
 * A decoder. It carries the state of one stream and is freed with its scope.
 *
 * @category models
 * @since 0.1.0
 */
export interface Decoder {
  readonly channels: 1 | 2
  readonly rate: Rate
  /** Decodes one packet to interleaved signed 16-bit samples. Fails with `EncodeFailed`. */
  readonly decode: (packet: Uint8Array) => Effect.Effect<Int16Array, VoiceError.VoiceError>
  /**
   * Fills in for a lost packet of `samples` per channel at 48 kHz (a multiple of 120, up to 5760), whatever the rate is.
   * Fails with `EncodeFailed`.
   */
  readonly conceal: (samples: number) => Effect.Effect<Int16Array, VoiceError.VoiceError>
  /**
   * Recovers the packet of `samples` at 48 kHz before `next` from the error correction data in `next`. Fails with
   * `Unsupported` if the library cannot do it (opusscript).
   */
  readonly recover: (next: Uint8Array, samples: number) => Effect.Effect<Int16Array, VoiceError.VoiceError>
}

/**
 * The service that makes decoders.
 *
 * @category services
 * @since 0.1.0
 */
export class OpusDecoder extends Context.Service<OpusDecoder, {
  /** Makes a decoder. Fails with `CodecUnavailable`, also if an option is out of range. */
  readonly make: (
    options?: DecoderOptions
  ) => Effect.Effect<Decoder, VoiceError.VoiceError, Scope.Scope>
}>()("effect-discord-voice/OpusDecoder") {}

const makeWith = Effect.fnUntraced(function*(codec: Codec) {
  yield* codec.prepare
  return OpusDecoder.of({
    make: Effect.fnUntraced(function*(options: DecoderOptions = {}) {
      const channels = options.channels ?? 2
      const rate = options.rate ?? limits.sampleRate
      const problem = limits.channelsProblem(channels) ?? limits.rateProblem(rate)
      if (problem !== undefined) return yield* errors.unavailable(codec.name, problem)
      const raw = yield* codec.decoder(channels, rate)
      const recover = raw.recover
      const decoder: Decoder = {
        channels,
        rate,
        decode: (packet) =>
          errors.attempt(codec.name, () => limits.packetProblem(packet.length), () => raw.decode(packet)),
        conceal: (samples) => errors.attempt(codec.name, () => limits.gapProblem(samples), () => raw.conceal(samples)),
        recover: recover === undefined
          ? () =>
            VoiceError.fail(
              new VoiceError.Unsupported({
                feature: "Recovery from error correction data",
                detail: `${codec.name} cannot decode it`
              })
            )
          : (next, samples) =>
            errors.attempt(
              codec.name,
              () => limits.packetProblem(next.length) ?? limits.gapProblem(samples),
              () => recover(next, samples)
            )
      }
      return decoder
    })
  })
})

/**
 * Decoders of libopus-wasm (libopus 1.6), as many as there is memory for.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<OpusDecoder> = Layer.effect(OpusDecoder, makeWith(LibOpusWasm.codec))

/**
 * Decoders of opusscript (libopus 1.4), without `recover`. A process can hold 52 of its encoders and decoders at the same
 * time; the next fails with `CodecUnavailable`.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerOpusScript: Layer.Layer<OpusDecoder> = Layer.effect(OpusDecoder, makeWith(OpusScript.codec))
