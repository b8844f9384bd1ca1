import { assert, describe, it } from "@effect/vitest"
import * as Energy from "../../../src/receive/utterance/Energy.ts"

/** 10 ms at 16 kHz of a sine wave of this level in dBFS. */
const tone = (dbfs: number): Int16Array =>
  Int16Array.from({ length: 160 }, (_, i) => 32_767 * Math.SQRT2 * 10 ** (dbfs / 20) * Math.sin(i * Math.PI / 8))

describe("Energy", () => {
  it("measures levels", () => {
    for (const dbfs of [-60, -46, -20, -6]) assert.closeTo(Energy.level(tone(dbfs)), dbfs, 0.6)
    assert.strictEqual(Energy.level(new Int16Array(160)), -120)
    assert.strictEqual(Energy.level(new Int16Array()), -120)
  })

  it("tells speech from silence", () => {
    const isVoiced = Energy.make(10)
    assert.deepStrictEqual([-120, -20, -120, -50, -40].map((dbfs) => isVoiced(tone(dbfs))), [
      false,
      true,
      false,
      false,
      true
    ])
  })

  it("adapts to noise, and still hears what is louder", () => {
    const isVoiced = Energy.make(10)
    let seconds = 0
    while (isVoiced(tone(-42)) && seconds < 20) seconds += 0.01
    assert.isBelow(seconds, 12)
    assert.isFalse(isVoiced(tone(-42)))
    assert.isTrue(isVoiced(tone(-25)))
    // and to quiet at once
    for (let i = 0; i < 20; i++) isVoiced(tone(-70))
    assert.isTrue(isVoiced(tone(-42)))
  })

  it("treats sound as speech from 10 dB above the noise floor", () => {
    for (const [dbfs, expected] of [[-41, false], [-39, true]] as const) {
      const isVoiced = Energy.make(10)
      for (let i = 0; i < 2_000; i++) isVoiced(tone(-50))
      assert.strictEqual(isVoiced(tone(dbfs)), expected)
    }
  })

  it("never mistakes loud sound for noise, however long it lasts", () => {
    const isVoiced = Energy.make(10)
    assert.isTrue(Array.from({ length: 6_000 }, () => isVoiced(tone(-20))).every((voiced) => voiced))
  })
})
