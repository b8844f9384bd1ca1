/** Headers and packets of Vorbis (Vorbis I, 4.2 and 4.3), to the extent that they determine what is decoded. */
import { assert, describe, it } from "@effect/vitest"
import * as Vorbis from "../../../src/audio/format/Vorbis.ts"
import { ascii, concat } from "../samples.ts"

const identification = (
  { channels = 2, framing = 1, long = 11, rate = 44_100, short = 8, version = 0 }: {
    readonly channels?: number
    readonly framing?: number
    readonly long?: number
    readonly rate?: number
    readonly short?: number
    readonly version?: number
  } = {}
): Uint8Array => {
  const packet = Buffer.alloc(30)
  packet.set(ascii("\x01vorbis"))
  packet.writeUInt32LE(version, 7)
  packet[11] = channels
  packet.writeUInt32LE(rate, 12)
  packet[28] = (long << 4) | short
  packet[29] = framing
  return new Uint8Array(packet)
}

/** A setup header that ends with the given modes after arbitrary bits, and with `pad` zero bits at the very end. */
const setup = (
  long: ReadonlyArray<boolean>,
  pad = 0,
  before: ReadonlyArray<number> = [1, 0, 1, 1, 1, 0, 1, 0, 1, 1]
): Uint8Array => {
  const bits = [...before]
  const put = (value: number, count: number) => {
    for (let i = 0; i < count; i++) bits.push((value >> i) & 1)
  }
  put(long.length - 1, 6)
  for (const [i, flag] of long.entries()) {
    put(flag ? 1 : 0, 1)
    put(0, 16)
    put(0, 16)
    put(i & 1, 8)
  }
  bits.push(1)
  for (let i = 0; i < pad; i++) bits.push(0)
  const body = new Uint8Array(Math.ceil(bits.length / 8))
  for (const [i, bit] of bits.entries()) body[i >> 3] = (body[i >> 3] ?? 0) | (bit << (i & 7))
  return concat(ascii("\x05vorbis"), body)
}

describe("Vorbis", () => {
  it("reads the channels, the rate and the block sizes", () => {
    assert.deepStrictEqual(Vorbis.identification(identification()), {
      channels: 2,
      rate: 44_100,
      blocks: [256, 2_048]
    })
    assert.deepInclude(Vorbis.identification(identification({ short: 6, long: 13 })), { blocks: [64, 8_192] })
    assert.deepInclude(Vorbis.identification(identification({ short: 9, long: 9 })), { blocks: [512, 512] })
    assert.deepInclude(Vorbis.identification(identification({ rate: 1_000 })), { rate: 1_000 })
  })

  it("rejects a malformed identification header", () => {
    const wrong = [
      { channels: 0 },
      { rate: 0 },
      { rate: 999 },
      { rate: 768_001 },
      { short: 5 },
      { long: 14 },
      { short: 12, long: 11 },
      { version: 1 },
      { framing: 2 }
    ]
    for (const fields of wrong) {
      assert.isUndefined(Vorbis.identification(identification(fields)), JSON.stringify(fields))
    }
    assert.isUndefined(Vorbis.identification(identification().subarray(0, 29)))
    assert.isUndefined(Vorbis.identification(concat(ascii("\x03vorbis"), identification().subarray(7))))
  })

  it("finds its modes at the end of its setup, whatever padding follows", () => {
    const cases = [
      [false],
      [true],
      [false, true],
      [true, false, true],
      Array.from({ length: 64 }, (_, i) => i % 3 === 0)
    ]
    for (const modes of cases) {
      for (let pad = 0; pad < 20; pad++) assert.deepStrictEqual(Vorbis.modes(setup(modes, pad)), modes, `${pad}`)
    }
    // the bits before them may look like more modes
    const zeros = Array.from({ length: 200 }, () => 0)
    assert.deepStrictEqual(Vorbis.modes(setup([true, false], 3, zeros)), [true, false])
    assert.isUndefined(Vorbis.modes(concat(ascii("\x03vorbis"), setup([false]).subarray(7))))
    assert.isUndefined(Vorbis.modes(ascii("\x05vorbis")))
  })

  it("yields half of a packet's block and half of the previous one's", () => {
    const of = (long: ReadonlyArray<boolean>, ...modes: ReadonlyArray<number>) => {
      const { samples } = Vorbis.counter([256, 2_048], long)
      return modes.map((mode) => samples(Uint8Array.of(mode << 1, 0)))
    }
    assert.deepStrictEqual(of([false, true], 0, 0, 1, 1, 0), [0, 128, 576, 1_024, 576])
    // with one mode, no bit selects it
    assert.deepStrictEqual(of([true], 0, 1, 0), [0, 1_024, 1_024])
    // with three modes, two bits do, and one of their values is invalid
    assert.deepStrictEqual(of([false, false, true], 2, 0, 3, 6), [0, 576, -1, 576])
    // with four modes, two bits
    assert.deepStrictEqual(of([false, false, true, true], 4, 7), [0, 576])
  })

  it("counts no samples for an empty packet, and rejects one that is not audio", () => {
    const { reset, samples } = Vorbis.counter([256, 2_048], [false, true])
    const [long, header] = [Uint8Array.of(2), Uint8Array.of(3)]
    assert.deepStrictEqual([long, new Uint8Array(0), long, header, long].map(samples), [0, 0, 1_024, -1, 1_024])
    reset()
    assert.deepStrictEqual([long, long].map(samples), [0, 1_024])
  })
})
