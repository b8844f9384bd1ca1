/**
 * Transport encryption that leaves packets unchanged, so that a test can read what was sent. Modes are chosen as usual.
 *
 * **Example** (Which keys were used)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { MockVoiceCrypto } from "effect-discord-voice/testing"
 *
 * const test = Effect.gen(function*() {
 *   const crypto = yield* MockVoiceCrypto.MockVoiceCrypto
 *   // ... run the program under test ...
 *   const [first] = yield* crypto.made
 * }).pipe(Effect.provide(MockVoiceCrypto.layer))
 * ```
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"
import * as EncryptionMode from "../protocol/EncryptionMode.ts"
import * as VoiceCrypto from "../VoiceCrypto.ts"
import * as VoiceError from "../VoiceError.ts"

/**
 * Controls of {@link layer}.
 *
 * @category services
 * @since 0.1.0
 */
export class MockVoiceCrypto extends Context.Service<MockVoiceCrypto, {
  /** The modes and keys for which ciphers were made, in order. */
  readonly made: Effect.Effect<
    ReadonlyArray<{ readonly mode: VoiceCrypto.Mode; readonly key: Redacted.Redacted<Uint8Array> }>
  >
  /** Makes the creation of the next cipher fail. Can be called several times. */
  readonly refuse: Effect.Effect<void>
}>()("effect-discord-voice/testing/MockVoiceCrypto") {}

/**
 * Makes a cipher that changes nothing. Its mode is `plain`, whichever was requested.
 *
 * @category constructors
 * @since 0.1.0
 */
export const plainCipher = (): VoiceCrypto.PacketCipher => {
  let sealed = 0
  return {
    mode: "plain",
    expansionBytes: 0,
    allocate: (size) => new Uint8Array(size),
    workspace: { next: (size) => new Uint8Array(size), release: () => {}, replace: () => {} },
    seal: (buffer, _, plainLength) => {
      if (plainLength > buffer.length) return -1
      sealed++
      return plainLength
    },
    open: (_, clearLength, length) => length < clearLength ? -1 : length,
    sealed: () => sealed
  }
}

const make = Effect.sync(() => {
  const made: Array<{ readonly mode: VoiceCrypto.Mode; readonly key: Redacted.Redacted<Uint8Array> }> = []
  let refusals = 0

  return Context.make(VoiceCrypto.VoiceCrypto, {
    preference: EncryptionMode.liveModes,
    choose: (offered, preference = EncryptionMode.liveModes) => {
      const mode = preference.find((mode) => offered.includes(mode))
      return mode === undefined
        ? VoiceError.fail(new VoiceError.NoCommonMode({ offered, accepted: preference }))
        : Effect.succeed(mode)
    },
    make: (mode, key) =>
      Effect.suspend(() => {
        if (refusals > 0) {
          refusals--
          return VoiceError.fail(new VoiceError.CryptoFailed({ mode, detail: "refused by the test" }))
        }
        made.push({ mode, key })
        return Effect.succeed(plainCipher())
      })
  }).pipe(
    Context.add(MockVoiceCrypto, {
      made: Effect.sync(() => [...made]),
      refuse: Effect.sync(() => {
        refusals++
      })
    })
  )
})

/**
 * Ciphers that change nothing.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<VoiceCrypto.VoiceCrypto | MockVoiceCrypto> = Layer.effectContext(make)
