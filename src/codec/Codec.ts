/**
 * What an Opus library has to bring to stand behind the services. Its functions are plain and may throw: whoever calls them
 * checks the arguments before and turns what is thrown into an error.
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
  /** Fills in for a gap of a valid duration, in samples a channel at 48 kHz. */
  readonly conceal: (samples: number) => Int16Array
  /** Left out by a library that cannot do it. */
  readonly recover?: (next: Uint8Array, samples: number) => Int16Array
}

/** @internal */
export interface Codec {
  readonly name: string
  /** Done once, when the layer is built, so that making a codec waits for nothing. Failures show when one is made. */
  readonly prepare: Effect.Effect<void>
  /** The options are valid. Freed with the scope. */
  readonly encoder: (
    options: EncoderOptions & { readonly channels: 1 | 2 }
  ) => Effect.Effect<RawEncoder, VoiceError, Scope.Scope>
  /** To a valid rate. Freed with the scope. */
  readonly decoder: (channels: 1 | 2, rate: Rate) => Effect.Effect<RawDecoder, VoiceError, Scope.Scope>
}
