/** Frames assembled exactly as ISO 14496-3 (1.A.3.2) defines them, without any sound in them. */
import { assert, describe, it } from "@effect/vitest"
import * as AdtsReader from "../../../src/audio/format/AdtsReader.ts"
import { concat } from "../samples.ts"

interface Kind {
  readonly profile: number
  readonly rate: number
  readonly channels: number
  /** The number of blocks minus one. */
  readonly blocks?: number
  readonly mpeg2?: boolean
  readonly checksum?: boolean
  readonly layer?: number
  readonly size?: number
}

const frameOf = (kind: Kind, payload: Uint8Array): Uint8Array => {
  const { blocks = 0, channels, checksum = false, layer = 0, mpeg2 = false, profile, rate } = kind
  const header = checksum ? 9 : 7
  const size = kind.size ?? header + payload.length
  return concat(
    Uint8Array.of(
      0xff,
      0xf0 | (mpeg2 ? 8 : 0) | (layer << 1) | (checksum ? 0 : 1),
      (profile << 6) | (rate << 2) | (channels >> 2),
      ((channels & 3) << 6) | (size >> 11),
      (size >> 3) & 255,
      ((size & 7) << 5) | 31,
      0xfc | blocks
    ),
    new Uint8Array(header - 7),
    payload
  )
}

const lc = { profile: 1, rate: 4, channels: 2 }
const payload = Uint8Array.from({ length: 300 }, (_, i) => i & 127)

const read = (...parts: ReadonlyArray<Uint8Array>) => {
  const reader = AdtsReader.make()
  reader.push(concat(...parts))
  reader.end()
  return { reader, header: reader.header(), packets: reader.take(), problem: reader.problem()?.kind }
}

describe("AdtsReader", () => {
  it("reports the rate, channels and configuration for every valid header", () => {
    // ISO 14496-3, table 1.18
    const rates = [96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350]
    // table 1.19; for 0, the first access unit defines the channels
    const channels = [1, 1, 2, 3, 4, 5, 6, 8]
    for (const [index, rate] of rates.entries()) {
      for (const [configuration, count] of channels.entries()) {
        for (const profile of [0, 1, 3]) {
          const frame = frameOf({ profile, rate: index, channels: configuration }, payload)
          const { header, packets, problem } = read(frame, frame, frame)
          assert.deepStrictEqual([problem, packets.length, header?.rate, header?.channels], [undefined, 3, rate, count])
          const bits = ((profile + 1) << 11) | (index << 7) | (configuration << 3)
          assert.deepStrictEqual(header?.setup, [Uint8Array.of(bits >> 8, bits & 255)])
        }
      }
    }
  })

  it("returns the payload after the header, with or without a checksum, for one block or several", () => {
    for (const mpeg2 of [false, true]) {
      for (const checksum of [false, true]) {
        for (const blocks of [0, 1, 3]) {
          const frame = frameOf({ ...lc, mpeg2, checksum, blocks }, payload)
          const { packets, problem } = read(frame, frame)
          const samples = 1_024 * (blocks + 1)
          assert.deepStrictEqual([problem, packets], [undefined, [
            { data: payload, samples, start: 0, offset: 0 },
            { data: payload, samples, start: samples, offset: frame.length }
          ]])
        }
      }
    }
  })

  it("rejects frames with an invalid header", () => {
    for (const changed of [{ rate: 13 }, { rate: 15 }, { layer: 1 }, { size: 7 }, { size: 9, checksum: true }]) {
      const frame = frameOf({ ...lc, ...changed }, payload)
      assert.strictEqual(read(frame, frame, frame).problem, "UnknownFormat", JSON.stringify(changed))
    }
    for (const checksum of [false, true]) {
      const empty = frameOf({ ...lc, checksum }, new Uint8Array(0))
      assert.strictEqual(read(empty, empty, empty).problem, "UnknownFormat")
    }
  })

  it("skips frames of another kind than the first", () => {
    const frame = frameOf(lc, payload)
    for (const changed of [{ profile: 0 }, { rate: 3 }, { channels: 1 }]) {
      const other = frameOf({ ...lc, ...changed }, payload)
      const { packets, problem } = read(frame, frame, other, other, frame, frame)
      assert.deepStrictEqual(
        [problem, packets.map(({ offset }) => offset / frame.length)],
        [undefined, [0, 1, 4, 5]],
        JSON.stringify(changed)
      )
    }
  })

  it("is Truncated within a frame, and within the first header", () => {
    const frame = frameOf(lc, payload)
    for (const cut of [1, payload.length, frame.length - 1]) {
      const { packets, problem } = read(frame, frame, frame.subarray(0, cut))
      assert.deepStrictEqual([packets.length, problem], [2, "Truncated"], `${cut} bytes`)
    }
    assert.strictEqual(read(frame.subarray(0, 6)).problem, "Truncated")
  })
})
