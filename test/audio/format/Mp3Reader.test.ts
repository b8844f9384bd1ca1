/** Frames assembled exactly as ISO 11172-3 (2.4.1.3, 2.4.2.3) and 13818-3 define them, without any sound in them. */
import { assert, describe, it } from "@effect/vitest"
import * as Mp3Reader from "../../../src/audio/format/Mp3Reader.ts"
import { ascii, concat } from "../samples.ts"

interface Kind {
  /** As encoded in the header: 3 is MPEG-1, 2 MPEG-2, 0 MPEG-2.5; 3 is layer I, 2 layer II, 1 layer III. */
  readonly version: number
  readonly layer: number
  readonly bitrate: number
  readonly rate: number
  readonly padding?: number
  /** 3 is mono. */
  readonly mode?: number
  readonly emphasis?: number
}

const headerOf = ({ bitrate, emphasis = 0, layer, mode = 0, padding = 0, rate, version }: Kind): Uint8Array =>
  Uint8Array.of(
    0xff,
    0xe1 | (version << 3) | (layer << 1),
    (bitrate << 4) | (rate << 2) | (padding << 1),
    (mode << 6) | emphasis
  )

const frameOf = (kind: Kind, bytes: number, ...parts: ReadonlyArray<readonly [at: number, part: Uint8Array]>) => {
  const frame = new Uint8Array(bytes)
  frame.set(headerOf(kind))
  for (const [at, part] of parts) frame.set(part, at)
  return frame
}

const read = (...parts: ReadonlyArray<Uint8Array>) => {
  const reader = Mp3Reader.make()
  reader.push(concat(...parts))
  const header = reader.header()
  reader.end()
  return { reader, header: header ?? reader.header(), packets: reader.take(), problem: reader.problem()?.kind }
}

/** The bitrates in kbit/s by their index, from 1 on, of MPEG-1 and of the other versions, in layers I to III. */
const bitrates: ReadonlyArray<readonly [ReadonlyArray<number>, ReadonlyArray<number>, ReadonlyArray<number>]> = [
  [
    [32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448],
    [32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384],
    [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320]
  ],
  [
    [32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256],
    [8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
    [8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160]
  ]
]

const versions = [
  { version: 3, rates: [44_100, 48_000, 32_000] },
  { version: 2, rates: [22_050, 24_000, 16_000] },
  { version: 0, rates: [11_025, 12_000, 8_000] }
]

const samplesOf = (version: number, layer: number): number => {
  if (layer === 3) return 384
  return layer === 1 && version !== 3 ? 576 : 1_152
}

/** A slot is four bytes in layer I, and one byte in the others. */
const lengthOf = (layer: number, samples: number, kbits: number, rate: number, padding: number): number => {
  const slot = layer === 3 ? 4 : 1
  return slot * (Math.floor(samples * kbits * 1_000 / 8 / slot / rate) + padding)
}

const cbr = { version: 3, layer: 1, bitrate: 9, rate: 0 }
const cbrBytes = 417

describe("Mp3Reader", () => {
  it("knows the length of a frame for every version, layer, bitrate and sample rate", () => {
    for (const { rates, version } of versions) {
      for (const layer of [3, 2, 1]) {
        const samples = samplesOf(version, layer)
        for (const [index, kbits] of (bitrates[version === 3 ? 0 : 1]?.[3 - layer] ?? []).entries()) {
          for (const [rateIndex, rate] of rates.entries()) {
            const frames = [0, 1, 0].map((padding) =>
              frameOf(
                { version, layer, bitrate: index + 1, rate: rateIndex, padding },
                lengthOf(layer, samples, kbits, rate, padding)
              )
            )
            const { header, packets, problem } = read(...frames)
            assert.deepStrictEqual(
              [problem, header?.rate, packets.map((packet) => packet.samples), packets.map(({ data }) => data.length)],
              [undefined, rate, [samples, samples, samples], frames.map(({ length }) => length)],
              `version ${version}, layer ${layer}, ${kbits} kbit/s at ${rate} Hz`
            )
          }
        }
      }
    }
  })

  it("rejects frames with a reserved value in the header", () => {
    const frames = (changed: Partial<Kind>) => {
      const frame = frameOf({ ...cbr, ...changed }, cbrBytes)
      return read(frame, frame, frame)
    }
    assert.strictEqual(frames({}).packets.length, 3)
    for (const changed of [{ version: 1 }, { layer: 0 }, { bitrate: 15 }, { rate: 3 }, { emphasis: 2 }]) {
      assert.strictEqual(frames(changed).problem, "UnknownFormat", JSON.stringify(changed))
    }
  })

  it("plays a single frame, unless it is a count frame", () => {
    const frame = frameOf(cbr, cbrBytes)
    const one = read(frame)
    assert.deepStrictEqual([one.problem, one.packets.map(({ offset, start }) => [offset, start])], [undefined, [[
      0,
      0
    ]]])
    const counted = read(frameOf(cbr, cbrBytes, [36, concat(ascii("Info"), new Uint8Array(4))]))
    assert.deepStrictEqual([counted.problem, counted.header?.rate, counted.packets], [undefined, 44_100, []])
  })

  /** The Xing header: the fields that its flags announce, with the given frames, bytes and delays. */
  const xing = (flags: number, told: { readonly frames?: number; readonly bytes?: number; readonly lame?: string }) => {
    const fields: Array<Uint8Array> = [ascii("Xing"), Uint8Array.of(0, 0, 0, flags)]
    const number = (value: number) => Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value)
    if ((flags & 1) !== 0) fields.push(number(told.frames ?? 0))
    if ((flags & 2) !== 0) fields.push(number(told.bytes ?? 0))
    if ((flags & 4) !== 0) fields.push(new Uint8Array(100).fill(0x31))
    if ((flags & 8) !== 0) fields.push(number(77))
    // 21 bytes of names and gains, then 12 bits each: 0x241 samples before the sound and 0x3a5 after it
    if (told.lame !== undefined) fields.push(ascii(told.lame.padEnd(21, "\0")), Uint8Array.of(0x24, 0x13, 0xa5))
    return concat(...fields)
  }

  /** Its position: after the header, the checksum if there is one, and the side information (ISO 11172-3, 2.4.1.7). */
  const places: ReadonlyArray<readonly [kind: Kind, bytes: number, at: number]> = [
    [{ ...cbr, mode: 0 }, 417, 36],
    [{ ...cbr, mode: 3 }, 417, 21],
    [{ ...cbr, version: 2, mode: 0 }, 261, 21],
    [{ ...cbr, version: 2, mode: 3 }, 261, 13]
  ]

  it("reads the frame count and the encoder's delays from a Xing header, wherever it is", () => {
    for (const [kind, bytes, at] of places) {
      const samples = samplesOf(kind.version, kind.layer)
      const frame = frameOf(kind, bytes)
      for (const checksum of [0, 2]) {
        for (const flags of [1, 3, 5, 9, 15]) {
          for (const lame of ["LAME3.100", "Lavf", "Lavc", "GOGO"]) {
            const first = frameOf(kind, bytes, [at + checksum, xing(flags, { frames: 3, lame })])
            const { header, packets, problem } = read(first, frame, frame, frame)
            const total = 3 * samples - 0x241 - 0x3a5
            assert.deepStrictEqual(
              [problem, packets.length, packets[0]?.start, header?.channels, header?.delay, header?.total],
              [undefined, 3, 0, kind.mode === 3 ? 1 : 2, 0x241 + 529, total],
              `at ${at + checksum}, flags ${flags}, ${lame}`
            )
          }
        }
      }
    }
  })

  it("ignores the delays of unknown encoders, delays that are cut off, and a count of zero", () => {
    const headerBehind = (part: Uint8Array, kind = cbr, bytes = cbrBytes, at = 36) =>
      read(frameOf(kind, bytes, [at, part]), frameOf(kind, bytes), frameOf(kind, bytes)).header
    assert.deepInclude(headerBehind(xing(1, { frames: 2, lame: "other" })), { delay: 0, total: 2 * 1_152 })
    assert.deepInclude(headerBehind(xing(1, { frames: 0, lame: "LAME" })), { delay: 0x241 + 529, total: undefined })
    assert.deepInclude(headerBehind(xing(0, {})), { delay: 0, total: undefined })
    // 48 kbit/s at 22,050 Hz: the last byte of the delays does not fit
    const small = { version: 2, layer: 1, bitrate: 6, rate: 0, mode: 3 }
    const cut = xing(15, { frames: 2, lame: "LAME" }).subarray(0, 156 - 13)
    assert.deepInclude(headerBehind(cut, small, 156, 13), { delay: 0, total: 2 * 576 })
    assert.strictEqual(read(frameOf(cbr, cbrBytes), frameOf(cbr, cbrBytes)).header?.total, undefined)
  })

  it("ignores a frame count if the stated size is only a small part of the file", () => {
    const frame = frameOf(cbr, cbrBytes)
    for (const [size, total] of [[1_000_000, 3 * 1_152], [2_000_000, undefined]] as const) {
      const { reader } = read(frameOf(cbr, cbrBytes, [36, xing(3, { frames: 3, bytes: 10_000 })]), frame, frame, frame)
      reader.onSize?.(size)
      assert.strictEqual(reader.header()?.total, total)
    }
  })

  it("reads the frame and byte counts of Fraunhofer's VBRI header, too", () => {
    const vbri = Buffer.alloc(26)
    vbri.write("VBRI")
    vbri.writeUInt32BE(10_000, 10)
    vbri.writeUInt32BE(3, 14)
    const first = frameOf(cbr, cbrBytes, [36, vbri])
    const frame = frameOf(cbr, cbrBytes)
    for (const [size, total] of [[500_000, 3 * 1_152], [5_000_000, undefined]] as const) {
      const { packets, reader } = read(first, frame, frame, frame)
      reader.onSize?.(size)
      assert.deepStrictEqual([packets.length, reader.header()?.total], [3, total])
    }
  })

  it("plays frames beyond the count, and is Truncated if more than one is missing", () => {
    const frame = frameOf(cbr, cbrBytes)
    const of = (told: number, count: number) => {
      const first = frameOf(cbr, cbrBytes, [36, xing(1, { frames: told })])
      const { header, packets, problem } = read(first, ...Array.from({ length: count }, () => frame))
      return [packets.length, header?.total, problem]
    }
    assert.deepStrictEqual(of(10, 10), [10, 11_520, undefined])
    // one or two frames that the encoder miscounted are not another file
    assert.deepStrictEqual(of(10, 12), [12, 11_520, undefined])
    assert.deepStrictEqual(of(10, 13), [13, undefined, undefined])
    assert.deepStrictEqual(of(10, 9), [9, 11_520, undefined])
    assert.deepStrictEqual(of(10, 8), [8, 11_520, "Truncated"])
  })

  it("derives the duration from the size if the bitrate is constant, not counting the Xing frame", () => {
    const frame = frameOf(cbr, cbrBytes)
    const frames = Array.from({ length: 20 }, () => frame)
    const durationOf = (...parts: ReadonlyArray<Uint8Array>) => {
      const bytes = concat(...parts)
      const { reader } = read(bytes)
      return reader.durationByTail(bytes, bytes.length)
    }
    assert.strictEqual(durationOf(...frames), 20 * cbrBytes / 16)
    assert.strictEqual(durationOf(frameOf(cbr, cbrBytes, [36, xing(0, {})]), ...frames), 20 * cbrBytes / 16)
    const other = frameOf({ ...cbr, bitrate: 5 }, 208)
    assert.isUndefined(durationOf(...frames, other, other))
  })

  it("continues from the offset and the sample of a restart", () => {
    const frame = frameOf(cbr, cbrBytes)
    const { reader } = read(frame, frame, frame)
    reader.restart({ offset: 2 * cbrBytes, start: 2 * 1_152 })
    reader.push(concat(frame, frame))
    assert.deepStrictEqual(
      reader.take().map(({ offset, start }) => [offset, start]),
      [[2 * cbrBytes, 2 * 1_152], [3 * cbrBytes, 3 * 1_152]]
    )
  })
})
