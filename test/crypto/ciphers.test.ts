import { assert, describe, it } from "@effect/vitest"
import { gcm } from "@noble/ciphers/aes.js"
import { xchacha20poly1305 } from "@noble/ciphers/chacha.js"
import { xsalsa20poly1305 } from "@noble/ciphers/salsa.js"
import { Arbitrary, Schema } from "effect"
import nacl from "tweetnacl"
import { vi } from "vitest"
import { type Cipher, type CipherOptions, counterLimit, headerLimit, sealLimit } from "../../src/crypto/Cipher.ts"
import * as registry from "../../src/crypto/registry.ts"
import * as SodiumMemory from "../../src/crypto/SodiumMemory.ts"
import { type EncryptionMode, isEncryptionMode, modes, spec } from "../../src/protocol/EncryptionMode.ts"
import * as RtpPacket from "../../src/protocol/RtpPacket.ts"
import type { Mode } from "../../src/VoiceCrypto.ts"
import { bytes, list, u16, u32, uint } from "../protocol/arbitraries.ts"
import { fromHex, toHex } from "../vectors/hex.ts"
import rtp from "../vectors/rtp.json" with { type: "json" }
import sealing from "../vectors/sealing.json" with { type: "json" }

/** The function under `nacl.secretbox` that seals. */
interface SecretBox {
  crypto_secretbox: (
    box: Uint8Array,
    message: Uint8Array,
    length: number,
    nonce: Uint8Array,
    key: Uint8Array
  ) => number
}

const sodium = await SodiumMemory.get()
const key = fromHex(sealing.key)

const make = (mode: Mode, options?: CipherOptions, of: Uint8Array = key): Cipher => {
  const cipher = registry.make(mode, of, { sodium }, options)
  if (typeof cipher === "string") throw new Error(cipher)
  return cipher
}

/** Buffers that belong to others: whole, in the middle of a larger one, and a `Buffer` of Node's pool. */
const foreign = {
  whole: (size: number) => new Uint8Array(size),
  part: (size: number) => new Uint8Array(size + 9).subarray(5, size + 5),
  pooled: (size: number) => Buffer.from(new Uint8Array(size))
}

const filled = (buffer: Uint8Array, content: Uint8Array): Uint8Array => {
  buffer.set(content)
  return buffer
}

const concat = (...parts: ReadonlyArray<Uint8Array>): Uint8Array => Uint8Array.from(Buffer.concat(parts))

/** Opens a packet with a library other than ours. */
const openElsewhere = (mode: EncryptionMode, packet: Uint8Array, clearLength: number): Uint8Array => {
  const { cipher, nonceBytes, suffixBytes } = spec(mode)
  const end = packet.length - suffixBytes
  const clear = packet.slice(0, clearLength)
  const nonce = new Uint8Array(nonceBytes)
  nonce.set(mode === "xsalsa20_poly1305" ? packet.subarray(0, 12) : packet.subarray(end))
  const box = packet.slice(clearLength, end)
  switch (cipher) {
    case "aes256-gcm":
      return gcm(key, nonce, clear).decrypt(box)
    case "xchacha20-poly1305":
      return xchacha20poly1305(key, nonce, clear).decrypt(box)
    case "xsalsa20-poly1305":
      return xsalsa20poly1305(key, nonce).decrypt(box)
  }
}

const packets: Arbitrary.Arbitrary<RtpPacket.RtpPacket> = Arbitrary.all({
  header: Arbitrary.schema(Schema.Struct({
    marker: Schema.Boolean,
    payloadType: uint(127),
    sequence: u16,
    timestamp: u32,
    ssrc: u32,
    paddingLength: uint(255),
    csrcs: Schema.Array(u32).pipe(Schema.check(Schema.isMaxLength(15)))
  })),
  extension: list(Arbitrary.all({ profile: Arbitrary.schema(u16), data: bytes(6, 0, 4) }), 1),
  payload: Arbitrary.schema(Schema.Struct({ length: uint(1275), seed: uint(255) }))
}).pipe(Arbitrary.map(({ extension: [extension], header, payload }) =>
  Object.assign(
    { payload: Uint8Array.from({ length: payload.length }, (_, i) => (i * 31 + payload.seed) & 0xff) },
    header,
    extension === undefined ? {} : { extension }
  )
))

const clearLengthOf = (mode: EncryptionMode, packet: Uint8Array): number => {
  const header = RtpPacket.makeHeader()
  assert.isUndefined(RtpPacket.readHeader(packet, packet.length, header))
  return spec(mode).clearHeader === "rtpsize" ? header.clearLength : RtpPacket.fixedHeaderBytes
}

const header = fromHex("80780001000003c011223344")
const silence = concat(header, fromHex("f8fffe"))

describe.each(modes)("%s", (mode) => {
  const { clearHeader, nonce: source, suffixBytes } = spec(mode)
  const expansion = 16 + suffixBytes
  const vectors = sealing.vectors.filter((vector) => vector.mode === mode)

  it("adds the length of the tag and of the nonce", () => assert.strictEqual(make(mode).expansionBytes, expansion))

  it.each(vectors)("seals $name as another library does, in any buffer", ({ clear, nonce, plain, sealed }) => {
    const counterStart = source === "counter" ? Number.parseInt(nonce, 16) : 0
    const options: CipherOptions = { counterStart, random: (block) => block.set(fromHex(nonce)) }
    const content = fromHex(clear + plain)
    const clearLength = clear.length / 2
    for (const allocate of [undefined, ...Object.values(foreign)]) {
      const cipher = make(mode, options)
      const buffer = filled((allocate ?? cipher.allocate)(sealed.length / 2), content)
      const length = cipher.seal(buffer, clearLength, content.length)
      assert.strictEqual(toHex(buffer.subarray(0, length)), sealed)
      cipher.close()
    }
  })

  it.each(vectors)("opens $name, in any buffer", ({ clear, plain, sealed }) => {
    const content = fromHex(sealed)
    const cipher = make(mode)
    for (const allocate of [cipher.allocate, ...Object.values(foreign)]) {
      const buffer = filled(allocate(content.length + 3), content)
      const length = cipher.open(buffer, clear.length / 2, content.length)
      assert.strictEqual(toHex(buffer.subarray(0, length)), clear + plain)
    }
    cipher.close()
  })

  it.prop("seals what another library can open, and so can we, whatever the header", [packets], ([packet]) => {
    const cipher = make(mode)
    const other = make(mode)
    const plain = RtpPacket.encode(packet)
    const clearLength = clearLengthOf(mode, plain)
    for (const allocate of [cipher.allocate, foreign.part]) {
      const buffer = filled(allocate(plain.length + expansion), plain)
      const length = cipher.seal(buffer, clearLength, plain.length)
      assert.strictEqual(length, plain.length + expansion)
      assert.deepStrictEqual(buffer.slice(0, clearLength), plain.slice(0, clearLength))
      assert.deepStrictEqual(openElsewhere(mode, buffer.slice(0, length), clearLength), plain.slice(clearLength))
      assert.strictEqual(other.open(buffer, clearLength, length), plain.length)
      assert.deepStrictEqual(buffer.slice(0, plain.length), plain)
    }
    cipher.close()
    other.close()
  })

  it("writes nothing before or after the packet", () => {
    const cipher = make(mode)
    const around = new Uint8Array(200).fill(0xaa)
    const buffer = around.subarray(50, 150)
    buffer.set(silence)
    const length = cipher.seal(buffer, 12, silence.length)
    const outside = () => [...around.subarray(0, 50), ...around.subarray(50 + length)]
    assert.isTrue(outside().every((byte) => byte === 0xaa))
    assert.strictEqual(cipher.open(buffer, 12, length), silence.length)
    assert.isTrue(outside().every((byte) => byte === 0xaa))
    cipher.close()
  })

  it("rejects a packet in which any authenticated bit was changed", () => {
    const cipher = make(mode)
    const sealed = cipher.allocate(200)
    sealed.set(concat(header, new Uint8Array(20).fill(7)))
    const length = cipher.seal(sealed, 12, 32)
    const packet = sealed.slice(0, length)
    const authenticated = (position: number) =>
      mode.startsWith("aead") || mode === "xsalsa20_poly1305" || position >= 12
    for (let position = 0; position < length; position++) {
      for (const bit of [1, 0x80]) {
        for (const allocate of [cipher.allocate, foreign.whole]) {
          const buffer = filled(allocate(length), packet)
          buffer[position] = (buffer[position] ?? 0) ^ bit
          assert.strictEqual(cipher.open(buffer, 12, length), authenticated(position) ? -1 : 32, `byte ${position}`)
        }
      }
    }
    for (const shorter of [1, 4, 16]) {
      assert.strictEqual(cipher.open(filled(foreign.whole(length), packet), 12, length - shorter), -1)
    }
    if (mode.startsWith("aead")) assert.strictEqual(cipher.open(filled(foreign.whole(length), packet), 13, length), -1)
    assert.strictEqual(cipher.open(filled(foreign.whole(length), packet), 12, length), 32)
    const stranger = make(mode, {}, key.map((byte) => byte ^ 1))
    assert.strictEqual(stranger.open(filled(foreign.whole(length), packet), 12, length), -1)
    cipher.close()
    stranger.close()
  })

  it("rejects a buffer without room for the packet, and uses up no nonce for it", () => {
    const cipher = make(mode)
    for (const allocate of [cipher.allocate, foreign.whole]) {
      const buffer = filled(allocate(silence.length + expansion - 1), silence)
      const before = buffer.slice()
      assert.strictEqual(cipher.seal(buffer, 12, silence.length), -1)
      for (
        const [clear, plain] of [[12, 11], [12, Number.NaN], [Number.NaN, 15], [-1, 15], [12, 70_000], [12, Infinity]]
      ) {
        assert.strictEqual(cipher.seal(buffer, clear ?? 0, plain ?? 0), -1, `${clear} ${plain}`)
      }
      assert.deepStrictEqual(buffer.slice(), before)
    }
    assert.strictEqual(cipher.sealed(), 0)
    cipher.close()
  })

  it("throws for no packet, however long", () => {
    const cipher = make(mode)
    const buffer = new Uint8Array(80_000)
    const length = cipher.seal(buffer, 12, 79_000)
    assert.isTrue(length === -1 || length === 79_000 + expansion)
    assert.strictEqual(cipher.open(buffer, 12, 79_500), -1)
    cipher.close()
  })

  it("rejects a packet that is too short, or longer than its buffer", () => {
    const cipher = make(mode)
    for (const allocate of [cipher.allocate, foreign.whole]) {
      const buffer = allocate(100)
      for (let length = 0; length < 12 + expansion; length++) assert.strictEqual(cipher.open(buffer, 12, length), -1)
      for (const length of [101, 70_000, -1, Number.NaN, Infinity]) {
        assert.strictEqual(cipher.open(buffer, 12, length), -1)
      }
      assert.strictEqual(cipher.open(buffer, -1, 100), -1)
      assert.strictEqual(cipher.open(buffer, Number.NaN, 100), -1)
    }
    cipher.close()
  })

  it.prop("survives arbitrary bytes", [bytes(120)], ([packet]) => {
    const cipher = make(mode)
    for (const allocate of [cipher.allocate, foreign.pooled]) {
      for (const clearLength of [0, 8, 12, 16, 72]) {
        const buffer = filled(allocate(packet.length), packet)
        assert.strictEqual(cipher.open(buffer, clearLength, packet.length), -1)
      }
    }
    cipher.close()
  })

  it("seals the largest datagram", () => {
    const cipher = make(mode)
    const size = 65_507
    const content = concat(header, Uint8Array.from({ length: size - expansion - 12 }, (_, i) => i & 0xff))
    for (const allocate of [cipher.allocate, foreign.whole]) {
      const buffer = filled(allocate(size), content)
      assert.strictEqual(cipher.seal(buffer, 12, content.length), size)
      assert.strictEqual(cipher.open(buffer, 12, size), content.length)
      assert.deepStrictEqual(buffer.slice(0, content.length), content)
    }
    cipher.close()
  })

  it("never repeats a nonce, and stops when they are used up", () => {
    const cipher = make(mode, { limit: 300 })
    const buffer = cipher.allocate(100)
    const received = foreign.whole(100)
    const nonces = new Set<string>()
    const seal = (sequence: number) => {
      RtpPacket.writeHeader(buffer, false, 120, sequence, sequence * 960, 1)
      return cipher.seal(buffer, 12, 20)
    }
    for (let i = 0; i < 300; i++) {
      const length = seal(i)
      assert.strictEqual(length, 20 + expansion)
      nonces.add(toHex(source === "header" ? buffer.subarray(0, 12) : buffer.subarray(20 + 16, length)))
      received.set(buffer.subarray(0, length))
      assert.strictEqual(cipher.open(received, 12, length), 20)
      assert.strictEqual(cipher.sealed(), i + 1)
    }
    assert.strictEqual(nonces.size, 300)
    assert.strictEqual(seal(300), -1)
    assert.strictEqual(seal(301), -1)
    assert.strictEqual(cipher.sealed(), 300)
    cipher.close()
  })

  it("bounds the packets of a key by its nonces", () => {
    assert.strictEqual(sealLimit(spec(mode)), source === "header" ? 67_108_864 : 4_294_967_296)
    assert.strictEqual(sealLimit(spec(mode), 3), 3)
    assert.strictEqual(sealLimit(spec(mode), Infinity), source === "header" ? headerLimit : counterLimit)
  })

  if (source === "counter") {
    it("counts in 32 bits, big-endian, from a start that differs from key to key", () => {
      const cipher = make(mode, { counterStart: 0xffff_fffe })
      const counters = [0, 1, 2, 3].map(() => {
        const buffer = filled(cipher.allocate(60), silence)
        const length = cipher.seal(buffer, 12, silence.length)
        return toHex(buffer.subarray(length - 4, length))
      })
      assert.deepStrictEqual(counters, ["fffffffe", "ffffffff", "00000000", "00000001"])
      cipher.close()
      const starts = new Set(Array.from({ length: 20 }, () => {
        const cipher = make(mode)
        const buffer = filled(foreign.whole(60), silence)
        const length = cipher.seal(buffer, 12, silence.length)
        cipher.close()
        return toHex(buffer.subarray(length - 4, length))
      }))
      assert.isAbove(starts.size, 18)
    })
  }

  if (clearHeader === "fixed" && source === "header") {
    it("rejects RTCP, whose header would repeat as a nonce", () => {
      const cipher = make(mode)
      const report = filled(foreign.whole(100), fromHex("80c80006 11223344 00*20"))
      assert.strictEqual(cipher.seal(report, 8, 28), -1)
      assert.strictEqual(cipher.open(report, 8, 60), -1)
      assert.strictEqual(cipher.sealed(), 0)
      cipher.close()
    })
  }

  if (source === "random") {
    it("draws its randomness in blocks and uses each byte once", () => {
      let blocks = 0
      const cipher = make(mode, { random: (block) => block.forEach((_, i) => block[i] = (blocks * 7 + i) & 0xff) })
      const expected: Array<string> = []
      const nonces: Array<string> = []
      for (let i = 0; i < 200; i++) {
        blocks = Math.floor(i / 64)
        const start = (i % 64) * 24
        expected.push(toHex(Uint8Array.from({ length: 24 }, (_, k) => blocks * 7 + start + k)))
        const buffer = filled(foreign.whole(60), silence)
        const length = cipher.seal(buffer, 12, silence.length)
        nonces.push(toHex(buffer.subarray(length - 24, length)))
      }
      assert.deepStrictEqual(nonces, expected)
      cipher.close()
    })
  }

  it("does nothing once it is closed, and may be closed twice", () => {
    const cipher = make(mode)
    const buffer = filled(foreign.whole(100), silence)
    const length = cipher.seal(buffer, 12, silence.length)
    cipher.close()
    cipher.close()
    const before = buffer.slice()
    assert.strictEqual(cipher.open(buffer, 12, length), -1)
    assert.strictEqual(cipher.seal(buffer, 12, silence.length), -1)
    assert.deepStrictEqual(buffer, before)
    assert.strictEqual(cipher.sealed(), 1)
    assert.strictEqual(cipher.allocate(10).length, 10)
  })

  it("requires a key of 32 bytes, and keeps a copy", () => {
    for (const length of [0, 16, 31, 33]) assert.isString(registry.make(mode, new Uint8Array(length), { sodium }))
    const mine = key.slice()
    const cipher = make(mode, {}, mine)
    mine.fill(0)
    const buffer = filled(foreign.whole(100), silence)
    const length = cipher.seal(buffer, 12, silence.length)
    assert.strictEqual(make(mode).open(buffer, 12, length), silence.length)
    cipher.close()
  })
})

describe("tweetnacl", () => {
  it("keeps neither key nor packet after the end, nor in a buffer that was replaced by a larger one", () => {
    // tweetnacl exports `lowlevel`, but its type declarations leave it out
    const { lowlevel } = nacl as unknown as { readonly lowlevel: SecretBox }
    const seal = vi.spyOn(lowlevel, "crypto_secretbox")
    const cipher = make("xsalsa20_poly1305_suffix")
    const used = () => {
      const [box, , , , key] = seal.mock.lastCall ?? assert.fail("nothing is sealed")
      return { box, key }
    }
    const small = filled(new Uint8Array(100), silence)
    cipher.seal(small, 12, silence.length)
    const former = used()
    assert.isTrue(former.box.some((byte) => byte !== 0))
    assert.deepStrictEqual(former.key, key)
    cipher.seal(new Uint8Array(10_000).fill(7), 12, 5_000)
    const { box, key: held } = used()
    seal.mockRestore()
    assert.notStrictEqual(box, former.box)
    assert.isTrue(former.box.every((byte) => byte === 0))
    assert.isTrue(box.some((byte) => byte !== 0))
    cipher.close()
    assert.isTrue(box.every((byte) => byte === 0))
    assert.isTrue(held.every((byte) => byte === 0))
  })
})

describe("packets from the lab", () => {
  it.each(rtp.sealed)("are sealed and opened: $name", ({ clearLength, hex, key, mode, plain }) => {
    assert.isTrue(isEncryptionMode(mode))
    if (!isEncryptionMode(mode)) return
    const cipher = make(mode, { counterStart: 1 }, fromHex(key))
    const content = fromHex(plain)
    const buffer = filled(cipher.allocate(100), content)
    const length = cipher.seal(buffer, clearLength, content.length)
    assert.strictEqual(toHex(buffer.subarray(0, length)), toHex(fromHex(hex)))
    assert.strictEqual(cipher.open(buffer, clearLength, length), content.length)
    assert.strictEqual(toHex(buffer.subarray(0, content.length)), toHex(content))
    cipher.close()
  })
})

describe("plain", () => {
  it("leaves packets as they are", () => {
    const cipher = make("plain")
    const buffer = filled(cipher.allocate(15), silence)
    assert.strictEqual(cipher.expansionBytes, 0)
    assert.strictEqual(cipher.seal(buffer, 12, 15), 15)
    assert.strictEqual(cipher.open(buffer, 12, 15), 15)
    assert.deepStrictEqual(buffer, silence)
    assert.strictEqual(cipher.sealed(), 1)
    assert.strictEqual(cipher.seal(buffer, 12, 16), -1)
    assert.strictEqual(cipher.open(buffer, 12, 11), -1)
    cipher.close()
    assert.strictEqual(cipher.seal(buffer, 12, 15), -1)
    assert.strictEqual(cipher.open(buffer, 12, 15), -1)
  })
})

describe("the memory of libsodium", () => {
  const mode = "aead_xchacha20_poly1305_rtpsize"
  const rareKey = Uint8Array.from({ length: 32 }, (_, i) => (i * 73 + 101) & 0xff)
  const holds = (content: Uint8Array) => Buffer.from(sodium.module.HEAPU8).includes(Buffer.from(content))

  it("gives its own buffers out, zeroed", () => {
    const cipher = make(mode)
    const buffer = cipher.allocate(100)
    assert.strictEqual(buffer.buffer, sodium.module.HEAPU8.buffer)
    assert.isTrue(buffer.every((byte) => byte === 0))
    assert.strictEqual(buffer.fill(1).length, 100)
    cipher.close()
    const next = make(mode)
    for (let i = 0; i < 20; i++) assert.isTrue(next.allocate(100).every((byte) => byte === 0))
    next.close()
  })

  it("rejects what no datagram can hold, and what does not fit", () => {
    const cipher = make(mode)
    const scratchEnd = sodium.scratch + sodium.scratchBytes
    const behind = sodium.module.HEAPU8.slice(scratchEnd, scratchEnd + 1_000)
    const buffer = new Uint8Array(67_000).fill(7)
    assert.strictEqual(cipher.seal(buffer, 12, 66_000), -1)
    assert.strictEqual(cipher.open(buffer, 12, 66_000), -1)
    assert.strictEqual(cipher.sealed(), 0)
    assert.isTrue(buffer.every((byte) => byte === 7))
    assert.deepStrictEqual(sodium.module.HEAPU8.slice(scratchEnd, scratchEnd + 1_000), behind)
    cipher.close()
  })

  it("holds neither key nor packet after the end", () => {
    const cipher = make(mode, {}, rareKey)
    const buffer = cipher.allocate(100)
    buffer.set(rareKey.toReversed())
    assert.isTrue(holds(rareKey))
    assert.isTrue(holds(rareKey.toReversed()))
    cipher.close()
    assert.isFalse(holds(rareKey))
    assert.isFalse(holds(rareKey.toReversed()))
  })

  it("never grows while views of it are in use: what is too much is placed elsewhere", () => {
    const heap = sodium.module.HEAPU8
    const cipher = make(mode)
    const buffers = Array.from({ length: 5000 }, () => cipher.allocate(4096))
    const inside = buffers.filter((buffer) => buffer.buffer === heap.buffer)
    assert.isAbove(inside.length, 3000)
    assert.isBelow(inside.length, 5000)
    assert.strictEqual(sodium.module.HEAPU8, heap)
    const other = make(mode)
    for (const buffer of buffers.filter((_, i) => i % 100 === 0)) {
      buffer.set(silence)
      assert.strictEqual(other.open(buffer, 12, cipher.seal(buffer, 12, silence.length)), silence.length)
      assert.deepStrictEqual(buffer.slice(0, silence.length), silence)
    }
    cipher.close()
    assert.strictEqual(other.allocate(4096).buffer, heap.buffer)
    other.close()
  })

  it("is given back by 50,000 ciphers in turn", () => {
    const heap = sodium.module.HEAPU8
    for (let i = 0; i < 50_000; i++) {
      const cipher = make(mode)
      cipher.allocate(1000)
      cipher.close()
    }
    assert.strictEqual(sodium.module.HEAPU8, heap)
    const cipher = make(mode)
    assert.strictEqual(cipher.allocate(1000).buffer, heap.buffer)
    cipher.close()
  })

  it("is given back once, however often a cipher is closed", () => {
    const closed = make(mode)
    closed.close()
    closed.close()
    const [one, other, again] = [make(mode), make(mode, {}, rareKey), make(mode)]
    const buffer = filled(foreign.whole(100), silence)
    const length = one.seal(buffer, 12, silence.length)
    assert.strictEqual(other.open(buffer.slice(), 12, length), -1)
    assert.strictEqual(again.open(buffer, 12, length), silence.length)
    for (const cipher of [one, other, again]) cipher.close()
  })

  it("runs out of ciphers with a reason", () => {
    const ciphers: Array<Cipher> = []
    const heap = sodium.module.HEAPU8
    let reason: Cipher | string
    do {
      reason = registry.make(mode, key, { sodium })
      if (typeof reason !== "string") ciphers.push(reason)
    } while (typeof reason !== "string")
    assert.strictEqual(reason, "libsodium is out of memory")
    assert.strictEqual(sodium.module.HEAPU8, heap)
    for (const cipher of ciphers) cipher.close()
    make(mode).close()
  })

  it("survives growing anyway: stale views are rejected, and everything else still works", () => {
    const cipher = make(mode, { counterStart: 1 })
    const stale = filled(cipher.allocate(100), silence)
    const lent = cipher.workspace.next(100)
    const block = sodium.module._malloc(64 * 1024 * 1024)
    assert.strictEqual(stale.length, 0)
    assert.strictEqual(cipher.seal(stale, 12, silence.length), -1)
    assert.strictEqual(cipher.open(stale, 12, 35), -1)
    const expected = sealing.vectors.find((vector) => vector.mode === mode && vector.name === "a silence frame")
    const fresh = filled(cipher.allocate(100), silence)
    assert.strictEqual(toHex(fresh.subarray(0, cipher.seal(fresh, 12, silence.length))), expected?.sealed)
    assert.strictEqual(lent.length, 0)
    for (let i = 0; i < 300; i++) assert.isAtLeast(cipher.workspace.next(100).length, 100)
    for (let i = 0; i < 301; i++) cipher.workspace.release()
    sodium.module._free(block)
    cipher.close()
  })
})
