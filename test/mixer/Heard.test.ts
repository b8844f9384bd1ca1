import { assert, describe, it } from "@effect/vitest"
import * as Heard from "../../src/mixer/Heard.ts"

const { Concealed, Over, Paused, Playing, Starving } = Heard.Flag

const make = () => {
  const buffer = Heard.makeBuffer()
  return { writer: Heard.writer(buffer), reader: Heard.reader(buffer) }
}

describe("Heard", () => {
  it("reports an input's flags and position in a frame, but not for another input in its slot", () => {
    const { reader, writer } = make()
    assert.strictEqual(reader.flags(7, 3, 5), 0)
    assert.strictEqual(reader.positionMs(7, 3), 0)
    writer.write(7, 3, 5, 1_234.5, Playing | Concealed)
    assert.strictEqual(reader.flags(7, 3, 5), Playing | Concealed)
    assert.strictEqual(reader.positionMs(7, 3), 1_234.5)
    assert.strictEqual(reader.flags(7, 3, 6), 0)
    assert.strictEqual(reader.flags(7, 4, 5), 0)
    assert.strictEqual(reader.flags(6, 3, 5), 0)
  })

  it("keeps the flags apart, for as many inputs as a program ever plays", () => {
    const { reader, writer } = make()
    const all = [Playing, Starving, Concealed, Over, Paused]
    for (const input of [1, 0x7f_ffff, 0x80_0000, 0x100_0001]) {
      for (const flag of all) {
        writer.write(0, 0, input, 0, flag)
        assert.deepStrictEqual(all.filter((other) => (reader.flags(0, 0, input) & other) !== 0), [flag])
      }
    }
  })

  it("remembers 64 frames of 128 inputs, until their slot is reused", () => {
    const { reader, writer } = make()
    const [frames, slots] = [Array.from({ length: 64 }, (_, i) => 1_000 + i), Array.from({ length: 128 }, (_, i) => i)]
    for (const frame of frames) {
      for (const slot of slots) writer.write(frame, slot, slot + 1, frame * 1_000 + slot, Playing)
    }
    const known = (frame: number) =>
      slots.filter((slot) =>
        reader.flags(frame, slot, slot + 1) === Playing && reader.positionMs(frame, slot) === frame * 1_000 + slot
      ).length
    for (const frame of frames) assert.strictEqual(known(frame), 128)
    writer.begin(1_064)
    assert.deepStrictEqual(frames.map(known), [0, ...Array.from({ length: 63 }, () => 128)])
    assert.strictEqual(Heard.maxInputs, 128)
    assert.isAtMost(Heard.maxAheadMs, 64 * 20 / 2, "what lies ahead, and as much behind it")
  })

  it("is idle as set last, and ends once, with a successor or none", () => {
    const { reader, writer } = make()
    const state = () => [reader.isIdle(), reader.isEnded(), reader.successor()]
    assert.deepStrictEqual(state(), [false, false, 0])
    for (const idle of [true, true, false, false, true]) {
      writer.setIdle(idle)
      assert.deepStrictEqual(state(), [idle, false, 0])
    }
    writer.setIdle(false)
    writer.end(9)
    assert.deepStrictEqual(state(), [false, true, 9])
  })
})
