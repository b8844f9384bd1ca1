/**
 * PCM to Opus, 48 kHz. `layer` is libopus-wasm, `layerOpusScript` is opusscript; both run in WebAssembly.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { VoiceError } from "./VoiceError.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface EncoderOptions {
  /** Default 2. */
  readonly channels?: 1 | 2 | undefined
  /** What libopus tunes for. Default "audio". */
  readonly application?: "audio" | "voip" | "lowdelay" | undefined
  /** Bits per second, 500 to 512000. Default: libopus decides by channels. */
  readonly bitrate?: number | undefined
  /** 0 (cheap) to 10 (best). Default: libopus's own. */
  readonly complexity?: number | undefined
  /** In-band forward error correction. Default false. */
  readonly fec?: boolean | undefined
  /** The loss to prepare for, 0 to 100 percent; takes effect with `fec`. Default 0. */
  readonly expectedLossPercent?: number | undefined
  /** Discontinuous transmission. Default false. */
  readonly dtx?: boolean | undefined
}

/**
 * One encoder; it carries the state of one stream and is freed with its scope.
 *
 * @category models
 * @since 0.1.0
 */
export interface Encoder {
  readonly channels: 1 | 2
  /**
   * Encodes one frame of interleaved signed 16-bit samples at 48 kHz: 2.5, 5, 10, 20, 40 or 60 ms (120 to 2880 samples a
   * channel). The packet is the caller's to keep. Fails with `EncodeFailed`.
   */
  readonly encode: (pcm: Int16Array) => Effect.Effect<Uint8Array, VoiceError>
  /** Changes the bitrate from the next frame on. */
  readonly setBitrate: (bitsPerSecond: number) => Effect.Effect<void, VoiceError>
  /** Changes the loss to prepare for from the next frame on. */
  readonly setExpectedLoss: (percent: number) => Effect.Effect<void, VoiceError>
}

/**
 * @category services
 * @since 0.1.0
 */
export class OpusEncoder extends Context.Service<OpusEncoder, {
  /** Fails with `CodecUnavailable`. */
  readonly make: (options?: EncoderOptions) => Effect.Effect<Encoder, VoiceError, Scope.Scope>
}>()("effect-discord-voice/OpusEncoder") {}
