import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import * as Datagram from "../../src/protocol/Datagram.ts"
import * as IpDiscovery from "../../src/protocol/IpDiscovery.ts"
import { fromHex, toHex } from "../vectors/hex.ts"
import ipDiscovery from "../vectors/ip-discovery.json" with { type: "json" }
import rtcp from "../vectors/rtcp.json" with { type: "json" }
import rtp from "../vectors/rtp.json" with { type: "json" }
import { bytes, u32 } from "./arbitraries.ts"

const classify = (hex: string) => Datagram.classify(fromHex(hex))

describe("Datagram", () => {
  it.each(rtp.packets)("classifies RTP: $name", ({ hex }) => assert.strictEqual(classify(hex), "rtp"))

  it.each(rtp.sealed)("classifies sealed RTP: $name", ({ hex }) => assert.strictEqual(classify(hex), "rtp"))

  it.each(rtcp.valid.filter(({ hex }) => fromHex(hex).length >= 12 && fromHex(hex)[1] !== 207))(
    "classifies RTCP: $name",
    ({ hex }) => assert.strictEqual(classify(hex), "rtcp")
  )

  it("classifies discovery in both directions, but not in its older form", () => {
    for (const { form, hex } of [...ipDiscovery.requests, ...ipDiscovery.responses]) {
      assert.strictEqual(classify(hex) === "discovery", form === "74", hex)
    }
    assert.strictEqual(classify("0002 0046 00*69"), "unknown")
    assert.strictEqual(classify("0002 0046 00*71"), "unknown")
    assert.strictEqual(classify("0003 0046 00*70"), "unknown")
  })

  it("classifies media of 74 bytes as media", () => {
    assert.strictEqual(classify("80 78 0001 000003c0 11223344 00*62"), "rtp")
    assert.strictEqual(classify("81 c9 0011 00*70"), "rtcp")
  })

  it("treats only packet types 200 to 206 as RTCP", () => {
    for (let second = 0; second < 256; second++) {
      const datagram = new Uint8Array(32)
      datagram.set([0x80, second])
      assert.strictEqual(Datagram.classify(datagram), second >= 200 && second <= 206 ? "rtcp" : "rtp")
    }
  })

  it("does not classify other versions, nor anything too short", () => {
    for (
      const hex of ["", "80", "80*11", "00*12", "40*40", "c0*40", "c9 00*8", "1337", "1337cafe", "1337f00d 000000"]
    ) {
      assert.strictEqual(classify(hex), "unknown", hex)
    }
  })

  it("respects the given length", () => {
    const buffer = new Uint8Array(1500)
    buffer.set(fromHex("80780001000003c011223344"))
    assert.strictEqual(Datagram.classify(buffer, 11), "unknown")
    assert.strictEqual(Datagram.classify(buffer, 12), "rtp")
    assert.strictEqual(Datagram.classify(buffer, 1500), "rtp")
    assert.strictEqual(Datagram.classify(buffer, 1501), "unknown")
    buffer.set(IpDiscovery.encodeRequest(1))
    assert.strictEqual(Datagram.classify(buffer), "unknown")
    assert.strictEqual(Datagram.classify(buffer, 74), "discovery")
  })

  it("encodes pings, replies and keepalives", () => {
    assert.strictEqual(toHex(Datagram.encodePing(1)), "1337cafe00000001")
    assert.strictEqual(toHex(Datagram.encodePong(0xfffffffe)), "1337f00dfffffffe")
    assert.strictEqual(toHex(Datagram.encodeKeepalive(0)), "0000000000000000")
    assert.strictEqual(toHex(Datagram.encodeKeepalive(0x01020304)), "0403020100000000")
    assert.strictEqual(toHex(Datagram.encodeKeepalive(0xffffffff)), "ffffffff00000000")
    for (const encode of [Datagram.encodePing, Datagram.encodePong, Datagram.encodeKeepalive]) {
      for (const value of [-1, 2 ** 32, 0.5, Number.NaN]) assert.throws(() => encode(value), RangeError)
    }
  })

  it("does not mistake a ping for a reply, nor a reply for a ping", () => {
    const kinds = [
      Datagram.decodePing(Datagram.encodePong(1)),
      Datagram.decodePong(Datagram.encodePing(1)),
      Datagram.decodePing(fromHex("1337cafe000000")),
      Datagram.decodePong(fromHex("1337f00d0000000000"))
    ].map((result) => Result.isFailure(result) ? result.failure.kind : undefined)
    assert.deepStrictEqual(kinds, ["BadMagic", "BadMagic", "BadLength", "BadLength"])
  })

  it.prop("decodes the pings and replies that it encodes", [u32], ([sequence]) => {
    assert.deepStrictEqual(Datagram.decodePing(Datagram.encodePing(sequence)), Result.succeed(sequence))
    assert.deepStrictEqual(Datagram.decodePong(Datagram.encodePong(sequence)), Result.succeed(sequence))
    assert.strictEqual(Datagram.classify(Datagram.encodePing(sequence)), "ping")
    assert.strictEqual(Datagram.classify(Datagram.encodePong(sequence)), "ping")
    assert.strictEqual(Datagram.classify(Datagram.encodeKeepalive(sequence)), Datagram.classify(new Uint8Array(8)))
  })

  it.prop("classifies any bytes as one of five kinds", [bytes(90)], ([datagram]) => {
    assert.include(["discovery", "ping", "rtcp", "rtp", "unknown"], Datagram.classify(datagram))
    assert.isTrue(Result.isResult(Datagram.decodePing(datagram)))
    assert.isTrue(Result.isResult(Datagram.decodePong(datagram)))
  })
})
