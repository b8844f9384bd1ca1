/** Stream information and frame headers, assembled exactly as RFC 9639 (8.2 and 9.1) defines them. */
import { assert, describe, it } from "@effect/vitest"
import * as FlacFrame from "../../../src/audio/format/FlacFrame.ts"
import { concat } from "../samples.ts"

const crc8 = (bytes: Uint8Array): number => {
  let sum = 0
  for (const byte of bytes) {
    sum ^= byte
    for (let bit = 0; bit < 8; bit++) sum = (sum & 0x80) === 0 ? sum << 1 : ((sum << 1) ^ 0x07) & 255
  }
  return sum
}

const info: FlacFrame.StreamInfo = {
  minBlock: 16,
  maxBlock: 4_096,
  rate: 44_100,
  channels: 2,
  bits: 16,
  total: undefined
}

interface Fields {
  readonly variable?: boolean
  readonly size?: number
  readonly rate?: number
  readonly channels?: number
  readonly depth?: number
  readonly reserved?: number
  readonly number?: ReadonlyArray<number>
  readonly behind?: ReadonlyArray<number>
}

const headerOf = (fields: Fields): Uint8Array => {
  const { behind = [], channels = 1, depth = 4, number = [0], rate = 9, reserved = 0, size = 12, variable } = fields
  const head = Uint8Array.of(
    0xff,
    variable === true ? 0xf9 : 0xf8,
    (size << 4) | rate,
    (channels << 4) | (depth << 1) | reserved,
    ...number,
    ...behind
  )
  return concat(head, Uint8Array.of(crc8(head)))
}

const frameAt = (fields: Fields, of: Partial<FlacFrame.StreamInfo> = {}) => {
  const header = headerOf(fields)
  return FlacFrame.frameAt(concat(Uint8Array.of(7), header, Uint8Array.of(0)), 1, header.length + 2, { ...info, ...of })
}

describe("FlacFrame", () => {
  it("reads the stream information, and rejects impossible values", () => {
    const written = (of: Partial<FlacFrame.StreamInfo> & { readonly total?: number }) => {
      const { bits, channels, maxBlock, minBlock, rate, total = 0 } = { ...info, ...of }
      const bytes = Buffer.alloc(34)
      bytes.writeUInt16BE(minBlock, 0)
      bytes.writeUInt16BE(maxBlock, 2)
      const packed = BigInt(rate) << 44n | BigInt(channels - 1) << 41n | BigInt(bits - 1) << 36n | BigInt(total)
      bytes.writeBigUInt64BE(packed, 10)
      return new Uint8Array(bytes)
    }
    const whole = { minBlock: 16, maxBlock: 65_535, rate: 655_350, channels: 8, bits: 32, total: 2 ** 36 - 1 }
    assert.deepStrictEqual(FlacFrame.decodeInfo(written(whole)), whole)
    assert.deepStrictEqual(FlacFrame.decodeInfo(written({})), info)
    assert.isUndefined(FlacFrame.decodeInfo(written({}).subarray(0, 33)))
    for (const wrong of [{ rate: 0 }, { minBlock: 0, maxBlock: 15 }, { minBlock: 4_097 }]) {
      assert.isUndefined(FlacFrame.decodeInfo(written(wrong)), JSON.stringify(wrong))
    }
  })

  it("knows the size of each block that a header can name", () => {
    const sizes = [0, 192, 576, 1_152, 2_304, 4_608, 0, 0, 256, 512, 1_024, 2_048, 4_096, 8_192, 16_384, 32_768]
    for (const [size, samples] of sizes.entries()) {
      if (samples > 0) assert.deepStrictEqual(frameAt({ size }), { samples, start: 0 })
    }
    assert.deepStrictEqual(frameAt({ size: 6, behind: [0] }), { samples: 1, start: 0 })
    assert.deepStrictEqual(frameAt({ size: 6, behind: [255] }), { samples: 256, start: 0 })
    assert.deepStrictEqual(frameAt({ size: 7, behind: [1, 2] }), { samples: 259, start: 0 })
    assert.deepStrictEqual(frameAt({ size: 7, behind: [255, 254] }), { samples: 65_535, start: 0 })
    // 65,536 cannot be expressed (RFC 9639, 9.1.6)
    assert.isUndefined(frameAt({ size: 7, behind: [255, 255] }))
    assert.isUndefined(frameAt({ size: 0 }))
  })

  it("accepts the stream's sample rate in each encoding, and no other rate", () => {
    const rates = [88_200, 176_400, 192_000, 8_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 96_000]
    for (const [index, rate] of rates.entries()) {
      assert.isDefined(frameAt({ rate: index + 1 }, { rate }))
      assert.isUndefined(frameAt({ rate: index + 1 }, { rate: rate + 1 }))
    }
    assert.isDefined(frameAt({ rate: 0 }))
    assert.isDefined(frameAt({ rate: 12, behind: [44] }))
    assert.isDefined(frameAt({ rate: 13, behind: [0xac, 0x44] }))
    assert.isDefined(frameAt({ rate: 14, behind: [0x11, 0x3a] }))
    // the size precedes the rate
    assert.deepStrictEqual(frameAt({ size: 6, rate: 14, behind: [99, 0x11, 0x3a] }), { samples: 100, start: 0 })
    assert.isUndefined(frameAt({ rate: 15 }))
  })

  it("accepts the stream's channels and bit depth, and no reserved bit", () => {
    for (let channels = 0; channels < 8; channels++) {
      assert.isDefined(frameAt({ channels }, { channels: channels + 1 }))
      assert.isUndefined(frameAt({ channels }, { channels: channels + 2 }))
    }
    // left and side, side and right, mid and side
    for (const channels of [8, 9, 10]) assert.isDefined(frameAt({ channels }))
    for (const channels of [11, 15]) assert.isUndefined(frameAt({ channels }))
    for (const [depth, bits] of [[1, 8], [2, 12], [4, 16], [5, 20], [6, 24], [7, 32]] as const) {
      assert.isDefined(frameAt({ depth }, { bits }))
      assert.isUndefined(frameAt({ depth }, { bits: bits + 1 }))
    }
    assert.isDefined(frameAt({ depth: 0 }, { bits: 17 }))
    assert.isUndefined(frameAt({ depth: 3 }))
    assert.isUndefined(frameAt({ reserved: 1 }))
  })

  it("counts in frames, or in samples if the block size varies", () => {
    // the smallest and the largest value of each encoded length
    const numbers: ReadonlyArray<readonly [number: ReadonlyArray<number>, value: number]> = [
      [[0], 0],
      [[0x7f], 127],
      [[0xc2, 0x80], 128],
      [[0xdf, 0xbf], 2_047],
      [[0xe0, 0xa0, 0x80], 2_048],
      [[0xef, 0xbf, 0xbf], 65_535],
      [[0xf0, 0x90, 0x80, 0x80], 65_536],
      [[0xf7, 0xbf, 0xbf, 0xbf], 2 ** 21 - 1],
      [[0xfb, 0xbf, 0xbf, 0xbf, 0xbf], 2 ** 26 - 1],
      [[0xfd, 0xbf, 0xbf, 0xbf, 0xbf, 0xbf], 2 ** 31 - 1],
      [[0xfe, 0xbf, 0xbf, 0xbf, 0xbf, 0xbf, 0xbf], 2 ** 36 - 1]
    ]
    for (const [number, value] of numbers) {
      assert.deepStrictEqual(frameAt({ number }), { samples: 4_096, start: 4_096 * value }, `${value}`)
      assert.deepStrictEqual(frameAt({ number, variable: true }), { samples: 4_096, start: value }, `${value}`)
    }
    for (const number of [[0x80], [0xbf], [0xff, 0x80], [0xc2, 0x40], [0xe0, 0xa0, 0xc0]]) {
      assert.isUndefined(frameAt({ number }), `${number}`)
    }
  })

  it("rejects a wrong checksum, and asks for more bytes if the header is cut short", () => {
    const header = headerOf({ size: 7, rate: 13, number: [0xe0, 0xa0, 0x80], behind: [1, 2, 0xac, 0x44] })
    for (let end = 1; end < header.length; end++) {
      assert.strictEqual(FlacFrame.frameAt(header, 0, end, info), "short", `${end} bytes`)
    }
    const whole = { samples: 259, start: 2_048 * 4_096 }
    assert.deepStrictEqual(FlacFrame.frameAt(header, 0, header.length, info), whole)
    const damaged = header.slice()
    damaged[damaged.length - 1] = (damaged.at(-1) ?? 0) ^ 1
    assert.isUndefined(FlacFrame.frameAt(damaged, 0, damaged.length, info))
    assert.isUndefined(FlacFrame.frameAt(Uint8Array.of(0xff, 0xf7, 0, 0, 0, 0), 0, 6, info))
    assert.isUndefined(FlacFrame.frameAt(Uint8Array.of(0xfe), 0, 1, info))
  })

  it("computes the CRC of RFC 9639, which is zero over a frame followed by its own CRC", () => {
    // CRC-16/UMTS of the digits "123456789", the usual check value
    const digits = new Uint8Array(Buffer.from("123456789"))
    assert.strictEqual(FlacFrame.crc16(digits, 0, 9), 0xfee8)
    assert.strictEqual(FlacFrame.crc16(concat(digits, Uint8Array.of(0xfe, 0xe8)), 0, 11), 0)
  })
})
