import { assert, describe, it } from "@effect/vitest"
import * as Random from "../../../../src/emulator/core/Random.ts"
import * as Sealing from "../../../../src/emulator/core/voice/Sealing.ts"
import { modes } from "../../../../src/protocol/EncryptionMode.ts"
import { open, seal } from "./kit.ts"

const key = Uint8Array.from({ length: 32 }, (_, i) => i)
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex")
const bytes = (text: string) => Uint8Array.from(Buffer.from(text, "hex"))
const random = Random.make(7)

const make = (mode: (typeof modes)[number], start = 1) => Sealing.make(mode, key, { start, random: random.bytes })

const sealWith = (box: Sealing.Box, plain: Uint8Array, clear: number) => {
  const into = new Uint8Array(plain.length + Sealing.maxOverhead)
  return into.slice(0, box.seal(plain, plain.length, clear, into))
}

const openWith = (box: Sealing.Box, packet: Uint8Array, clear: number) => {
  const into = new Uint8Array(packet.length)
  const length = box.open(packet, packet.length, clear, into)
  return length < 0 ? undefined : into.slice(0, length)
}

/** Headers with and without an extension and CSRCs, and payloads around the block sizes of the ciphers. */
const samples = [0, 1, 15, 16, 17, 63, 64, 65, 160, 1275].flatMap((length) =>
  ["80780001000003c011223344", "90780001000003c011223344bede000110ff0000", "81780001000003c01122334455667788"].map((
    head
  ) => Uint8Array.from([...bytes(head), ...random.bytes(length)]))
)

describe("Sealing", () => {
  it("writes the known bytes in the two modes in use today", () => {
    const plain = bytes("80780001000003c011223344f8fffe")
    assert.strictEqual(
      hex(sealWith(make("aead_aes256_gcm_rtpsize"), plain, 12)),
      "80780001000003c011223344bcc933973ced2f474f2fbbc44b932e634452e500000001"
    )
    assert.strictEqual(
      hex(sealWith(make("aead_xchacha20_poly1305_rtpsize"), plain, 12)),
      "80780001000003c011223344f158af797d17d4506ff7717f559f4fd60670b200000001"
    )
    const extended = bytes("90780001000003c011223344bede000110ff0000f8fffe")
    assert.strictEqual(
      hex(sealWith(make("aead_aes256_gcm_rtpsize"), extended, 16)),
      "90780001000003c011223344bede000154c9cdaaf4a50a881741f44ec2ebb7f72a2b367e7a49d600000001"
    )
  })

  it.each(modes)("%s agrees with another implementation in both directions", (mode) => {
    samples.forEach((plain, index) => {
      const clear = Sealing.rtpClearBytes(mode, plain, plain.length)
      const box = make(mode, 0xffff_fff0 + index >>> 0)
      const packet = sealWith(box, plain, clear)
      assert.deepStrictEqual(hex(open(mode, key, packet)), hex(plain))
      assert.deepStrictEqual(openWith(box, seal(mode, key, plain, index * 77), clear), plain)
    })
  })

  it.each(modes)("%s leaves 8 bytes of an RTCP packet readable", (mode) => {
    const report = bytes("80c9000111223344aabbccdd00000000")
    const packet = sealWith(make(mode), report, Sealing.rtcpClearBytes)
    assert.strictEqual(hex(packet.subarray(0, 8)), "80c9000111223344")
    assert.strictEqual(hex(open(mode, key, packet, true)), hex(report))
    assert.deepStrictEqual(openWith(make(mode), seal(mode, key, report, 5, true), 8), report)
  })

  it.each(modes)("%s rejects packets that were changed or truncated", (mode) => {
    const plain = bytes("80780001000003c011223344f8fffe")
    const box = make(mode)
    const packet = sealWith(box, plain, 12)
    const authenticated = mode.startsWith("aead") || mode === "xsalsa20_poly1305" ? 0 : 12
    for (let at = authenticated; at < packet.length; at++) {
      const changed = packet.slice()
      changed[at] = (changed[at] ?? 0) ^ 1
      assert.isUndefined(openWith(box, changed, 12), `byte ${at}`)
    }
    for (let length = 12; length < packet.length; length++) {
      assert.isUndefined(openWith(box, packet.slice(0, length), 12), `length ${length}`)
    }
    assert.deepStrictEqual(openWith(box, packet, 12), plain)
  })

  it("counts its nonces up, past the end of 32 bits", () => {
    const box = make("aead_xchacha20_poly1305_rtpsize", 0xffff_ffff)
    const plain = bytes("80780001000003c011223344f8fffe")
    const tails = [1, 2, 3].map(() => hex(sealWith(box, plain, 12).slice(-4)))
    assert.deepStrictEqual(tails, ["ffffffff", "00000000", "00000001"])
  })

  it("tells how many bytes stay readable", () => {
    const extended = bytes("91780001000003c01122334455667788bede0001")
    assert.strictEqual(Sealing.rtpClearBytes("aead_aes256_gcm_rtpsize", extended, extended.length), 20)
    assert.strictEqual(Sealing.rtpClearBytes("aead_aes256_gcm", extended, extended.length), 12)
    assert.strictEqual(Sealing.rtpClearBytes("aead_aes256_gcm_rtpsize", extended, 19), -1)
    assert.strictEqual(Sealing.rtpClearBytes("aead_aes256_gcm", extended, 11), -1)
  })
})
