import { assert, describe, it } from "@effect/vitest"
import { Effects } from "../../../src/mixer/effects/Effects.ts"
import * as SoundEffect from "../../../src/SoundEffect.ts"
import * as Hearing from "../hearing.ts"
import { peakOf, shaped, shapings, through, unit } from "./sounds.ts"

const none = () => 0
const half = { leftToLeft: 0.5, rightToRight: 0.5 }
const lists: ReadonlyArray<ReadonlyArray<SoundEffect.SoundEffect>> = [
  [],
  [{ _tag: "Equalizer", bands: [{ hz: 60, gainDb: 12 }, { hz: 8_000, gainDb: -20 }] }],
  [{ _tag: "LowPass", hz: 200 }],
  [{ _tag: "Echo", delayMs: 50 }, { _tag: "ChannelMix", ...half }],
  [{ _tag: "Rotation" }, { _tag: "Distortion", driveDb: 3 }],
  [{ _tag: "Vibrato", hz: 5, depth: 1 }],
  [{ _tag: "Karaoke" }],
  [{ _tag: "Compressor", thresholdDb: -30, ratio: 10 }]
]

describe("Effects", () => {
  it("change over to others evenly within 20 ms", () => {
    const effects = new Effects([])
    const { left } = through(
      (samples, at) => {
        if (at === 1) effects.set(shapings({ _tag: "ChannelMix", leftToLeft: 0, rightToRight: 0 }))
        if (at === 3) effects.set([])
        effects.process(samples, 0, unit)
      },
      () => 0.5,
      () => 0.5,
      6
    )
    left.forEach((value, i) => {
      const [at, part] = [Math.floor(i / unit), (i % unit + 1) / unit]
      const level = at === 1 ? 1 - part : at === 2 ? 0 : at === 3 ? part : 1
      assert.closeTo(value, 0.5 * level, 1e-6)
    })
    assert.isTrue(effects.isPlain)
  })

  it("are plain without any effect, once the change to that is over", () => {
    const effects = new Effects(shapings({ _tag: "Tremolo" }))
    const samples = new Float32Array(unit * 2)
    assert.isFalse(effects.isPlain)
    effects.set([])
    assert.isFalse(effects.isPlain)
    effects.process(samples, 0, 480)
    assert.isFalse(effects.isPlain)
    effects.process(samples, 480, unit)
    assert.isTrue(effects.isPlain)
    effects.set([])
    assert.isTrue(effects.isPlain)
    effects.set(shapings({ _tag: "Tremolo" }))
    assert.isFalse(effects.isPlain)
  })

  it("ring for the sum of their tails", () => {
    const [echo, filter] = [{ _tag: "Echo", delayMs: 200 }, { _tag: "LowPass", hz: 100 }] as const
    const tailOf = (...effects: ReadonlyArray<SoundEffect.SoundEffect>) => new Effects(shapings(...effects)).tail
    assert.isAbove(tailOf(echo), 0)
    assert.isAbove(tailOf(filter), 0)
    assert.strictEqual(tailOf(echo, filter), tailOf(echo) + tailOf(filter))
  })

  it("ring until a change to effects without a tail is over", () => {
    const effects = new Effects(shapings({ _tag: "Echo", delayMs: 200 }))
    effects.set([])
    assert.strictEqual(effects.tail, unit)
    const samples = new Float32Array(unit * 2)
    effects.process(samples, 0, 240)
    assert.strictEqual(effects.tail, unit - 240)
    effects.process(samples, 240, unit)
    assert.strictEqual(effects.tail, 0)
  })

  it("finish a change before the next one, and skip to the last one requested meanwhile", () => {
    const effects = new Effects([])
    const gain = (value: number) => shapings({ _tag: "ChannelMix", leftToLeft: value, rightToRight: value })
    const { left } = through(
      (samples, at) => {
        if (at === 0) effects.set(gain(0))
        effects.process(samples, 0, 480)
        if (at === 0) {
          effects.set(gain(-1))
          effects.set(gain(0.25))
        }
        effects.process(samples, 480, unit)
      },
      () => 0.5,
      () => 0.5,
      3
    )
    assert.closeTo(left[unit - 1] ?? 1, 0, 1e-6)
    assert.closeTo(left[2 * unit - 1] ?? 0, 0.125, 1e-6)
    assert.isAtMost(Hearing.steepest(left), 0.5 / unit + 1e-6)
  })

  it("do not click: no step is steeper than those of the sounds before and after", () => {
    const units = 24
    const sound = Float32Array.from({ length: units * unit }, (_, i) => Hearing.music(i))
    const wave = (sample: number) => sound[sample] ?? 0
    const heard = (before: ReadonlyArray<SoundEffect.SoundEffect>, after = before) => {
      const effects = new Effects(shapings(...before))
      return through(
        (samples, at) => {
          if (at === 12 && after !== before) effects.set(shapings(...after))
          effects.process(samples, 0, unit)
        },
        wave,
        wave,
        units
      ).left
    }
    const alone = lists.map((list) => {
      const left = heard(list)
      return { list, steepest: Hearing.steepest(left), peak: peakOf(left) }
    })
    for (const one of alone) {
      for (const other of alone) {
        if (one === other) continue
        const steepest = Hearing.steepest(heard(one.list, other.list), 11 * unit, 15 * unit)
        const most = Math.max(one.steepest, other.steepest)
        // one fades out while the other fades in
        assert.isAtMost(
          steepest,
          most + (2 * Math.max(one.peak, other.peak)) / unit,
          JSON.stringify([one.list, other.list])
        )
      }
    }
  })

  it("do not thump when filters move from high to low", () => {
    const sharp = { gainDb: 12, q: 1.4 }
    const pairs: ReadonlyArray<readonly [SoundEffect.SoundEffect, SoundEffect.SoundEffect]> = [
      [{ _tag: "LowPass", hz: 20_000 }, { _tag: "LowPass", hz: 20 }],
      [{ _tag: "HighPass", hz: 18_000 }, { _tag: "HighPass", hz: 24, q: 6 }],
      [
        SoundEffect.lavalinkEqualizer([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0.2, 0.2]),
        SoundEffect.lavalinkEqualizer([0.2, 0.2, 0.1])
      ],
      [
        { _tag: "Equalizer", bands: [{ hz: 8_000, ...sharp }, { hz: 100, ...sharp }] },
        { _tag: "Equalizer", bands: [{ hz: 25, ...sharp }] }
      ],
      [{ _tag: "Karaoke", hz: 5_000, width: 1_000 }, { _tag: "Karaoke", hz: 50, width: 20 }]
    ]
    const sound = Float32Array.from({ length: 60 * unit }, (_, i) => Hearing.music(i))
    const wave = (sample: number) => sound[sample] ?? 0
    for (const [before, after] of pairs) {
      const effects = new Effects(shapings(before))
      const { left } = through(
        (samples, at) => {
          if (at === 12) effects.set(shapings(after))
          effects.process(samples, 0, unit)
        },
        wave,
        wave,
        60
      )
      const most = Math.max(peakOf(left, 0, 12 * unit), peakOf(shaped([after], wave, wave, 60).left))
      assert.isAtMost(peakOf(left), 1.2 * most, JSON.stringify([before, after]))
    }
  })

  it("keep the level of a tone when the filter that raises it moves a little", () => {
    const band = (gainDb: number) => shapings({ _tag: "Equalizer", bands: [{ hz: 60, gainDb, q: 6 }] })
    const effects = new Effects(band(12))
    const { left } = through(
      (samples, at) => {
        if (at === 100) effects.set(band(13))
        effects.process(samples, 0, unit)
      },
      Hearing.sine(60, 0.1),
      none,
      150
    )
    // waves of 800 samples
    for (let at = 100 * unit; at < 150 * unit; at += 800) {
      assert.isAbove(peakOf(left, at, at + 800), 0.1 * 10 ** (11.9 / 20))
    }
  })

  it("echo no click where an echo was added or changed in a sound, or where a sound begins in the middle", () => {
    const echo = (options: { readonly delayMs?: number; readonly level?: number; readonly decay?: number }) =>
      shapings({ _tag: "Echo", delayMs: 100, ...options })
    const cases = [
      [[], echo({})],
      [echo({ delayMs: 100 }), echo({ delayMs: 330 })],
      [echo({ delayMs: 330 }), echo({ delayMs: 100 })],
      [echo({ delayMs: 7 }), echo({ delayMs: 1 })],
      [echo({ decay: 0 }), echo({ decay: 0.9 })],
      [echo({ decay: 0.9, level: 0.1 }), echo({ decay: 0.1, level: 1 })],
      [echo({}), echo({})]
    ] as const
    // as steep as the tone is when all its repetitions coincide
    const tone = (sample: number) => Hearing.sine(442, 0.03)(sample + 30)
    const steepest = 2 * Math.PI * 442 / 48_000 * 0.03 * 10
    for (const [before, after] of cases) {
      const effects = new Effects(before, true)
      const { left } = through(
        (samples, at) => {
          if (at === 61) effects.set(after)
          effects.process(samples, 0, unit)
        },
        tone,
        none,
        120
      )
      const bend = (i: number) => (left[i] ?? 0) - 2 * (left[i - 1] ?? 0) + (left[i - 2] ?? 0)
      const bends = Array.from({ length: left.length - unit }, (_, i) => Math.abs(bend(i + unit)))
      // a tone bends by its steepness times the angle that it advances in a sample
      assert.isAtMost(Math.max(...bends), steepest * 2 * Math.PI * 442 / 48_000, JSON.stringify([before, after]))
    }
  })

  it("keep the content of an echo when another effect is changed", () => {
    const effects = new Effects(shapings({ _tag: "Echo", delayMs: 100, level: 1 }))
    const { left } = through(
      (samples, at) => {
        if (at === 2) effects.set(shapings({ _tag: "Rotation" }, { _tag: "Echo", delayMs: 100, level: 1 }))
        effects.process(samples, 0, unit)
      },
      (i) => (i < 480 ? 0.5 : 0),
      () => 0,
      10
    )
    assert.closeTo(peakOf(left, 4_800, 5_280), 0.5, 1e-6)
  })
})
