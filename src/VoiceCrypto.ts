/**
 * Transport encryption: chooses a mode, encrypts outgoing RTP and RTCP packets, and decrypts incoming ones.
 *
 * All modes that Discord has ever offered are supported: the AES-256-GCM modes with `node:crypto`, XChaCha20-Poly1305 with
 * libsodium's WebAssembly module on its own memory, and the XSalsa20-Poly1305 modes with tweetnacl.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import type { Mode, PacketCipher } from "./crypto/PacketCipher.ts"
import * as registry from "./crypto/registry.ts"
import * as SodiumMemory from "./crypto/SodiumMemory.ts"
import * as Workspaces from "./crypto/Workspaces.ts"
import { type EncryptionMode, isEncryptionMode } from "./protocol/EncryptionMode.ts"
import { printable } from "./protocol/internal/printable.ts"
import * as VoiceError from "./VoiceError.ts"

export type { Mode, PacketCipher, Workspace } from "./crypto/PacketCipher.ts"

/**
 * The number of buffers that a `Workspace` uses in turn before it reuses the first.
 *
 * @category constants
 * @since 0.1.0
 */
export const workspaceBuffers: number = Workspaces.buffers

/**
 * The service that chooses a mode and makes ciphers.
 *
 * @category services
 * @since 0.1.0
 */
export class VoiceCrypto extends Context.Service<VoiceCrypto, {
  /** The modes that this service supports, best first. */
  readonly preference: ReadonlyArray<EncryptionMode>
  /** Chooses the first mode of the preference that the server offers. Fails with `NoCommonMode`. */
  readonly choose: (
    offered: ReadonlyArray<string>,
    preference?: ReadonlyArray<EncryptionMode>
  ) => Effect.Effect<EncryptionMode, VoiceError.VoiceError>
  /** Makes a cipher for a 32-byte key. Its memory is wiped when the scope closes. Fails with `CryptoFailed`. */
  readonly make: (
    mode: Mode,
    key: Redacted.Redacted<Uint8Array>
  ) => Effect.Effect<PacketCipher, VoiceError.VoiceError, Scope.Scope>
}>()("effect-discord-voice/VoiceCrypto") {}

/**
 * The modes from best to worst. XChaCha20-Poly1305 is first: Discord always offers it, and encrypting in place costs about a
 * quarter of AES-256-GCM. The modes after the first two are those of 2022, which Discord has discontinued.
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

/** Discord has never offered that many. */
const mostShown = 20

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
          ? VoiceError.fail(
            new VoiceError.NoCommonMode({ offered: offered.slice(0, mostShown).map(printable), accepted })
          )
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
 * All modes in the order of {@link defaultPreference}. If libsodium's module cannot be loaded, a warning is logged and the
 * service does not support `aead_xchacha20_poly1305_rtpsize`.
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
