import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Result, Schema } from "effect"
import * as RtpPacket from "../../src/protocol/RtpPacket.ts"
import { fromHex, toHex } from "../vectors/hex.ts"
import vectors from "../vectors/rtp.json" with { type: "json" }
import { bytes, list, u16, u32, u8, uint } from "./arbitraries.ts"

const packetOf = (vector: (typeof vectors.packets)[number]): RtpPacket.RtpPacket => ({
  marker: vector.marker,
  payloadType: vector.payloadType,
  sequence: vector.sequence,
  timestamp: vector.timestamp,
  ssrc: vector.ssrc,
  csrcs: vector.csrcs,
  ...(vector.extension === undefined
    ? {}
    : { extension: { profile: vector.extension.profile, data: fromHex(vector.extension.data) } }),
  payload: fromHex(vector.payload),
  paddingLength: vector.paddingLength
})

const packets: Arbitrary.Arbitrary<RtpPacket.RtpPacket> = Arbitrary.all({
  header: Arbitrary.schema(Schema.Struct({
    marker: Schema.Boolean,
    payloadType: uint(127),
    sequence: u16,
    timestamp: u32,
    ssrc: u32,
    paddingLength: u8,
    csrcs: Schema.Array(u32).pipe(Schema.check(Schema.isMaxLength(15)))
  })),
  extension: list(Arbitrary.all({ profile: Arbitrary.schema(u16), data: bytes(5, 0, 4) }), 1),
  payload: bytes(40)
}).pipe(Arbitrary.map(({ extension: [extension], header, payload }) => ({
  ...header,
  ...(extension === undefined ? {} : { extension }),
  payload
})))

const plain = (over: Partial<RtpPacket.RtpPacket> = {}): RtpPacket.RtpPacket => ({
  marker: false,
  payloadType: RtpPacket.payloadTypeOpus,
  sequence: 1,
  timestamp: 960,
  ssrc: 0x11223344,
  csrcs: [],
  payload: Uint8Array.of(0xf8, 0xff, 0xfe),
  paddingLength: 0,
  ...over
})

describe("RtpPacket", () => {
  describe("encode and decode", () => {
    it.each(vectors.packets)("agree with the vector: $name", (vector) => {
      const packet = packetOf(vector)
      assert.strictEqual(toHex(RtpPacket.encode(packet)), toHex(fromHex(vector.hex)))
      assert.deepStrictEqual(RtpPacket.decode(fromHex(vector.hex)), Result.succeed(packet))
    })

    it.each(vectors.invalid)("reject: $name", ({ hex, kind }) => {
      const result = RtpPacket.decode(fromHex(hex))
      assert.isTrue(Result.isFailure(result))
      if (Result.isFailure(result)) assert.strictEqual(result.failure.kind, kind)
    })

    it.prop("are inverse", [packets], ([packet]) => {
      assert.deepStrictEqual(RtpPacket.decode(RtpPacket.encode(packet)), Result.succeed(packet))
    })

    it.prop("accept arbitrary bytes, and write back what was read", [bytes(80)], ([tail]) => {
      for (const first of [0x80, 0x90, 0xa0, 0xb3, 0x00]) {
        const datagram = Uint8Array.of(first, ...tail)
        const result = RtpPacket.decode(datagram)
        if (Result.isFailure(result)) continue
        assert.deepStrictEqual(RtpPacket.decode(RtpPacket.encode(result.success)), result)
        if (result.success.paddingLength === 0) {
          assert.strictEqual(toHex(RtpPacket.encode(result.success)), toHex(datagram))
        }
      }
    })

    it("strip every length of padding", () => {
      for (let paddingLength = 1; paddingLength <= 255; paddingLength++) {
        const packet = plain({ paddingLength })
        const encoded = RtpPacket.encode(packet)
        assert.strictEqual(encoded.length, 12 + 3 + paddingLength)
        assert.strictEqual(encoded[encoded.length - 1], paddingLength)
        assert.deepStrictEqual(RtpPacket.decode(encoded), Result.succeed(packet))
      }
    })

    it("give plain views of a Buffer", () => {
      const packet = plain({ extension: { profile: RtpPacket.profileOneByte, data: Uint8Array.of(0x10, 1, 0, 0) } })
      const pool = Buffer.concat([Buffer.of(1, 2, 3), RtpPacket.encode(packet), Buffer.of(4)])
      assert.deepStrictEqual(RtpPacket.decode(pool.subarray(3, -1)), Result.succeed(packet))
    })

    it("reject values that do not fit", () => {
      const bad: ReadonlyArray<Partial<RtpPacket.RtpPacket>> = [
        { payloadType: 128 },
        { payloadType: -1 },
        { sequence: 65536 },
        { sequence: 0.5 },
        { timestamp: 2 ** 32 },
        { timestamp: -1 },
        { ssrc: 2 ** 32 },
        { ssrc: Number.NaN },
        { csrcs: Array.from({ length: 16 }, () => 0) },
        { csrcs: [-1] },
        { paddingLength: 256 },
        { extension: { profile: 65536, data: new Uint8Array(0) } },
        { extension: { profile: 0, data: new Uint8Array(3) } },
        { extension: { profile: 0, data: new Uint8Array(4 * 65536) } }
      ]
      for (const over of bad) assert.throws(() => RtpPacket.encode(plain(over)), RangeError)
    })
  })

  describe("readHeader and writeHeader", () => {
    it("read the clear part of sealed packets", () => {
      const header = RtpPacket.makeHeader()
      for (const { clearLength, hex } of vectors.sealed) {
        const sealed = fromHex(hex)
        assert.isUndefined(RtpPacket.readHeader(sealed, sealed.length, header))
        assert.strictEqual(header.clearLength, clearLength)
        assert.strictEqual(header.ssrc, 0x11223344)
        assert.strictEqual(header.extensionWords, clearLength === 16 ? 1 : 0)
      }
    })

    it.prop("agree with the complete codec", [packets], ([packet]) => {
      const encoded = RtpPacket.encode(packet)
      const header = RtpPacket.makeHeader()
      assert.isUndefined(RtpPacket.readHeader(encoded, encoded.length, header))
      const headerLength = 12 + 4 * packet.csrcs.length
      assert.deepStrictEqual(header, {
        padding: packet.paddingLength > 0,
        extension: packet.extension !== undefined,
        csrcCount: packet.csrcs.length,
        marker: packet.marker,
        payloadType: packet.payloadType,
        sequence: packet.sequence,
        timestamp: packet.timestamp,
        ssrc: packet.ssrc,
        headerLength,
        extensionProfile: packet.extension?.profile ?? 0,
        extensionWords: (packet.extension?.data.length ?? 0) / 4,
        clearLength: packet.extension === undefined ? headerLength : headerLength + 4
      })
    })

    it("leave nothing of the packet before", () => {
      const header = RtpPacket.makeHeader()
      for (const vector of [...vectors.packets, ...vectors.packets.toReversed()]) {
        const datagram = fromHex(vector.hex)
        const fresh = RtpPacket.makeHeader()
        assert.isUndefined(RtpPacket.readHeader(datagram, datagram.length, header))
        assert.isUndefined(RtpPacket.readHeader(datagram, datagram.length, fresh))
        assert.deepStrictEqual(header, fresh)
      }
    })

    it("respect the given length, and share their errors", () => {
      const header = RtpPacket.makeHeader()
      const buffer = new Uint8Array(1500)
      buffer.set(fromHex("9f780001000003c011223344"))
      for (let length = 0; length < 12 + 60 + 4; length++) {
        assert.strictEqual(RtpPacket.readHeader(buffer, length, header)?.kind, "TooShort")
      }
      assert.isUndefined(RtpPacket.readHeader(buffer, 12 + 60 + 4, header))
      assert.strictEqual(RtpPacket.readHeader(buffer, 1501, header)?.kind, "TooShort")
      assert.strictEqual(RtpPacket.readHeader(buffer, 3, header), RtpPacket.readHeader(buffer, 4, header))
    })

    it("do not judge an extension that may be ciphertext", () => {
      const header = RtpPacket.makeHeader()
      const datagram = fromHex("90 78 0001 000003c0 11223344 a1b2 c3d4 00*20")
      assert.isUndefined(RtpPacket.readHeader(datagram, datagram.length, header))
      assert.strictEqual(header.extensionWords, 0xc3d4)
    })

    it.prop("write what the complete codec writes", [packets], ([packet]) => {
      const buffer = new Uint8Array(20).fill(0xaa)
      assert.strictEqual(
        RtpPacket.writeHeader(
          buffer,
          packet.marker,
          packet.payloadType,
          packet.sequence,
          packet.timestamp,
          packet.ssrc
        ),
        12
      )
      const { extension: _, ...rest } = packet
      const expected = RtpPacket.encode({ ...rest, csrcs: [], payload: new Uint8Array(0), paddingLength: 0 })
      assert.strictEqual(toHex(buffer), toHex(expected) + "aa".repeat(8))
    })
  })

  it("cuts values to the size of their field in writeHeader", () => {
    const buffer = new Uint8Array(12)
    RtpPacket.writeHeader(buffer, false, 0xf8, 0x1_0002, 0x1_0000_0003, 0x1_0000_0004)
    assert.strictEqual(toHex(buffer), "807800020000000300000004")
  })

  describe("unpad", () => {
    it("removes padding of every length, and no more than there is", () => {
      const payload = new Uint8Array(300)
      for (let length = 1; length <= 300; length++) {
        for (let padding = 0; padding <= 255; padding++) {
          payload[length - 1] = padding
          const expected = padding === 0 || padding > length ? -1 : length - padding
          if (RtpPacket.unpad(payload, length) !== expected) assert.fail(`length ${length}, padding ${padding}`)
        }
      }
    })

    it("rejects lengths outside the bytes", () => {
      const payload = Uint8Array.of(1, 1, 1)
      assert.strictEqual(RtpPacket.unpad(payload, 0), -1)
      assert.strictEqual(RtpPacket.unpad(payload, -1), -1)
      assert.strictEqual(RtpPacket.unpad(payload, 4), -1)
    })
  })

  describe("elements", () => {
    it.each(vectors.elements)("are read and written: $name", ({ canonical, elements, hex }) => {
      const values = elements.map(({ data, id }) => ({ id, data: fromHex(data) }))
      assert.deepStrictEqual(RtpPacket.decodeElements(fromHex(hex)), Result.succeed(values))
      assert.strictEqual(toHex(RtpPacket.encodeElements(values)), toHex(fromHex(canonical)))
    })

    it.each(vectors.invalidElements)("are rejected: $name", ({ hex }) => {
      const result = RtpPacket.decodeElements(fromHex(hex))
      assert.isTrue(Result.isFailure(result))
      if (Result.isFailure(result)) assert.strictEqual(result.failure.kind, "BadExtension")
    })

    it.prop(
      "are the same after encoding and decoding",
      [list(
        Arbitrary.all({
          id: Arbitrary.schema(Schema.Int.pipe(Schema.check(Schema.isBetween({ minimum: 1, maximum: 14 })))),
          data: bytes(16, 1)
        }),
        8
      )],
      ([elements]) => {
        const encoded = RtpPacket.encodeElements(elements)
        assert.strictEqual(encoded.length % 4, 0)
        assert.deepStrictEqual(RtpPacket.decodeElements(encoded), Result.succeed(elements))
      }
    )

    it("are rejected when encoding if they do not fit", () => {
      for (
        const element of [
          { id: 0, data: new Uint8Array(1) },
          { id: 15, data: new Uint8Array(1) },
          { id: 1, data: new Uint8Array(0) },
          { id: 1, data: new Uint8Array(17) }
        ]
      ) {
        assert.throws(() => RtpPacket.encodeElements([element]), RangeError)
      }
    })
  })

  describe("arithmetic", () => {
    it("wraps sequence numbers", () => {
      assert.strictEqual(RtpPacket.nextSequence(0), 1)
      assert.strictEqual(RtpPacket.nextSequence(65534), 65535)
      assert.strictEqual(RtpPacket.nextSequence(65535), 0)
      assert.strictEqual(RtpPacket.sequenceDelta(0, 65535), 1)
      assert.strictEqual(RtpPacket.sequenceDelta(65535, 0), -1)
      assert.strictEqual(RtpPacket.sequenceDelta(32767, 0), 32767)
      assert.strictEqual(RtpPacket.sequenceDelta(32768, 0), -32768)
    })

    it("wraps timestamps as unsigned numbers", () => {
      assert.strictEqual(RtpPacket.addTimestamp(0x7fff_ffff, 1), 0x8000_0000)
      assert.strictEqual(RtpPacket.addTimestamp(0xffff_ffff, 960), 959)
      assert.strictEqual(RtpPacket.addTimestamp(0, -960), 0xffff_fc40)
      assert.strictEqual(RtpPacket.timestampDelta(959, 0xffff_ffff), 960)
      assert.strictEqual(RtpPacket.timestampDelta(0xffff_ffff, 959), -960)
      assert.strictEqual(RtpPacket.timestampDelta(0x8000_0000, 0), -0x8000_0000)
    })

    it.prop("leads back when a difference is added", [u32, u32, u16, u16], ([a, b, s, t]) => {
      assert.strictEqual(RtpPacket.addTimestamp(b, RtpPacket.timestampDelta(a, b)), a)
      assert.strictEqual((t + RtpPacket.sequenceDelta(s, t)) & 0xffff, s)
      assert.strictEqual(RtpPacket.sequenceDelta(RtpPacket.nextSequence(s), s), 1)
    })
  })
})
