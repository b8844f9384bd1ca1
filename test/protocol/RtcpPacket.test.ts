import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Result, Schema } from "effect"
import * as RtcpPacket from "../../src/protocol/RtcpPacket.ts"
import { fromHex, toHex } from "../vectors/hex.ts"
import vectors from "../vectors/rtcp.json" with { type: "json" }
import { bytes, list, u32, u5, u8, uint } from "./arbitraries.ts"

const schema = Arbitrary.schema

/** A packet as it looks in the vectors: bytes and 64-bit integers as hexadecimal digits, and no absent fields. */
const toJson = (value: unknown): unknown =>
  JSON.parse(JSON.stringify(value, (_, field: unknown) => {
    if (field instanceof Uint8Array) return toHex(field)
    return typeof field === "bigint" ? field.toString(16).padStart(16, "0") : field
  }))

const s24 = Schema.Int.pipe(Schema.check(Schema.isBetween({ minimum: -0x80_0000, maximum: 0x7f_ffff })))

const reportBlock = Schema.Struct({
  ssrc: u32,
  fractionLost: u8,
  cumulativeLost: s24,
  highestSequence: u32,
  jitter: u32,
  lastSenderReport: u32,
  delaySinceLastSenderReport: u32
})

const reports = schema(Schema.Array(reportBlock).pipe(Schema.check(Schema.isMaxLength(31))))
const words = bytes(5, 0, 4)
const u64 = Arbitrary.all([schema(u32), schema(u32)]).pipe(
  Arbitrary.map(([high, low]) => (BigInt(high) << 32n) | BigInt(low))
)
const item = Arbitrary.all({
  type: schema(Schema.Int.pipe(Schema.check(Schema.isBetween({ minimum: 1, maximum: 255 })))),
  data: bytes(20)
})
const tag = <const Tag extends string>(tag: Tag) => Arbitrary.Constant(tag)

const members: ReadonlyArray<Arbitrary.Arbitrary<RtcpPacket.RtcpPacket>> = [
  Arbitrary.all({
    _tag: tag("SenderReport"),
    ssrc: schema(u32),
    ntpTimestamp: u64,
    rtpTimestamp: schema(u32),
    packetCount: schema(u32),
    octetCount: schema(u32),
    reports,
    extension: words
  }),
  Arbitrary.all({ _tag: tag("ReceiverReport"), ssrc: schema(u32), reports, extension: words }),
  Arbitrary.all({
    _tag: tag("SourceDescription"),
    chunks: list(Arbitrary.all({ ssrc: schema(u32), items: list(item, 4) }), 4)
  }),
  Arbitrary.all({
    _tag: tag("Goodbye"),
    ssrcs: schema(Schema.Array(u32).pipe(Schema.check(Schema.isMaxLength(31)))),
    reason: list(bytes(20), 1)
  }).pipe(Arbitrary.map(({ reason: [reason], ...rest }) => reason === undefined ? rest : { ...rest, reason })),
  Arbitrary.all({ _tag: tag("Application"), subtype: schema(u5), ssrc: schema(u32), name: schema(u32), data: words }),
  Arbitrary.all({
    _tag: schema(Schema.Literals(["TransportFeedback", "PayloadFeedback"])),
    format: schema(u5),
    senderSsrc: schema(u32),
    mediaSsrc: schema(u32),
    information: words
  }),
  Arbitrary.all({
    _tag: tag("Unknown"),
    packetType: schema(uint(0xff)).pipe(Arbitrary.filter((type) => type < 200 || type > 206)),
    count: schema(u5),
    body: words
  })
]

/** One or more packets of any kind. */
const packets = Arbitrary.all([
  Arbitrary.all(members),
  Arbitrary.array(schema(uint(members.length - 1)), { minLength: 1, maxLength: 6 })
]).pipe(Arbitrary.map(([one, indices]) => indices.flatMap((index) => one[index] ?? [])))

describe("RtcpPacket", () => {
  it.each(vectors.valid)("reads and writes: $name", (vector) => {
    const result = RtcpPacket.decode(fromHex(vector.hex))
    assert.isTrue(Result.isSuccess(result))
    if (Result.isFailure(result)) return
    assert.deepStrictEqual(toJson(result.success), vector.packets)
    assert.strictEqual(
      toHex(RtcpPacket.encode(result.success, vector.paddingLength)),
      toHex(fromHex(vector.hex))
    )
  })

  it.each(vectors.invalid)("rejects: $name", ({ hex, kind, offset }) => {
    const result = RtcpPacket.decode(fromHex(hex))
    assert.isTrue(Result.isFailure(result))
    if (Result.isFailure(result)) {
      assert.deepStrictEqual({ kind: result.failure.kind, offset: result.failure.offset }, { kind, offset })
    }
  })

  it.prop("decodes what it encodes", [packets, uint(63)], ([packets, padding]) => {
    assert.deepStrictEqual(RtcpPacket.decode(RtcpPacket.encode(packets)), Result.succeed(packets))
    assert.deepStrictEqual(RtcpPacket.decode(RtcpPacket.encode(packets, 4 * padding)), Result.succeed(packets))
  })

  it.prop("gives a value or a typed failure for any cut of a compound packet", [packets], ([packets]) => {
    const whole = RtcpPacket.encode(packets)
    for (let length = 0; length < whole.length; length++) {
      const result = RtcpPacket.decode(whole.subarray(0, length))
      if (Result.isSuccess(result)) assert.deepStrictEqual(result.success, packets.slice(0, result.success.length))
    }
  })

  it.prop("writes back what it reads from arbitrary bodies", [uint(255), u5, words], ([type, count, body]) => {
    const datagram = Uint8Array.of(0x80 | count, type, 0, body.length / 4, ...body)
    const result = RtcpPacket.decode(datagram)
    if (Result.isSuccess(result)) {
      const encoded = RtcpPacket.encode(result.success)
      assert.strictEqual(encoded.length, datagram.length)
      assert.deepStrictEqual(RtcpPacket.decode(encoded), result)
    }
  })

  it("is too short if its length field is missing, whatever its first bytes are", () => {
    for (const hex of ["", "80", "80c9", "000000", "80cb0000ffffff"]) {
      const result = RtcpPacket.decode(fromHex(hex))
      assert(Result.isFailure(result))
      assert.strictEqual(result.failure.kind, "TooShort", hex)
    }
  })

  it("names a source", () => {
    assert.deepStrictEqual(RtcpPacket.cname("é"), { type: 1, data: Uint8Array.of(0xc3, 0xa9) })
  })

  it("rejects values that do not fit when it encodes", () => {
    const empty = new Uint8Array(0)
    const block = {
      ssrc: 1,
      fractionLost: 0,
      cumulativeLost: 0,
      highestSequence: 0,
      jitter: 0,
      lastSenderReport: 0,
      delaySinceLastSenderReport: 0
    }
    const receiver = (reports: ReadonlyArray<RtcpPacket.ReportBlock>, extension = empty): RtcpPacket.RtcpPacket => ({
      _tag: "ReceiverReport",
      ssrc: 1,
      reports,
      extension
    })
    const sender = (ntpTimestamp: bigint): RtcpPacket.RtcpPacket => ({
      _tag: "SenderReport",
      ssrc: 1,
      ntpTimestamp,
      rtpTimestamp: 0,
      packetCount: 0,
      octetCount: 0,
      reports: [],
      extension: empty
    })
    const describing = (item: RtcpPacket.DescriptionItem): RtcpPacket.RtcpPacket => ({
      _tag: "SourceDescription",
      chunks: [{ ssrc: 1, items: [item] }]
    })
    const bad: ReadonlyArray<RtcpPacket.RtcpPacket> = [
      receiver(Array.from({ length: 32 }, () => block)),
      receiver([{ ...block, cumulativeLost: 0x80_0000 }]),
      receiver([{ ...block, cumulativeLost: -0x80_0001 }]),
      receiver([{ ...block, fractionLost: 256 }]),
      receiver([], new Uint8Array(5)),
      receiver([], new Uint8Array(4 * 65536)),
      sender(-1n),
      sender(1n << 64n),
      describing({ type: 0, data: empty }),
      describing({ type: 256, data: empty }),
      describing(RtcpPacket.cname("x".repeat(256))),
      { _tag: "Goodbye", ssrcs: Array.from({ length: 32 }, () => 1) },
      { _tag: "Goodbye", ssrcs: [], reason: new Uint8Array(256) },
      { _tag: "Application", subtype: 32, ssrc: 1, name: 1, data: empty },
      { _tag: "PayloadFeedback", format: 32, senderSsrc: 1, mediaSsrc: 1, information: empty },
      { _tag: "Unknown", packetType: 256, count: 0, body: empty },
      { _tag: "Unknown", packetType: 203, count: 0, body: empty }
    ]
    for (const packet of bad) assert.throws(() => RtcpPacket.encode([packet]), RangeError)
    assert.throws(() => RtcpPacket.encode([]), RangeError)
    for (const padding of [-4, 3, 256]) assert.throws(() => RtcpPacket.encode([receiver([])], padding), RangeError)
  })
})
