import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import * as EncryptionMode from "../../src/protocol/EncryptionMode.ts"
import { fromHex } from "../vectors/hex.ts"
import vectors from "../vectors/rtp.json" with { type: "json" }

describe("EncryptionMode", () => {
  it("lists the seven modes, the live ones first", () => {
    assert.deepStrictEqual(EncryptionMode.modes, [
      "aead_aes256_gcm_rtpsize",
      "aead_xchacha20_poly1305_rtpsize",
      "aead_aes256_gcm",
      "xsalsa20_poly1305_lite_rtpsize",
      "xsalsa20_poly1305_lite",
      "xsalsa20_poly1305_suffix",
      "xsalsa20_poly1305"
    ])
    assert.deepStrictEqual(EncryptionMode.liveModes, [
      "aead_aes256_gcm_rtpsize",
      "aead_xchacha20_poly1305_rtpsize"
    ])
  })

  it("describes every mode under its own name, and dates those that are gone", () => {
    for (const mode of EncryptionMode.modes) {
      const spec = EncryptionMode.spec(mode)
      assert.strictEqual(spec.mode, mode)
      assert.strictEqual(spec.discontinued, spec.live ? undefined : "2024-11-18")
    }
  })

  it.each(
    [
      ["aead_aes256_gcm_rtpsize", "aes256-gcm", 12, 4, "after", "rtpsize", "counter"],
      ["aead_xchacha20_poly1305_rtpsize", "xchacha20-poly1305", 24, 4, "after", "rtpsize", "counter"],
      ["aead_aes256_gcm", "aes256-gcm", 12, 4, "after", "fixed", "counter"],
      ["xsalsa20_poly1305_lite_rtpsize", "xsalsa20-poly1305", 24, 4, "before", "rtpsize", "counter"],
      ["xsalsa20_poly1305_lite", "xsalsa20-poly1305", 24, 4, "before", "fixed", "counter"],
      ["xsalsa20_poly1305_suffix", "xsalsa20-poly1305", 24, 24, "before", "fixed", "random"],
      ["xsalsa20_poly1305", "xsalsa20-poly1305", 24, 0, "before", "fixed", "header"]
    ] as const
  )("specifies %s", (mode, cipher, nonceBytes, suffixBytes, tagPosition, clearHeader, nonce) => {
    const { discontinued: _, live: __, ...sizes } = EncryptionMode.spec(mode)
    assert.deepStrictEqual(sizes, {
      mode,
      cipher,
      keyBytes: 32,
      nonceBytes,
      suffixBytes,
      tagBytes: 16,
      tagPosition,
      clearHeader,
      nonce
    })
  })

  it("predicts the measured length of sealed packets", () => {
    for (const { hex, key, mode, plain } of vectors.sealed) {
      assert.isTrue(EncryptionMode.isEncryptionMode(mode))
      if (!EncryptionMode.isEncryptionMode(mode)) continue
      const spec = EncryptionMode.spec(mode)
      assert.strictEqual(fromHex(key).length, spec.keyBytes)
      assert.strictEqual(fromHex(hex).length, fromHex(plain).length + spec.tagBytes + spec.suffixBytes)
    }
  })

  it("recognizes its own names and nothing else", () => {
    for (const mode of EncryptionMode.modes) assert.isTrue(EncryptionMode.isEncryptionMode(mode))
    for (const name of ["", "plain", "AEAD_AES256_GCM", "constructor", "__proto__", "toString", "xsalsa20_poly1305 "]) {
      assert.isFalse(EncryptionMode.isEncryptionMode(name))
    }
  })

  it.prop("agrees with its schema", [Schema.String], ([name]) => {
    assert.strictEqual(EncryptionMode.isEncryptionMode(name), Schema.is(EncryptionMode.EncryptionMode)(name))
  })
})
