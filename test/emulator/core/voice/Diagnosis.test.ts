import { assert, describe, it } from "@effect/vitest"
import { gcm } from "@noble/ciphers/aes.js"
import { xchacha20poly1305 } from "@noble/ciphers/chacha.js"
import * as Diagnosis from "../../../../src/emulator/core/voice/Diagnosis.ts"
import { seal } from "./kit.ts"

const key = Uint8Array.from({ length: 32 }, (_, i) => i)
const header = Uint8Array.from([0x80, 120, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3])
const extended = Uint8Array.from([0x90, ...header.subarray(1), 0xbe, 0xde, 0, 1])
const text = Uint8Array.from({ length: 40 }, (_, i) => 100 + i)
const counter = Uint8Array.of(0, 0, 1, 7)

const modes = [
  ["aead_aes256_gcm_rtpsize", gcm, 12],
  ["aead_xchacha20_poly1305_rtpsize", xchacha20poly1305, 24]
] as const

describe("Diagnosis", () => {
  describe.each(modes)("of %s", (mode, cipher, size) => {
    const nonce = (bytes: Uint8Array, at = 0) => {
      const made = new Uint8Array(size)
      made.set(bytes, at)
      return made
    }
    const sealed = (by: Uint8Array, additional: Uint8Array = header) => cipher(key, by, additional).encrypt(text)
    const why = (parts: ReadonlyArray<Uint8Array>, clear = 12) =>
      Diagnosis.unsealed(mode, key, Uint8Array.from(Buffer.concat(parts)), clear)

    it.each<readonly [mistake: string, parts: ReadonlyArray<Uint8Array>]>([
      ["the counter is at the end of the nonce", [header, sealed(nonce(counter, size - 4)), counter]],
      ["a different byte order", [header, sealed(nonce(counter)), counter.toReversed()]],
      ["the header is not authenticated", [header, sealed(nonce(counter), new Uint8Array(0)), counter]],
      ["only 8 bytes of the header", [header, sealed(nonce(counter), header.subarray(0, 8)), counter]],
      ["the whole nonce follows the tag", [header, sealed(nonce(counter)), nonce(counter)]],
      ["the tag comes before the ciphertext", [
        header,
        sealed(nonce(counter)).subarray(-16),
        sealed(nonce(counter)).subarray(0, -16),
        counter
      ]],
      ["the counter are missing", [header, sealed(nonce(Uint8Array.of(0, 0, 0, 9)))]]
    ])("reports: %s", (mistake, parts) => {
      assert.include(why(parts), mistake)
    })

    it("reports where a header with an extension ends", () => {
      const short = [extended.subarray(0, 12), sealed(nonce(counter), extended.subarray(0, 12)), counter]
      assert.include(why(short, 16), "the header has 16 bytes according to its first byte")
      const whole = Uint8Array.from([...extended, 1, 2, 3, 4])
      assert.include(
        why([whole, sealed(nonce(counter), whole), counter], 16),
        "the whole header extension is unencrypted"
      )
    })

    it("describes how the mode seals packets if it finds no cause", () => {
      for (const parts of [[header], [header, text], [header, new Uint8Array(3)], [header, new Uint8Array(1_400)]]) {
        assert.match(why(parts), new RegExp(`^${mode} consists of the header, .* a nonce of ${size} bytes`))
      }
    })
  })

  it("names the mode with which a packet was sealed", () => {
    const packet = Uint8Array.from([...header, ...text])
    for (
      const other of ["aead_xchacha20_poly1305_rtpsize", "xsalsa20_poly1305_lite_rtpsize", "xsalsa20_poly1305_suffix"]
    ) {
      assert.strictEqual(
        Diagnosis.unsealed("aead_aes256_gcm_rtpsize", key, seal(other, key, packet, 5), 12),
        `it is sealed with ${other}, but the session uses aead_aes256_gcm_rtpsize`
      )
    }
    assert.include(Diagnosis.unsealed("xsalsa20_poly1305", key, packet, 12), "not sealed with xsalsa20_poly1305")
  })
})
