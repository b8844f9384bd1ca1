import { assert, describe, it } from "@effect/vitest"
import * as NonceMemory from "../../../../src/emulator/core/voice/NonceMemory.ts"

const swap = (x: number) => Buffer.from(Uint32Array.of(x).buffer).readUInt32BE()

describe("NonceMemory", () => {
  const orders: ReadonlyArray<readonly [string, (x: number) => number]> = [
    ["big-endian", (x) => x >>> 0],
    ["little-endian", (x) => swap(x >>> 0)]
  ]
  it.each(orders)("remembers every value of a %s counter", (_, write) => {
    for (const start of [0, 1, 0xffff_ff00, 0x1234_5678]) {
      const memory = NonceMemory.make("aead_aes256_gcm_rtpsize")
      for (let i = 0; i < 5_000; i++) assert.strictEqual(memory.see(write(start + i), i), "fresh")
      // The tag distinguishes a datagram that arrived twice from a nonce that was used twice, while it is remembered.
      assert.strictEqual(memory.see(write(start + 4_999), 4_999), "duplicate")
      assert.strictEqual(memory.see(write(start + 4_999), 1), "repeated")
      for (let i = 0; i < 3_000; i++) assert.strictEqual(memory.see(write(start + i), i), "repeated")
      assert.strictEqual(memory.see(write(start + 5_000), 0), "fresh")
    }
  })

  it("remembers the first value before it knows the byte order", () => {
    const memory = NonceMemory.make("aead_aes256_gcm_rtpsize")
    assert.strictEqual(memory.see(9, 1), "fresh")
    assert.strictEqual(memory.see(9, 1), "duplicate")
    assert.strictEqual(memory.see(9, 2), "repeated")
    assert.strictEqual(memory.see(10, 3), "fresh")
    assert.strictEqual(memory.see(9, 2), "repeated")
  })

  it("accepts values out of order", () => {
    const memory = NonceMemory.make("xsalsa20_poly1305_lite")
    for (const nonce of [5, 3, 4, 1, 2]) assert.strictEqual(memory.see(nonce, nonce), "fresh")
    for (const nonce of [1, 2, 3, 4, 5]) assert.strictEqual(memory.see(nonce, 0), "repeated")
  })

  it("keeps a window of nonces that are not counters", () => {
    const memory = NonceMemory.make("xsalsa20_poly1305_suffix")
    for (let i = 0; i < 65_537; i++) assert.strictEqual(memory.see(i * 1_000_003, i), "fresh")
    assert.strictEqual(memory.see(65_536 * 1_000_003, 65_536), "duplicate")
    assert.strictEqual(memory.see(1_000_003, 0), "repeated")
    assert.strictEqual(memory.see(0, 0), "fresh")
  })
})
