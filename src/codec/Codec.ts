/**
 * The interface of an Opus library beneath the services. Its functions are plain and may throw: callers check the arguments
 * before, and turn exceptions into errors.
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { VoiceError } from "../VoiceError.ts"
import type { EncoderOptions, Rate } from "./options.ts"

/** @internal */
export interface RawEncoder {
  /** Encodes a frame of a valid duration. */
  readonly encode: (pcm: Int16Array) => Uint8Array
  readonly setBitrate: (bitsPerSecond: number) => void
  readonly setExpectedLoss: (percent: number) => void
  readonly setPrediction: (on: boolean) => void
  readonly setVariableBitrate: (on: boolean) => void
}

/** @internal */
export interface RawDecoder {
  /** Decodes a packet of a valid length. */
  readonly decode: (packet: Uint8Array) => Int16Array
  /** Fills in for a gap of a valid duration, in samples per channel at 48 kHz. */
  readonly conceal: (samples: number) => Int16Array
  /** Recovers a packet from the error correction data in the next one. Absent if the library cannot do it. */
  readonly recover?: (next: Uint8Array, samples: number) => Int16Array
}

/** @internal */
export interface Codec {
  readonly name: string
  /** Run once, when the layer is built, so that making a codec does not wait. Failures are reported when a codec is made. */
  readonly prepare: Effect.Effect<void>
  /** Makes an encoder, which is freed with the scope. The options are valid. */
  readonly encoder: (
    options: EncoderOptions & { readonly channels: 1 | 2 }
  ) => Effect.Effect<RawEncoder, VoiceError, Scope.Scope>
  /** Makes a decoder to a valid rate, which is freed with the scope. */
  readonly decoder: (channels: 1 | 2, rate: Rate) => Effect.Effect<RawDecoder, VoiceError, Scope.Scope>
}
