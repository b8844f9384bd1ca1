import { assert, describe, it } from "@effect/vitest"
import * as Setting from "../../../src/cli/demo/Setting.ts"
import { EncryptionMode } from "../../../src/protocol/EncryptionMode.ts"
import { VoiceVersion } from "../../../src/protocol/VoicePayload.ts"

const name = (...args: Parameters<typeof Setting.make>) => {
  const { profile, version } = Setting.make(...args)
  return [profile.name, version]
}

describe("Setting", () => {
  it("is today's Discord, unless only that of 2022 has the requested mode or version", () => {
    assert.deepStrictEqual(name(undefined, undefined), ["today", 8])
    assert.deepStrictEqual(name(undefined, 9), ["today", 9])
    assert.deepStrictEqual(name(undefined, 4), ["today", 4])
    assert.deepStrictEqual(name(undefined, 3), ["2022", 3])
    assert.deepStrictEqual(name("aead_aes256_gcm_rtpsize", undefined), ["today", 8])
    assert.deepStrictEqual(name("xsalsa20_poly1305", undefined), ["2022", 4])
    assert.deepStrictEqual(name("xsalsa20_poly1305_lite", 2), ["2022", 2])
  })

  it("always has the requested mode and version", () => {
    for (const mode of EncryptionMode.literals) {
      for (const version of VoiceVersion.literals) {
        const setting = Setting.make(mode, version)
        assert.include(setting.profile.modes, mode)
        assert.include(setting.profile.versions, version)
        assert.deepStrictEqual([setting.modes, setting.version], [[mode], version])
      }
    }
    assert.isUndefined(Setting.make(undefined, 9).modes)
  })

  it("requires end-to-end encryption whenever the bot supports it", () => {
    assert.deepStrictEqual(
      [undefined, 9, 8, 7, 4, 3].map((version) =>
        Setting.make(undefined, VoiceVersion.literals.find((v) => v === version)).e2ee
      ),
      ["required", "required", "required", "optional", "optional", "optional"]
    )
    assert.strictEqual(Setting.make("xsalsa20_poly1305", undefined).e2ee, "optional")
  })
})
