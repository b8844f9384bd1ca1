import { assert, describe, it } from "@effect/vitest"
import { UnitEncoder } from "../../src/mixer/UnitEncoder.ts"

/** Records what the encoder is given, and whether it was allowed to predict. */
const recorder = (lookahead: number) => {
  const given: Array<ReadonlyArray<number>> = []
  const log: Array<string> = []
  const units = new UnitEncoder({
    lookahead,
    encode: (pcm) => {
      given.push([pcm[0], pcm[pcm.length - lookahead * 2 - 1], pcm[pcm.length - lookahead * 2], pcm.at(-1)].map(Number))
      log.push("encode")
      return new Uint8Array(0)
    },
    setPrediction: (on) => void log.push(on ? "predict" : "do not"),
    configure: () => {},
    free: () => {}
  })
  return { given, log, units }
}

describe("UnitEncoder", () => {
  it("passes the encoder the end of one unit and the beginning of the next", () => {
    const { given, units } = recorder(312)
    assert.strictEqual(units.lookahead, 312)
    for (const value of [1, 2, 3]) {
      units.current.fill(value)
      units.encode(true)
      units.advance()
    }
    // silence precedes the first unit
    assert.deepStrictEqual(given, [[0, 0, 1, 1], [1, 1, 2, 2], [2, 2, 3, 3]])
  })

  it("tells the encoder whether it may predict only when that changes", () => {
    const { log, units } = recorder(0)
    for (const isPredicted of [true, false, false, true]) units.encode(isPredicted)
    assert.deepStrictEqual(log, ["encode", "do not", "encode", "encode", "predict", "encode"])
  })
})
