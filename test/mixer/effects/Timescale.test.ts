import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { heldMs, Timescale } from "../../../src/mixer/effects/Timescale.ts"
import * as Feed from "../../../src/mixer/Feed.ts"
import * as PcmRing from "../../../src/mixer/PcmRing.ts"
import * as Hearing from "../hearing.ts"
import { complete, unit } from "./sounds.ts"

/** A source with the given number of samples, `ahead` of which are available at a time, and the output made from it. */
const make = (wave: (sample: number) => number, samples: number, ahead = 16_384, right = wave) => {
  const ring = PcmRing.make(ahead / 48)
  let written = 0
  const refill = () => {
    while (written < samples) {
      const frames = Math.min(unit, samples - written, ahead - ring.available())
      if (frames <= 0) return
      const both = Hearing.samplesOf((i) => wave(i + written), frames / 48)
      if (right !== wave) { for (let i = 0; i < frames; i++) both[i * 2 + 1] = right(i + written) }
      written += ring.write(both, 0) / 2
    }
    ring.end()
  }
  const timescale = new Timescale(Feed.pcm(ring))
  const pieces: Array<Float32Array> = []
  const positions: Array<number> = []
  const part = new Float32Array(unit * 2)
  /** Takes a unit, or the rest. Returns whether there is more. */
  const step = (): boolean => {
    refill()
    const count = timescale.prepare(unit)
    part.fill(9)
    timescale.take(part, 0, count)
    pieces.push(part.slice(0, count * 2).filter((_, i) => i % 2 === 0))
    positions.push(timescale.positionMs())
    return !(count < unit && timescale.isEnding()) && !timescale.isDrained()
  }
  const heard = (): Float32Array => {
    const left = new Float32Array(pieces.reduce((sum, { length }) => sum + length, 0))
    let at = 0
    for (const piece of pieces) {
      left.set(piece, at)
      at += piece.length
    }
    return left
  }
  /** Takes everything, and changes the scale before the units of these numbers. */
  const all = (scales: ReadonlyArray<readonly [at: number, speed: number, pitch: number]>): Float32Array => {
    for (let i = 0; i < 10_000; i++) {
      for (const [at, speed, pitch] of scales) if (at === i) timescale.set(speed, pitch)
      if (!step()) return heard()
    }
    return assert.fail("it does not end")
  }
  return { all, heard, positions, step, timescale }
}

const second = 48_000

/** The level of a tone over half a second, in thousandths. */
const level = (samples: Float32Array, hz: number, from = second) =>
  Math.round(Hearing.levelOf(samples, hz, from, second / 2) * 1_000)

describe("Timescale", () => {
  it("passes samples through unchanged at speed 1 and pitch 1", () => {
    const { all, positions, timescale } = make(Hearing.music, second)
    const heard = all([])
    assert.isTrue(timescale.isPlain)
    assert.lengthOf(heard, second)
    heard.forEach((value, i) => assert.strictEqual(value, Math.fround(Hearing.music(i))))
    assert.deepStrictEqual(positions.slice(0, 3), [20, 40, 60])
  })

  for (
    const [speed, pitch] of [[2, 1], [0.5, 1], [1.25, 1], [1, 1.5], [1, 0.5], [2, 0.5], [0.5, 2], [1.3, 1.3], [
      0.8,
      0.8
    ]] as const
  ) {
    it(`plays ${speed} times as fast and ${pitch} times as high`, () => {
      const { all, positions } = make(Hearing.sine(600, 0.3), 6 * second)
      const heard = all([[0, speed, pitch]])
      // the rest at the end is no longer stretched
      assert.closeTo(heard.length / second, 6 / speed, 0.15)
      assert.closeTo(level(heard, 600 * pitch), 300, 3)
      if (pitch !== 1) assert.isBelow(level(heard, 600), 3)
      positions.forEach((at, i) => {
        // whole stretches are taken, and each one counts for its share
        if (i < positions.length - 8) assert.closeTo(at, (i + 1) * 20 * speed, 25, `unit ${i}`)
        if (i > 0) assert.isAtLeast(at, (positions[i - 1] ?? 0) - 1e-6)
      })
      assert.closeTo(positions.at(-1) ?? 0, 6_000, 1e-6)
      // no click: only as steep as the tone itself
      assert.isAtMost(
        Hearing.steepest(heard, unit, heard.length - 10 * unit),
        Math.PI * 2 * 600 * pitch / second * 0.3 * 1.05
      )
    })
  }

  it("removes frequencies that would alias at a higher pitch", () => {
    const heard = make(Hearing.sine(16_000, 0.3), 3 * second).all([[0, 2, 2]])
    assert.isBelow(level(heard, 16_000, second / 2), 2)
    assert.isBelow(Math.max(...heard.subarray(1_000, 40_000).map(Math.abs)), 0.002)
  })

  it("keeps the level of something like music, and of a voice", () => {
    const power = (samples: Float32Array, from: number, to: number) =>
      Math.sqrt(samples.subarray(from, to).reduce((sum, value) => sum + value * value, 0) / (to - from))
    for (const wave of [Hearing.music, Hearing.voice]) {
      const plain = make(wave, 4 * second).all([])
      for (const speed of [0.6, 1.5]) {
        const heard = make(wave, 4 * second).all([[0, speed, 1]])
        const share = power(heard, second / 2, 2 * second) / power(plain, second / 2, 3 * second)
        assert.isAbove(share, 0.85)
        assert.isBelow(share, 1.15)
      }
    }
  })

  it("finds matching stretches even if the sides are opposite, or one is silent", () => {
    const tone = Hearing.sine(600, 0.3)
    for (const right of [(i: number) => -tone(i), () => 0]) {
      const heard = make(tone, 4 * second, undefined, right).all([[0, 1.25, 1]])
      assert.closeTo(level(heard, 600), 300, 3)
    }
  })

  it("changes in the middle without a click, and passes samples through unchanged afterwards", () => {
    const { all, positions, timescale } = make(Hearing.music, 10 * second)
    const heard = all([[50, 1.5, 1], [100, 1.5, 1.2], [150, 0.7, 1.2], [200, 1, 1.1], [250, 1, 1]])
    assert.isTrue(timescale.isPlain)
    assert.isTrue(timescale.isDirect)
    const plain = Hearing.samplesOf(Hearing.music, 4_000).filter((_, i) => i % 2 === 0)
    assert.isAtMost(Hearing.steepest(heard, 1, heard.length - 10), Hearing.steepest(plain) * 1.3)
    // the source itself, from the stated position on
    const from = 260
    const at = Math.round((positions[from - 1] ?? 0) * 48)
    for (let i = 0; i < 5 * unit; i++) {
      assert.strictEqual(heard[from * unit + i], Math.fround(Hearing.music(at + i)), `sample ${i}`)
    }
    assert.closeTo(positions.at(-1) ?? 0, 10_000, 1e-6)
    positions.forEach((position, i) => i > 0 && assert.isAtLeast(position, (positions[i - 1] ?? 0) - 1e-6))
  })

  it("keeps the samples heard before as a lead-in when the pitch changes", () => {
    // without them, the filter would have nothing to start from
    const heard = make(() => 0.5, second).all([[10, 1.1, 1.1]])
    assert.isTrue(heard.subarray(0, heard.length - 100).every((value) => Math.abs(value - 0.5) < 1e-4))
  })

  it("first passes samples through if it continues a sound already heard, and then changes", () => {
    const ring = PcmRing.make(1_000)
    ring.write(Hearing.samplesOf(Hearing.music, 1_000), 0)
    const timescale = new Timescale(Feed.pcm(ring), true)
    timescale.set(2, 1)
    const part = new Float32Array(unit * 2)
    assert.strictEqual(timescale.prepare(unit), unit)
    timescale.take(part, 0, unit)
    assert.deepStrictEqual(part, Hearing.samplesOf(Hearing.music, 20))
    for (let i = 0; i < 10; i++) {
      assert.strictEqual(timescale.prepare(unit), unit)
      timescale.take(part, 0, unit)
    }
    // twice as fast from there on, in whole stretches
    assert.closeTo(timescale.positionMs(), 20 + 10 * 40, 25)
  })

  for (const speed of [1.3, 0.7, 1.1, 0.9, 1.7]) {
    it(`realigns with the frames of Opus after ${speed} times the speed, so that they can be passed through`, () => {
      const ring = PcmRing.make(20_000)
      ring.write(Hearing.samplesOf(Hearing.music, 20_000), 0)
      const pcm = Feed.pcm(ring)
      let taken = 0
      const opus: Feed.OpusFeed = {
        ...pcm,
        take: (into, at, count) => {
          pcm.take(into, at, count)
          taken += count
        },
        own: () => {},
        canHandOver: () => true,
        surplus: () => (unit - taken % unit) % unit,
        peek: () => new Float32Array(0)
      }
      const timescale = new Timescale(opus)
      const part = new Float32Array(unit * 2)
      const steps = (count: number) => {
        for (let i = 0; i < count; i++) {
          assert.strictEqual(timescale.prepare(unit), unit)
          timescale.take(part, 0, unit)
        }
      }
      timescale.set(speed, 1)
      steps(31)
      timescale.set(1, 1)
      steps(5)
      assert.isFalse(timescale.isPlain)
      assert.notStrictEqual(opus.surplus(), 0)
      // 100 samples per second in the shorter direction: at most half a frame
      steps(5 * 50)
      assert.isTrue(timescale.isPlain)
      assert.strictEqual(opus.surplus(), 0)
    })
  }

  it("waits for a source that has too little, and continues with it", () => {
    const { heard, step, timescale } = make(Hearing.sine(600), second, 1_000)
    timescale.set(2, 1)
    let short = 0
    for (let i = 0; i < 200; i++) {
      const before = heard().length
      const more = step()
      if (!more) break
      if (heard().length - before < unit) short++
    }
    assert.isAbove(short, 2)
    assert.closeTo(heard().length / second, 0.5, 0.06)
    assert.isTrue(timescale.isDrained())
  })

  it("delivers nothing until the held amount is there, and a unit then", () => {
    for (const [speed, pitch] of [[1, 1.5], [2, 0.5], [0.5, 1]] as const) {
      const ring = PcmRing.make(1_000)
      const timescale = new Timescale(Feed.pcm(ring))
      timescale.set(speed, pitch)
      const held = Math.ceil(heldMs(complete({ _tag: "Timescale", speed, pitch })) * 48)
      ring.write(new Float32Array((held - 1) * 2), 0)
      assert.strictEqual(timescale.prepare(unit), 0)
      ring.write(new Float32Array(2), 0)
      assert.strictEqual(timescale.prepare(unit), unit)
    }
    assert.strictEqual(heldMs(complete({ _tag: "Timescale", speed: 1.3, pitch: 1.3 })), 0)
    assert.strictEqual(heldMs(complete({ _tag: "Echo" })), 0)
  })

  for (const samples of [0, 1, 100, 479, 481, 1_000, 3_839, 3_841, 9_601]) {
    it(`reaches the end of a source of ${samples} samples at any scale`, () => {
      for (const [speed, pitch] of [[2, 0.5], [0.5, 2], [1.5, 1], [1, 2], [0.5, 0.5], [1, 1]] as const) {
        const { all, positions, timescale } = make(Hearing.sine(200), samples)
        const heard = all([[0, speed, pitch]])
        assert.isTrue(heard.every((value) => Math.abs(value) < 0.4))
        assert.closeTo(positions.at(-1) ?? NaN, samples / 48, 1e-6)
        assert.isTrue(timescale.isDrained())
      }
    })
  }

  const Scale = Schema.Finite.pipe(Schema.check(Schema.isBetween({ minimum: 0.5, maximum: 2 })))
  const Change = Schema.Tuple([
    Schema.Int.pipe(Schema.check(Schema.isBetween({ minimum: 0, maximum: 40 }))),
    Scale,
    Scale
  ])

  it.prop("plays all of a source once, whatever changes on the way", [Schema.Array(Change)], ([changes]) => {
    const { all, positions } = make(Hearing.music, 24_000)
    const heard = all(changes)
    assert.isTrue(heard.every((value) => Math.abs(value) < 1))
    assert.closeTo(positions.at(-1) ?? NaN, 500, 1e-6)
    positions.forEach((position, i) => i > 0 && assert.isAtLeast(position, (positions[i - 1] ?? 0) - 1e-6))
  })
})
