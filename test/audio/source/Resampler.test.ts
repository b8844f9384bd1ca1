import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import * as Resampler from "../../../src/audio/source/Resampler.ts"

const sine = (rate: number, frequency: number, count: number): Float32Array =>
  Float32Array.from({ length: count }, (_, i) => Math.sin(2 * Math.PI * frequency * i / rate))

const run = (rate: number, samples: Float32Array, piece: number, channels: 1 | 2 = 2, from = 0): Float32Array => {
  const resampler = Resampler.make(rate, channels)
  const parts: Array<Float32Array> = []
  const first = from > 0 ? resampler.seek(from) : 0
  for (let at = first; at < samples.length; at += piece) {
    const part = samples.subarray(at, at + piece)
    resampler.push([part, part.map((sample) => -sample)], part.length)
    parts.push(resampler.take(4800))
  }
  resampler.end()
  for (let rest = resampler.take(4800); rest.length > 0; rest = resampler.take(4800)) parts.push(rest)
  const whole = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0))
  let offset = 0
  for (const part of parts) {
    whole.set(part, offset)
    offset += part.length
  }
  return whole
}

/** The ratio in dB of a full-scale tone of `frequency` to everything else, on the left. */
const noise = (heard: Float32Array, frequency: number): number => {
  let difference = 0
  let power = 0
  for (let i = 1000; i < heard.length / 2 - 1000; i++) {
    const wanted = Math.sin(2 * Math.PI * frequency * i / 48_000)
    difference += ((heard[2 * i] ?? 0) - wanted) ** 2
    power += wanted ** 2
  }
  return 10 * Math.log10(power / difference)
}

const level = (heard: Float32Array): number => {
  let power = 0
  for (let i = 1000; i < heard.length / 2 - 1000; i++) power += (heard[2 * i] ?? 0) ** 2
  return 10 * Math.log10(2 * power / (heard.length / 2 - 2000))
}

const Rate = Schema.Literals([
  8000,
  11_025,
  16_000,
  22_050,
  24_000,
  32_000,
  44_100,
  48_000,
  88_200,
  96_000,
  44_056,
  47_999
])
const Count = Schema.Int.pipe(Schema.check(Schema.isBetween({ minimum: 0, maximum: 6000 })))
const Piece = Schema.Int.pipe(Schema.check(Schema.isBetween({ minimum: 1, maximum: 2000 })))

describe("Resampler", () => {
  it.prop("has the same duration as its input, whatever the chunks", [Rate, Count, Piece], ([rate, count, piece]) => {
    const samples = sine(rate, 200, count)
    const heard = run(rate, samples, Math.max(piece, Math.ceil(count / 40)))
    assert.strictEqual(heard.length / 2, Math.round(count * 48_000 / rate))
    assert.deepStrictEqual(heard, run(rate, samples, Math.max(1, count)))
  })

  it.each([
    [44_100, 440],
    [44_100, 18_000],
    [44_100, 19_000],
    [24_000, 440],
    [24_000, 10_500],
    [16_000, 1000],
    [8000, 3400],
    [22_050, 9000],
    [96_000, 19_000],
    [192_000, 1000],
    [44_056, 15_000],
    [47_999, 5000]
  ])("from %d Hz passes a tone of %d Hz at its pitch and level, and adds nothing above -80 dB", (rate, frequency) => {
    const heard = run(rate, sine(rate, frequency, rate / 2), 1000)
    assert.isAbove(noise(heard, frequency), 80)
  })

  it.each([[96_000, 27_500], [96_000, 40_000], [88_200, 27_500], [192_000, 30_000], [192_000, 90_000]])(
    "prevents aliasing: from %d Hz, it blocks a tone of %d Hz",
    (rate, frequency) => {
      assert.isBelow(level(run(rate, sine(rate, frequency, rate / 2), 1000)), -80)
    }
  )

  it("passes 48 kHz unchanged", () => {
    const samples = sine(48_000, 1000, 5000)
    const heard = run(48_000, samples, 333)
    assert.deepStrictEqual(heard.filter((_, i) => i % 2 === 0), samples)
    assert.deepStrictEqual(heard.filter((_, i) => i % 2 === 1), samples.map((sample) => -sample))
  })

  it("holds nothing back at 48 kHz", () => {
    const resampler = Resampler.make(48_000, 1)
    for (let i = 0; i < 3; i++) {
      resampler.push([sine(48_000, 1000, 100)], 100)
      assert.strictEqual(resampler.take(4_800).length, 200)
    }
  })

  it("keeps the channels apart, and copies mono to both sides", () => {
    const samples = sine(44_100, 1000, 4410)
    const stereo = run(44_100, samples, 100)
    const mono = run(44_100, samples, 100, 1)
    for (let i = 0; i < stereo.length; i += 2) {
      assert.strictEqual(stereo[i + 1], -(stereo[i] ?? 0))
      assert.strictEqual(mono[i + 1], mono[i])
      assert.strictEqual(mono[i], stereo[i])
    }
  })

  it("seeks to any sample, with the same result as without a seek", () => {
    for (const rate of [44_100, 24_000, 96_000, 48_000]) {
      const samples = sine(rate, 333, rate / 4)
      const whole = run(rate, samples, 1000)
      for (const from of [1, 7, 959, 5000]) {
        assert.deepStrictEqual(run(rate, samples, 1000, 2, from), whole.subarray(2 * from))
      }
    }
  })

  it("copies mono to both sides however much is queued, and takes no more of a chunk than told", () => {
    for (const rate of [48_000, 44_100]) {
      const resampler = Resampler.make(rate, 1)
      const tone = sine(rate, 200, 5_000)
      // there is not room for all of a longer chunk
      for (let i = 0; i < 3; i++) resampler.push([tone], 4_000)
      resampler.end()
      const heard = resampler.take(48_000)
      assert.strictEqual(heard.length / 2, Math.round(12_000 * 48_000 / rate))
      assert.isTrue(heard.every((sample, i) => i % 2 === 0 || sample === heard[i - 1]))
    }
  })

  it("can seek back after its end, and end again", () => {
    for (const rate of [48_000, 44_100, 24_000]) {
      const whole = (resampler: Resampler.Resampler, tone: Float32Array) => {
        const parts: Array<number> = []
        for (const part of [tone.subarray(0, 1_000), tone.subarray(1_000)]) {
          resampler.push([part, part], part.length)
          parts.push(...resampler.take(48_000))
        }
        resampler.end()
        return [...parts, ...resampler.take(48_000)]
      }
      const resampler = Resampler.make(rate, 2)
      whole(resampler, sine(rate, 200, 3_000))
      assert.strictEqual(resampler.seek(0), 0)
      const other = sine(rate, 330, 2_000)
      assert.deepStrictEqual(whole(resampler, other), whole(Resampler.make(rate, 2), other))
    }
  })
})
