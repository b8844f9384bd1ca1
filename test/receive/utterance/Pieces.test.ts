import { assert, describe, it } from "@effect/vitest"
import type { Heard } from "../../../src/receive/utterance/Detector.ts"
import * as Pieces from "../../../src/receive/utterance/Pieces.ts"

const frame = (samples: number, data?: Uint8Array): Heard => ({
  timestamp: 0,
  samples,
  atMs: 0,
  pcm: new Int16Array(),
  data,
  isMadeUp: false
})

describe("Pieces", () => {
  it("are the packets as they came, with packets of silence where none did", () => {
    const data = Uint8Array.of(0xfc, 1)
    const pieces = Pieces.of([frame(960, data), frame(1_200), frame(960, data)])
    assert.deepStrictEqual(pieces.map(({ samples }) => samples), [960, 960, 240, 960])
    assert.deepStrictEqual([pieces[0]?.data, pieces[3]?.data], [data, data])
  })

  it("keep their time, however many pauses are not a whole number of Opus steps", () => {
    const data = Uint8Array.of(0xfc, 1)
    for (const pause of [1, 119, 4_801, 4_919, 9_659]) {
      let at = 0
      for (let n = 1; n <= 40; n++) {
        at += 960 + pause
        const pieces = Pieces.of(Array.from({ length: n }, () => [frame(960, data), frame(pause)]).flat())
        const samples = pieces.reduce((sum, piece) => sum + piece.samples, 0)
        assert.isTrue(samples >= at && samples < at + 120, `${n} pauses of ${pause}: ${samples} for ${at}`)
      }
    }
  })
})
