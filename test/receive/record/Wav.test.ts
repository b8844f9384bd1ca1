import { assert, describe, it } from "@effect/vitest"
import * as Wav from "../../../src/receive/record/Wav.ts"

const text = (bytes: Uint8Array, from: number, to: number) => Buffer.from(bytes.subarray(from, to)).toString("latin1")

const fields = (bytes: Uint8Array) => {
  const view = new DataView(bytes.buffer, bytes.byteOffset)
  return {
    tags: [text(bytes, 0, 4), text(bytes, 8, 16), text(bytes, 36, 40)],
    riffBytes: view.getUint32(4, true),
    format: [view.getUint32(16, true), view.getUint16(20, true), view.getUint16(22, true), view.getUint32(24, true)],
    rates: [view.getUint32(28, true), view.getUint16(32, true), view.getUint16(34, true)],
    dataBytes: view.getUint32(40, true)
  }
}

/** A file, and the positions at which it was overwritten. */
const file = () => {
  let bytes = Buffer.alloc(0)
  const heads: Array<number> = []
  const wav = Wav.make({
    append: (part) => void (bytes = Buffer.concat([bytes, part])),
    overwrite: (part, position) => {
      heads.push(position)
      bytes.set(part, position)
    },
    resize: (to) => void (bytes = Buffer.concat([bytes.subarray(0, to)], to))
  })
  return { wav, heads, bytes: () => bytes }
}

describe("Wav", () => {
  it("describes the data, and states the length of the data and of the file", () => {
    assert.deepStrictEqual(fields(Wav.header({ channels: 2, rate: 48_000, dataBytes: 400 })), {
      tags: ["RIFF", "WAVEfmt ", "data"],
      riffBytes: 400 + 36,
      format: [16, 1, 2, 48_000],
      rates: [192_000, 4, 16],
      dataBytes: 400
    })
  })

  it("states the largest possible length if the file is longer", () => {
    for (
      const [dataBytes, riffBytes, told] of [
        [0xffff_ffff - 36, 0xffff_ffff, 0xffff_ffff - 36],
        [0xffff_ffff, 0xffff_ffff, 0xffff_ffff],
        [2 ** 33, 0xffff_ffff, 0xffff_ffff]
      ] as const
    ) {
      assert.deepInclude(fields(Wav.header({ channels: 2, rate: 48_000, dataBytes })), { riffBytes, dataBytes: told })
    }
  })

  it("is playable after a flush, which writes nothing if nothing has come", () => {
    const { bytes, heads, wav } = file()
    wav.flush()
    wav.add(Int16Array.of(1, -2, 3, -4))
    wav.flush()
    wav.flush()
    assert.deepStrictEqual(heads, [0])
    assert.deepInclude(fields(bytes()), { riffBytes: 8 + 36, dataBytes: 8 })
    assert.deepStrictEqual([...bytes().subarray(44)], [1, 0, 0xfe, 0xff, 3, 0, 0xfc, 0xff])
    wav.resize(1)
    wav.flush()
    assert.strictEqual(wav.length(), 1)
    assert.deepStrictEqual([bytes().length, fields(bytes()).dataBytes], [48, 4])
  })
})
