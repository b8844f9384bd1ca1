import { assert, describe, it, layer } from "@effect/vitest"
import { Effect, Exit, Redacted, Scope } from "effect"
import { type EncryptionMode, liveModes, modes } from "../src/protocol/EncryptionMode.ts"
import * as VoiceCrypto from "../src/VoiceCrypto.ts"

const key = Redacted.make(Uint8Array.from({ length: 32 }, (_, i) => i))
const silence = Uint8Array.from(Buffer.from("80780001000003c011223344f8fffe", "hex"))

layer(VoiceCrypto.layer)("VoiceCrypto", (it) => {
  it.effect("prefers the cheapest live mode, and knows all modes", () =>
    Effect.gen(function*() {
      const crypto = yield* VoiceCrypto.VoiceCrypto
      assert.deepStrictEqual(crypto.preference, VoiceCrypto.defaultPreference)
      assert.sameMembers([...crypto.preference], [...modes])
      assert.sameMembers(crypto.preference.slice(0, 2), [...liveModes])
      assert.strictEqual(yield* crypto.choose([...liveModes]), "aead_xchacha20_poly1305_rtpsize")
    }))

  it.effect("chooses by preference, not by the order of the offer", () =>
    Effect.gen(function*() {
      const crypto = yield* VoiceCrypto.VoiceCrypto
      const choose = (offered: ReadonlyArray<string>, preference?: ReadonlyArray<EncryptionMode>) =>
        crypto.choose(offered, preference)
      assert.strictEqual(
        yield* choose(["xsalsa20_poly1305", "xsalsa20_poly1305_suffix", "xsalsa20_poly1305_lite"]),
        "xsalsa20_poly1305_lite"
      )
      assert.strictEqual(yield* choose(["unheard_of", "aead_aes256_gcm"]), "aead_aes256_gcm")
      assert.strictEqual(
        yield* choose([...liveModes], ["xsalsa20_poly1305", "aead_aes256_gcm_rtpsize"]),
        "aead_aes256_gcm_rtpsize"
      )
    }))

  it.effect("reports what was offered and accepted if there is no common mode", () =>
    Effect.gen(function*() {
      const crypto = yield* VoiceCrypto.VoiceCrypto
      const offered = ["plain", "unheard_of", "toString"]
      for (
        const [accepted, error] of [
          [crypto.preference, yield* Effect.flip(crypto.choose(offered))],
          [["xsalsa20_poly1305"], yield* Effect.flip(crypto.choose([...liveModes], ["xsalsa20_poly1305"]))],
          [[], yield* Effect.flip(crypto.choose([...liveModes], []))]
        ] as const
      ) {
        assert.strictEqual(error.reason._tag, "NoCommonMode")
        if (error.reason._tag === "NoCommonMode") assert.deepStrictEqual(error.reason.accepted, accepted)
      }
      const error = yield* Effect.flip(crypto.choose(offered))
      assert.include(error.message, "plain, unheard_of, toString")
    }))

  it.effect("escapes and shortens an offer that it reports", () =>
    Effect.gen(function*() {
      const crypto = yield* VoiceCrypto.VoiceCrypto
      const offered = Array.from({ length: 10_000 }, () => `\u001b[2J${"m".repeat(100)}`)
      const { message } = yield* Effect.flip(crypto.choose(offered))
      assert.notInclude(message, "\u001b")
      assert.isBelow(message.length, 5_000)
    }))

  it.effect.each([...modes, "plain" as const])(
    "%s: one side opens what the other seals",
    (mode) =>
      Effect.gen(function*() {
        const crypto = yield* VoiceCrypto.VoiceCrypto
        const sender = yield* crypto.make(mode, key)
        const receiver = yield* crypto.make(mode, key)
        assert.strictEqual(sender.mode, mode)
        const buffer = sender.allocate(silence.length + sender.expansionBytes)
        buffer.set(silence)
        const length = sender.seal(buffer, 12, silence.length)
        assert.strictEqual(length, buffer.length)
        const received = buffer.slice()
        assert.strictEqual(receiver.open(received, 12, length), silence.length)
        assert.deepStrictEqual(received.slice(0, silence.length), silence)
        assert.strictEqual(sender.sealed(), 1)
        assert.strictEqual(receiver.sealed(), 0)
      })
  )

  it.effect("fails for a key of another length without revealing its bytes", () =>
    Effect.gen(function*() {
      const crypto = yield* VoiceCrypto.VoiceCrypto
      for (const mode of modes) {
        for (const length of [0, 31, 33]) {
          const error = yield* Effect.flip(crypto.make(mode, Redacted.make(new Uint8Array(length).fill(201))))
          assert.strictEqual(error.reason._tag, "CryptoFailed")
          assert.include(error.message, mode)
          assert.include(error.message, `${length} bytes`)
          assert.notInclude(JSON.stringify(error), "201")
        }
      }
    }))

  it.effect("ends a cipher with its scope", () =>
    Effect.gen(function*() {
      const crypto = yield* VoiceCrypto.VoiceCrypto
      for (const mode of [...modes, "plain" as const]) {
        const scope = yield* Scope.make()
        const cipher = yield* Scope.provide(crypto.make(mode, key), scope)
        const buffer = new Uint8Array(100)
        buffer.set(silence)
        const length = cipher.seal(buffer, 12, silence.length)
        assert.isAbove(length, 0)
        yield* Scope.close(scope, Exit.void)
        assert.strictEqual(cipher.seal(buffer, 12, silence.length), -1)
        assert.strictEqual(cipher.open(buffer, 12, length), -1)
      }
    }))
})

describe("VoiceCrypto.layerWith", () => {
  it.effect("narrows and orders the modes", () =>
    Effect.gen(function*() {
      const crypto = yield* VoiceCrypto.VoiceCrypto
      assert.deepStrictEqual(crypto.preference, ["aead_aes256_gcm_rtpsize", "xsalsa20_poly1305"])
      assert.strictEqual(yield* crypto.choose([...liveModes]), "aead_aes256_gcm_rtpsize")
      const error = yield* Effect.flip(crypto.choose(["aead_xchacha20_poly1305_rtpsize"]))
      assert.strictEqual(error.reason._tag, "NoCommonMode")
    }).pipe(Effect.provide(VoiceCrypto.layerWith({ preference: ["aead_aes256_gcm_rtpsize", "xsalsa20_poly1305"] }))))

  it.effect("keeps the default order", () =>
    Effect.gen(function*() {
      const crypto = yield* VoiceCrypto.VoiceCrypto
      assert.deepStrictEqual(crypto.preference, VoiceCrypto.defaultPreference)
    }).pipe(Effect.provide(VoiceCrypto.layerWith({}))))
})
