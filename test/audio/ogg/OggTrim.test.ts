import { assert, describe, it } from "@effect/vitest"
import type { Packet } from "../../../src/audio/format/PacketReader.ts"
import * as OggTrim from "../../../src/audio/ogg/OggTrim.ts"

const packets = (...samples: ReadonlyArray<number>): Array<Packet> =>
  samples.map((samples, i) => ({ data: Uint8Array.of(i), samples, start: 1_000 * i, offset: -1 }))

const samplesOf = (list: ReadonlyArray<Packet>) => list.map(({ samples }) => samples)

describe("OggTrim", () => {
  it("shifts the packets from an index on", () => {
    const list = packets(10, 10, 10)
    OggTrim.shift(list, 1, -300)
    assert.deepStrictEqual(list.map(({ start }) => start), [0, 700, 1_700])
    OggTrim.shift(list, 3, 1)
    assert.deepStrictEqual(list.map(({ start }) => start), [0, 700, 1_700])
  })

  it("cuts samples off the end, and returns how many it cut", () => {
    const cases: ReadonlyArray<readonly [cut: number, said: number, left: ReadonlyArray<number>]> = [
      [0, 0, [0, 10, 20]],
      [-5, 0, [0, 10, 20]],
      [5, 5, [0, 10, 15]],
      [20, 20, [0, 10]],
      [25, 25, [0, 5]],
      [30, 30, [0]],
      [99, 30, [0]]
    ]
    for (const [cut, said, left] of cases) {
      const list = packets(0, 10, 20)
      assert.deepStrictEqual([OggTrim.cut(list, cut), samplesOf(list)], [said, left], `${cut}`)
    }
  })
})
