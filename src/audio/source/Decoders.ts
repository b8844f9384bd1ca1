/**
 * Packets to samples: one library for each codec, loaded when it is needed. All are WebAssembly, and all decode packet by
 * packet, so that the samples of a packet have a position in the stream whatever was lost before.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { VoiceError } from "../../VoiceError.ts"
import * as ByteSource from "../ByteSource.ts"
import type { Header } from "../format/PacketReader.ts"
import * as AacDecoder from "./decoder/AacDecoder.ts"
import type { Decoder, Handle } from "./decoder/Decoder.ts"
import * as FlacDecoder from "./decoder/FlacDecoder.ts"
import * as Mp3Decoder from "./decoder/Mp3Decoder.ts"
import * as MultistreamDecoder from "./decoder/MultistreamDecoder.ts"
import * as PcmDecoder from "./decoder/PcmDecoder.ts"
import * as VorbisDecoder from "./decoder/VorbisDecoder.ts"

export type {
  /**
   * @category models
   * @since 0.1.0
   */
  Block,
  /**
   * @category models
   * @since 0.1.0
   */
  Decoded,
  /**
   * @category models
   * @since 0.1.0
   */
  Decoder
} from "./decoder/Decoder.ts"

const load = (header: Header): Promise<Handle> => {
  switch (header.codec) {
    case "mp3":
      return Mp3Decoder.make(header)
    case "flac":
      return FlacDecoder.make(header)
    case "vorbis":
      return VorbisDecoder.make(header)
    case "aac":
      return AacDecoder.make(header)
    case "pcm":
      return Promise.resolve(PcmDecoder.make(header))
    case "opus":
      return header.opus === undefined
        ? Promise.reject(new Error("Opus that can be passed through is not decoded"))
        : MultistreamDecoder.make(header.opus)
  }
}

/**
 * Whether this process has a decoder for a codec: for AAC only if the package `@audio/decode-aac` is installed, which is
 * under the GPL and therefore not a part of this one.
 *
 * @category guards
 * @since 0.1.0
 */
export const isAvailable = (codec: Header["codec"]): Effect.Effect<boolean> =>
  codec === "aac"
    ? Effect.promise(() => import("@audio/decode-aac").then(() => true, () => false))
    : Effect.succeed(true)

let opened = 0

/**
 * How many decoders are not freed yet.
 *
 * @category getters
 * @since 0.1.0
 * @internal
 */
export const open = (): number => opened

/**
 * Makes a decoder, which is freed with the scope. Fails with `Unsupported` if the library cannot be loaded.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (header: Header, name: string): Effect.Effect<Decoder, VoiceError, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.tryPromise({
        try: async () => {
          const handle = await load(header)
          opened++
          return { handle, busy: Promise.resolve<unknown>(undefined) }
        },
        catch: (cause) =>
          ByteSource.failure(name, "Unsupported", `its decoder cannot be loaded: ${ByteSource.describe(cause)}`, {
            cause
          })
      }),
      // an interrupted caller has left it at work
      (owned) =>
        Effect.promise(() =>
          owned.busy.catch(() => undefined).then(() => {
            opened--
            owned.handle.free()
          })
        )
    ),
    (owned): Decoder => ({
      decode: (packets) => {
        const decoded = owned.handle.decode(packets)
        owned.busy = decoded
        return decoded
      },
      reset: () => {
        const reset = owned.busy.catch(() => undefined).then(() => owned.handle.reset())
        owned.busy = reset
        return reset
      }
    })
  )
