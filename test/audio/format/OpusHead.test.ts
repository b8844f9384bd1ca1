import { assert, describe, it } from "@effect/vitest"
import * as OpusHead from "../../../src/audio/format/OpusHead.ts"
import { concat, opusHead } from "../samples.ts"

/** A header of mapping family 1 (RFC 7845, 5.1.1). */
const mapped = (streams: number, coupled: number, mapping: ReadonlyArray<number>, gain = 0) =>
  concat(opusHead({ family: 1, channels: mapping.length, gain }), Uint8Array.of(streams, coupled, ...mapping))

const decodingOf = (packet: Uint8Array) => {
  const head = OpusHead.decode(packet)
  return "kind" in head ? head.kind : head.decoding
}

describe("OpusHead", () => {
  it("reads the channels, the pre-skip and the input sample rate", () => {
    assert.deepStrictEqual(OpusHead.decode(opusHead({ channels: 1, preSkip: 3_840 })), {
      channels: 1,
      preSkip: 3_840,
      inputSampleRate: 44_100,
      decoding: undefined
    })
    const head = { channels: 2, preSkip: 0xfedc, inputSampleRate: 0xfedcba98 }
    assert.deepStrictEqual(OpusHead.decode(OpusHead.encode(head)), { ...head, decoding: undefined })
  })

  it("accepts every compatible version (RFC 7845, 5.1)", () => {
    for (const version of [0, 1, 15]) assert.isUndefined(decodingOf(opusHead({ version })))
    for (const version of [16, 17, 255]) assert.strictEqual(decodingOf(opusHead({ version })), "Unsupported")
  })

  it("reads the output gain in steps of 1/256 dB, including negative gains", () => {
    const gainOf = (gain: number) => {
      const decoding = decodingOf(opusHead({ gain }))
      return typeof decoding === "object" ? decoding.gain : decoding
    }
    assert.isUndefined(gainOf(0))
    assert.closeTo(Number(gainOf(20 * 256)), 10, 1e-9)
    assert.closeTo(Number(gainOf(-20 * 256)), 0.1, 1e-9)
    assert.closeTo(Number(gainOf(1)), 1.00045, 1e-5)
    assert.deepStrictEqual(decodingOf(opusHead({ channels: 1, gain: 5_120 })), {
      gain: 10,
      streams: 1,
      coupled: 0,
      mapping: [0]
    })
  })

  it("requires a decoder only if the packets differ from what is to be heard", () => {
    const plain = [
      mapped(1, 1, [0, 1]),
      mapped(1, 0, [0]),
      mapped(1, 0, [0, 0])
    ]
    for (const packet of plain) assert.isUndefined(decodingOf(packet), packet.subarray(19).join())
    const others = [
      mapped(1, 1, [1, 0]),
      mapped(1, 1, [0, 0]),
      mapped(1, 1, [0]),
      mapped(1, 1, [0, 255]),
      mapped(1, 0, [0, 255]),
      mapped(1, 0, [0, 0, 0]),
      mapped(2, 0, [0]),
      mapped(2, 0, [0, 1]),
      mapped(2, 1, [0, 1])
    ]
    for (const packet of others) {
      assert.deepStrictEqual(decodingOf(packet), {
        gain: 1,
        streams: packet[19] ?? 0,
        coupled: packet[20] ?? 0,
        mapping: [...packet.subarray(21)]
      })
    }
    assert.deepInclude(decodingOf(mapped(1, 1, [0, 1], 256 * 20)), { gain: 10 })
  })

  it("rejects invalid headers", () => {
    for (const channels of [0, 3]) assert.strictEqual(decodingOf(opusHead({ channels })), "Corrupt")
    for (const family of [2, 3, 255]) assert.strictEqual(decodingOf(opusHead({ family })), "Unsupported")
    const corrupt = [
      mapped(0, 0, [255]),
      mapped(1, 2, [0, 1]),
      mapped(128, 128, [0]),
      mapped(1, 1, [0, 2]),
      mapped(1, 0, [1]),
      mapped(1, 0, []),
      mapped(9, 0, [0, 1, 2, 3, 4, 5, 6, 7, 8]),
      mapped(2, 0, [0, 1]).subarray(0, -1),
      mapped(2, 0, [0, 1]).subarray(0, 20),
      opusHead().subarray(0, 18)
    ]
    for (const packet of corrupt) assert.strictEqual(decodingOf(packet), "Corrupt", packet.subarray(18).join())
    // the largest possible index: 255 stands for silence, not for a channel
    assert.isObject(decodingOf(mapped(255, 0, [254, 255])))
  })
})
