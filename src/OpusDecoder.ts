/**
 * Opus to PCM, 48 kHz. `layer` is libopus-wasm, `layerOpusScript` is opusscript; both run in WebAssembly.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { VoiceError } from "./VoiceError.ts"

/**
 * One decoder; it carries the state of one stream and is freed with its scope.
 *
 * @category models
 * @since 0.1.0
 */
export interface Decoder {
  readonly channels: 1 | 2
  /** Decodes one packet to interleaved signed 16-bit samples at 48 kHz. Fails with `EncodeFailed`. */
  readonly decode: (packet: Uint8Array) => Effect.Effect<Int16Array, VoiceError>
  /** Fills in for a lost packet of `samples` a channel (a multiple of 120). */
  readonly conceal: (samples: number) => Effect.Effect<Int16Array, VoiceError>
  /**
   * Recovers the packet before `next` from the error correction data in `next`. Fails with `Unsupported` where the
   * library cannot do it (opusscript).
   */
  readonly recover: (next: Uint8Array, samples: number) => Effect.Effect<Int16Array, VoiceError>
}

/**
 * @category services
 * @since 0.1.0
 */
export class OpusDecoder extends Context.Service<OpusDecoder, {
  /** Fails with `CodecUnavailable`. Default 2 channels. */
  readonly make: (
    options?: { readonly channels?: 1 | 2 | undefined }
  ) => Effect.Effect<Decoder, VoiceError, Scope.Scope>
}>()("effect-discord-voice/OpusDecoder") {}
