/**
 * Transport encryption: chooses a mode, seals RTP and RTCP packets on their way out and opens them on their way in.
 *
 * All modes that Discord has ever offered are there: the AES-256-GCM modes by `node:crypto`, XChaCha20-Poly1305 by
 * libsodium's WebAssembly module on its own memory, the XSalsa20-Poly1305 modes by tweetnacl.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import * as registry from "./crypto/registry.ts"
import * as SodiumMemory from "./crypto/SodiumMemory.ts"
import * as Workspaces from "./crypto/Workspaces.ts"
import { type EncryptionMode, isEncryptionMode } from "./protocol/EncryptionMode.ts"
import * as VoiceError from "./VoiceError.ts"

/**
 * The mode of a cipher. `plain` leaves packets as they are and is for tests only: it is never chosen.
 *
 * @category models
 * @since 0.1.0
 */
export type Mode = EncryptionMode | "plain"

/**
 * Buffers in which all senders of a process make their packets, in the memory of the cipher's engine where it has one. A
 * buffer is used again after {@link workspaceBuffers} others: fill, seal and send it before that.
 *
 * @category models
 * @since 0.1.0
 */
export interface Workspace {
  /** A buffer of `size` bytes or more. What stood in it is of no use. */
  readonly next: (size: number) => Uint8Array
  /** Says that a buffer that `next` gave is needed no longer. Once none is, the same ones come again. */
  readonly release: () => void
  /** Says that somebody will read the buffer later (a datagram that waits in Node), so that another takes its place. */
  readonly replace: (buffer: Uint8Array) => void
}

/**
 * How many buffers of a {@link Workspace} are in use before the first one's turn comes again.
 *
 * @category constants
 * @since 0.1.0
 */
export const workspaceBuffers: number = Workspaces.buffers

/**
 * Seals and opens the packets of one connection under one key. Plain code for the 20 ms beat: nothing is allocated per
 * packet, and nothing throws.
 *
 * @category models
 * @since 0.1.0
 */
export interface PacketCipher {
  readonly mode: Mode
  /** How many bytes a sealed packet is longer than its plain form. */
  readonly expansionBytes: number
  /**
   * Makes a zeroed buffer of `size` bytes that this cipher works on fastest (in the memory of its engine, where it has
   * one). Any other buffer works too. It is released with the cipher's scope: do not touch it afterwards, another cipher's
   * packets may stand there. When the engine's memory is used up (some thousand connections) it is an ordinary buffer.
   */
  readonly allocate: (size: number) => Uint8Array
  /** Where packets are made, shared by all ciphers of an engine. */
  readonly workspace: Workspace
  /**
   * Seals the packet in `buffer[0, plainLength)` in place: header first, then the payload. `clearLength` is the length of
   * the part that stays readable: 12 + 4 * CSRC count (+ 4 with an extension) in the rtpsize modes, 12 in the others, 8
   * for RTCP. The buffer needs `expansionBytes` of room behind. Returns the sealed length, or -1 when the nonces of this
   * key are used up (2^32 packets; 2^26 in `xsalsa20_poly1305`), the buffer is too small, or the scope is closed.
   *
   * In `xsalsa20_poly1305` the RTP header is the nonce: no two packets under a key may have the same first 12 bytes, and
   * RTCP packets, whose headers repeat, are refused (-1).
   */
  readonly seal: (buffer: Uint8Array, clearLength: number, plainLength: number) => number
  /**
   * Opens the packet in `buffer[0, length)` in place. Afterwards `buffer[clearLength, result)` is the plain payload.
   * Returns the plain length, or -1 when it is too short or does not authenticate; what stands behind the clear header is
   * unspecified then. Opening does not disturb sealing: the two have nonces of their own.
   */
  readonly open: (buffer: Uint8Array, clearLength: number, length: number) => number
  /** Reads what `seal` will need ahead of its time. See `AudioClock.Sender.prefetch`. A cipher may do without. */
  readonly prefetch?: ((step: number) => number) | undefined
  /** Packets sealed under this key so far. */
  readonly sealed: () => number
}

/**
 * Chooses a mode and makes ciphers.
 *
 * @category services
 * @since 0.1.0
 */
export class VoiceCrypto extends Context.Service<VoiceCrypto, {
  /** The modes this service can do, best first. */
  readonly preference: ReadonlyArray<EncryptionMode>
  /** The first mode of the preference that the server offers. Fails with `NoCommonMode`. */
  readonly choose: (
    offered: ReadonlyArray<string>,
    preference?: ReadonlyArray<EncryptionMode>
  ) => Effect.Effect<EncryptionMode, VoiceError.VoiceError>
  /** A cipher for a 32-byte key. Its memory is wiped when the scope closes. Fails with `CryptoFailed`. */
  readonly make: (
    mode: Mode,
    key: Redacted.Redacted<Uint8Array>
  ) => Effect.Effect<PacketCipher, VoiceError.VoiceError, Scope.Scope>
}>()("effect-discord-voice/VoiceCrypto") {}

/**
 * The modes from best to worst. XChaCha20-Poly1305 is first: Discord offers it always, and sealed in place it costs about
 * a quarter of AES-256-GCM. The modes behind the first two are those of 2022, which Discord has discontinued.
 *
 * @category constants
 * @since 0.1.0
 */
export const defaultPreference: ReadonlyArray<EncryptionMode> = [
  "aead_xchacha20_poly1305_rtpsize",
  "aead_aes256_gcm_rtpsize",
  "xsalsa20_poly1305_lite_rtpsize",
  "xsalsa20_poly1305_lite",
  "xsalsa20_poly1305_suffix",
  "xsalsa20_poly1305",
  "aead_aes256_gcm"
]

const loadSodium: Effect.Effect<SodiumMemory.SodiumMemory | string> = Effect.tryPromise({
  try: SodiumMemory.get,
  catch: (cause) => `libsodium's WebAssembly module could not be loaded (${String(cause)})`
}).pipe(Effect.catch((reason) => Effect.as(Effect.logWarning(reason), reason)))

const make = Effect.fnUntraced(function*(wanted: ReadonlyArray<EncryptionMode>) {
  const engines: registry.Engines = { sodium: yield* loadSodium }
  const preference = wanted.filter((mode) => registry.isAvailable(mode, engines))

  return VoiceCrypto.of({
    preference,

    choose: (offered, accepted = preference) =>
      Effect.suspend(() => {
        const mode = accepted.find((mode) =>
          offered.includes(mode) && isEncryptionMode(mode) && registry.isAvailable(mode, engines)
        )
        return mode === undefined
          ? VoiceError.fail(new VoiceError.NoCommonMode({ offered, accepted }))
          : Effect.succeed(mode)
      }),

    make: (mode, key) =>
      Effect.acquireRelease(
        Effect.suspend(() => {
          const cipher = registry.make(mode, Redacted.value(key), engines)
          return typeof cipher === "string"
            ? VoiceError.fail(new VoiceError.CryptoFailed({ mode, detail: cipher }))
            : Effect.succeed(cipher)
        }),
        (cipher) => Effect.sync(cipher.close)
      )
  })
})

/**
 * All modes in the order of {@link defaultPreference}. Should libsodium's module not load, which is logged, the service
 * does without `aead_xchacha20_poly1305_rtpsize`.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<VoiceCrypto> = Layer.effect(VoiceCrypto, make(defaultPreference))

/**
 * Like {@link layer}, but chooses only from the modes of `preference`, best first.
 *
 * @example
 * ```ts
 * import { VoiceCrypto } from "effect-discord-voice"
 *
 * const aes = VoiceCrypto.layerWith({ preference: ["aead_aes256_gcm_rtpsize", "aead_xchacha20_poly1305_rtpsize"] })
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layerWith = (
  options: { readonly preference?: ReadonlyArray<EncryptionMode> | undefined }
): Layer.Layer<VoiceCrypto> => Layer.effect(VoiceCrypto, make(options.preference ?? defaultPreference))
