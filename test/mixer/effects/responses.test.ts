import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { Chain } from "../../../src/mixer/effects/Chain.ts"
import * as SoundEffect from "../../../src/SoundEffect.ts"
import * as Hearing from "../hearing.ts"
import { noise, peakOf, shaped, shapings, unit } from "./sounds.ts"

/** How much louder a tone becomes, in dB. */
const gainDb = (effects: ReadonlyArray<SoundEffect.SoundEffect>, hz: number): number => {
  const { left } = shaped(effects, Hearing.sine(hz, 0.1))
  const half = left.length / 2
  return 20 * Math.log10(Hearing.levelOf(left, hz, half, half) / 0.1)
}

const none = () => 0

describe("Equalizer", () => {
  it("raises and lowers the level around its bands", () => {
    const effects = [
      { _tag: "Equalizer", bands: [{ hz: 200, gainDb: 12 }, { hz: 4_000, gainDb: -20, q: 2 }] }
    ] as const
    assert.closeTo(gainDb(effects, 200), 12, 0.1)
    assert.closeTo(gainDb(effects, 4_000), -20, 0.1)
    assert.closeTo(gainDb(effects, 20), 0, 0.3)
    assert.closeTo(gainDb(effects, 1_000), 0, 0.6)
    assert.closeTo(gainDb(effects, 16_000), 0, 0.4)
  })

  it("sounds like Lavalink's equalizer if one band is moved", () => {
    // Lavalink adds the sound and four times the gain of a band-pass of two thirds of an octave
    const theirs = (gain: number, centre: number, hz: number): number => {
      const q = 2 ** (1 / 3) / (2 ** (2 / 3) - 1)
      const angle = (2 * Math.PI * centre) / 48_000
      const beta = (1 - Math.tan(angle / (2 * q))) / (1 + Math.tan(angle / (2 * q)))
      const gamma = (1 + beta) * Math.cos(angle)
      const w = (2 * Math.PI * hz) / 48_000
      const top = [(1 - beta) * (1 - Math.cos(2 * w)), (1 - beta) * Math.sin(2 * w)] as const
      const below = [
        1 - gamma * Math.cos(w) + beta * Math.cos(2 * w),
        gamma * Math.sin(w) - beta * Math.sin(2 * w)
      ] as const
      const size = below[0] ** 2 + below[1] ** 2
      const re = (top[0] * below[0] + top[1] * below[1]) / size / 2
      const im = (top[1] * below[0] - top[0] * below[1]) / size / 2
      return 20 * Math.log10(Math.hypot(1 + 4 * gain * re, 4 * gain * im))
    }
    for (const gain of [-0.2, 0.25, 1]) {
      const gains = SoundEffect.lavalinkHz.map((hz) => (hz === 1_000 ? gain : 0))
      const effects = [SoundEffect.lavalinkEqualizer(gains)]
      for (const hz of [250, 700, 1_000, 1_200, 4_000]) {
        assert.closeTo(gainDb(effects, hz), theirs(gain, 1_000, hz), 0.2, `${gain} at ${hz}`)
      }
    }
  })
})

describe("LowPass and HighPass", () => {
  it("keep one side and lower the other by 12 dB per octave", () => {
    const low = [{ _tag: "LowPass", hz: 1_000 }] as const
    const high = [{ _tag: "HighPass", hz: 1_000 }] as const
    for (const [effects, kept, lost] of [[low, 100, 4_000], [high, 10_000, 250]] as const) {
      assert.closeTo(gainDb(effects, kept), 0, 0.1)
      assert.closeTo(gainDb(effects, 1_000), -3, 0.1)
      assert.closeTo(gainDb(effects, lost), -24, 1)
    }
    assert.closeTo(gainDb([{ _tag: "LowPass", hz: 1_000, q: 4 }], 1_000), 12, 0.1)
  })

  it("ring for as long as they state, and several together for as long as the longest", () => {
    const tailOf = (...effects: ReadonlyArray<SoundEffect.SoundEffect>) => new Chain(shapings(...effects)).tail
    for (
      const effect of [
        { _tag: "LowPass", hz: 200, q: 5 },
        { _tag: "LowPass", hz: 200, q: 0.2 },
        { _tag: "HighPass", hz: 200, q: 5 },
        { _tag: "Karaoke" },
        { _tag: "Equalizer", bands: [{ hz: 100, gainDb: 12 }] }
      ] as const
    ) {
      // an impulse, whose own sample is left out
      const { left } = shaped([effect], (i) => (i === 0 ? 0.5 : 0))
      const tail = tailOf(effect)
      const most = peakOf(left, 1)
      assert.isBelow(peakOf(left, tail + 1), 3e-3 * most, JSON.stringify(effect))
      assert.isAbove(peakOf(left, Math.round(tail / 2)), 3e-3 * most, JSON.stringify(effect))
    }
    const [low, high] = [{ hz: 50, gainDb: 12 }, { hz: 5_000, gainDb: 12 }]
    assert.strictEqual(
      tailOf({ _tag: "Equalizer", bands: [high, low, high] }),
      tailOf({ _tag: "Equalizer", bands: [low] })
    )
  })
})

describe("Tremolo", () => {
  it("swings between the full level and the level that its depth leaves", () => {
    const { left, right } = shaped([{ _tag: "Tremolo", hz: 5, depth: 0.6 }], () => 0.5, undefined, 12)
    // 5 Hz are 9600 samples
    left.forEach((value, i) => {
      const level = 0.5 * (1 - 0.3 * (1 - Math.cos((2 * Math.PI * i) / 9_600)))
      assert.closeTo(value, level, 1e-5)
    })
    assert.deepStrictEqual(right, left)
  })
})

describe("Vibrato", () => {
  it("delays a tone by up to two milliseconds and back, and keeps its level", () => {
    const hz = 1_000
    const { left } = shaped([{ _tag: "Vibrato", hz: 5, depth: 1 }], Hearing.sine(hz), undefined, 12)
    left.forEach((value, i) => {
      if (i < unit) return
      const delay = 2 + 48 * (1 - Math.cos((2 * Math.PI * i) / 9_600))
      assert.closeTo(value, Hearing.sine(hz)(i - delay), 2e-3, `sample ${i}`)
    })
  })

  it("is a delay of two samples without depth", () => {
    const next = noise(1)
    const sound = Array.from({ length: 50 * unit }, next)
    const { left } = shaped([{ _tag: "Vibrato", depth: 0 }], (i) => sound[i] ?? NaN)
    left.forEach((value, i) => assert.strictEqual(value, Math.fround(i < 2 ? 0 : sound[i - 2] ?? NaN)))
  })

  it("delivers all of its input within its stated tail", () => {
    const vibrato = { _tag: "Vibrato", hz: 14, depth: 1 } as const
    // half a cycle of 14 Hz after 1714 samples
    const at = 1_616
    const { left } = shaped([vibrato], (i) => (i === at ? 0.5 : 0), undefined, 3)
    assert.isAbove(peakOf(left, at + 90), 0.1)
    assert.strictEqual(peakOf(left, at + new Chain(shapings(vibrato)).tail + 1), 0)
  })
})

describe("Rotation", () => {
  it("moves from side to side at constant power", () => {
    const { left, right } = shaped([{ _tag: "Rotation", hz: 2 }], () => 0.5, undefined, 20)
    left.forEach((value, i) => assert.closeTo(value ** 2 + (right[i] ?? NaN) ** 2, 0.25, 1e-5))
    // a quarter of a cycle of 24000 samples
    assert.closeTo(left[6_000] ?? 0, 0.5, 1e-3)
    assert.closeTo(right[18_000] ?? 0, 0.5, 1e-3)
    assert.isBelow(right[6_000] ?? 1, 2e-3)
  })
})

describe("Karaoke", () => {
  it("removes what is the same on both sides, except for its band, and keeps what differs", () => {
    const karaoke = [{ _tag: "Karaoke" }] as const
    const middle = (hz: number) => peakOf(shaped(karaoke, Hearing.sine(hz, 0.5)).left, 24_000)
    assert.isBelow(middle(2_000), 0.05)
    assert.closeTo(middle(220), 0.5, 0.01)
    const sides = shaped(karaoke, Hearing.sine(2_000, 0.5), (i) => -Hearing.sine(2_000, 0.5)(i))
    assert.closeTo(peakOf(sides.left, 24_000), 0.5, 0.01)
    assert.closeTo(peakOf(shaped([{ _tag: "Karaoke", level: 0 }], Hearing.sine(2_000, 0.5)).left), 0.5, 1e-6)
    const bare = [{ _tag: "Karaoke", monoLevel: 0 }] as const
    assert.isBelow(peakOf(shaped(bare, Hearing.sine(220, 0.5)).left), 1e-6)
  })
})

describe("ChannelMix", () => {
  it("mixes each side as configured", () => {
    const sides = shaped(
      [{ _tag: "ChannelMix", leftToLeft: 0, leftToRight: 1, rightToLeft: 0.5, rightToRight: -0.25 }],
      () => 0.4,
      () => 0.8
    )
    assert.isTrue(sides.left.every((value) => Math.abs(value - 0.4) < 1e-6))
    assert.isTrue(sides.right.every((value) => Math.abs(value - 0.2) < 1e-6))
    const mono = { leftToLeft: 0.5, leftToRight: 0.5, rightToLeft: 0.5, rightToRight: 0.5 }
    const both = shaped([{ _tag: "ChannelMix", ...mono }], Hearing.sine(440), none)
    assert.deepStrictEqual(both.left, both.right)
    assert.closeTo(peakOf(both.left), 0.15, 1e-3)
  })
})

describe("Distortion", () => {
  it("adds overtones, and keeps full scale and the share of the original", () => {
    const { left } = shaped([{ _tag: "Distortion", driveDb: 20 }], Hearing.sine(1_000, 1))
    assert.closeTo(peakOf(left), 1, 1e-3)
    assert.isAbove(Hearing.levelOf(left, 3_000, 0, left.length), 0.2)
    assert.isBelow(Hearing.levelOf(left, 2_000, 0, left.length), 1e-3)
    const dry = shaped([{ _tag: "Distortion", driveDb: 20, mix: 0 }], Hearing.sine(1_000, 1))
    assert.isBelow(Hearing.levelOf(dry.left, 3_000, 0, dry.left.length), 1e-4)
    assert.closeTo(peakOf(shaped([{ _tag: "Distortion", driveDb: 0 }], Hearing.sine(1_000, 1)).left), 1, 1e-3)
  })
})

describe("Echo", () => {
  it("repeats after its delay, at its level, more quietly each time", () => {
    const { left, right } = shaped(
      [{ _tag: "Echo", delayMs: 100, level: 0.6, decay: 0.5 }],
      (i) => (i === 7 ? 0.5 : 0),
      none
    )
    const sounding = Array.from(left).flatMap((value, i) => (value === 0 ? [] : [[i, Math.round(value * 1e4)]]))
    assert.deepStrictEqual(sounding.slice(0, 4), [[7, 5_000], [4_807, 3_000], [9_607, 1_500], [14_407, 750]])
    assert.strictEqual(peakOf(right), 0)
  })

  it("states the length of its tail", () => {
    const tail = (decay: number, level = 0.5) => new Chain(shapings({ _tag: "Echo", delayMs: 100, level, decay })).tail
    assert.deepStrictEqual([tail(0), tail(0.5), tail(0.5, 0)], [4_800, 4_800 * 10, 0])
  })
})

describe("Compressor", () => {
  it("brings levels above its threshold closer to it, and keeps the others", () => {
    const steady = (options: { readonly makeupDb?: number; readonly ratio?: number }, level: number): number => {
      const { left } = shaped([{ _tag: "Compressor", thresholdDb: -20, ratio: 4, ...options }], () => level)
      return 20 * Math.log10(left.at(-1) ?? NaN)
    }
    // 20 dB above the threshold become 5
    assert.closeTo(steady({}, 1), -15, 0.01)
    assert.closeTo(steady({}, 0.05), 20 * Math.log10(0.05), 1e-3)
    assert.closeTo(steady({ makeupDb: 6 }, 1), -9, 0.01)
    assert.closeTo(steady({ ratio: 100 }, 1), -19.8, 0.01)
  })

  it("follows the louder side, and negative samples like positive ones", () => {
    const compressor = [{ _tag: "Compressor", thresholdDb: -20, ratio: 4 }] as const
    for (const [one, other] of [[1, 0.01], [-1, 0.01], [0.01, 1], [0.01, -1]] as const) {
      const { left, right } = shaped(compressor, () => one, () => other)
      const gain = 10 ** (-15 / 20)
      assert.closeTo(left.at(-1) ?? NaN, one * gain, 1e-3)
      assert.closeTo(right.at(-1) ?? NaN, other * gain, 1e-3)
    }
  })

  it("has its gain from the first sample on, and changes it without a step even within a few samples", () => {
    const chain = new Chain(shapings({ _tag: "Compressor", thresholdDb: -20, ratio: 100, attackMs: 1, makeupDb: 6 }))
    const quiet = new Float32Array(16).fill(0.05)
    chain.process(quiet, 0, 8)
    for (const value of quiet) assert.closeTo(value, 0.05 * 10 ** (6 / 20), 1e-4)
    const loud = new Float32Array(unit * 2).fill(1)
    const pieces = [0, 4, 8, 16, 19, 24, 32, 40, unit]
    for (const [i, from] of pieces.entries()) chain.process(loud, from, pieces[i + 1] ?? from)
    const left = loud.filter((_, i) => i % 2 === 0)
    // it goes down from 6 dB above sample by sample, ever more slowly
    const steps = Array.from({ length: 40 }, (_, i) => (left[i] ?? NaN) - (left[i + 1] ?? NaN))
    for (const step of steps) assert.isBelow(step, 0.2)
  })

  it("attacks and releases as fast as configured", () => {
    const { left } = shaped(
      [{ _tag: "Compressor", thresholdDb: -20, ratio: 100, attackMs: 1, releaseMs: 50 }],
      (i) => (i < 24_000 ? 1 : 0.05)
    )
    assert.isAbove(left[0] ?? 0, 0.8)
    assert.isBelow(left[48 * 5] ?? 1, 0.12)
    assert.isBelow(left[24_001] ?? 1, 0.01)
    assert.closeTo(left[47_999] ?? 0, 0.05, 1e-3)
  })
})

/** The extremes of every effect. */
const extremes: ReadonlyArray<SoundEffect.SoundEffect> = [
  { _tag: "Equalizer", bands: Array.from({ length: 31 }, () => ({ hz: 1_000, gainDb: 18, q: 0.1 })) },
  { _tag: "Equalizer", bands: Array.from({ length: 31 }, () => ({ hz: 20, gainDb: 18, q: 100 })) },
  { _tag: "Equalizer", bands: Array.from({ length: 31 }, () => ({ hz: 20_000, gainDb: -40, q: 0.1 })) },
  { _tag: "LowPass", hz: 20, q: 10 },
  { _tag: "LowPass", hz: 20_000, q: 10 },
  { _tag: "HighPass", hz: 20, q: 10 },
  { _tag: "HighPass", hz: 20_000, q: 0.1 },
  { _tag: "Tremolo", hz: 100, depth: 1 },
  { _tag: "Vibrato", hz: 14, depth: 1 },
  { _tag: "Rotation", hz: 20 },
  { _tag: "Karaoke", hz: 20_000, width: 1 },
  { _tag: "Karaoke", hz: 20, width: 20_000 },
  { _tag: "ChannelMix", leftToLeft: 1, leftToRight: -1, rightToLeft: 1, rightToRight: -1 },
  { _tag: "Distortion", driveDb: 48 },
  { _tag: "Distortion", driveDb: 0 },
  { _tag: "Echo", delayMs: 1, level: 1, decay: 0.9 },
  { _tag: "Echo", delayMs: 2_000, level: 1, decay: 0.9 },
  { _tag: "Compressor", thresholdDb: -60, ratio: 100, attackMs: 0.1, releaseMs: 1, makeupDb: 24 },
  { _tag: "Compressor", thresholdDb: 0, ratio: 1, attackMs: 500, releaseMs: 5_000 }
]

const isSound = (samples: Float32Array): boolean =>
  samples.every((value) => Number.isFinite(value) && (value === 0 || Math.abs(value) > 1e-30))

describe("effects", () => {
  it("stay finite at their extremes with noise at full scale, and never produce denormal numbers", () => {
    for (const effect of extremes) {
      const next = noise(7)
      // a second of noise, and four of silence in which it decays
      const { left, right } = shaped([effect], (i) => (i < 48_000 ? next() : 0), undefined, 250)
      assert.isTrue(isSound(left) && isSound(right), JSON.stringify(effect))
      assert.isAtMost(Math.max(peakOf(left), peakOf(right)), 64)
    }
    const all = extremes.slice(0, 16)
    const next = noise(8)
    const { left, right } = shaped(all, (i) => (i < 48_000 ? next() : 0), undefined, 100)
    assert.isTrue(isSound(left) && isSound(right))
  })

  it("recover from samples that are not audio", () => {
    for (const effect of extremes) {
      const wrong = [NaN, Infinity, -Infinity, 1e38, 1e-40]
      const { left, right } = shaped(
        [effect],
        (i) => (i < 960 ? wrong[i % wrong.length] ?? 0 : Hearing.sine(440)(i)),
        undefined,
        100
      )
      assert.isTrue(isSound(left) && isSound(right), JSON.stringify(effect))
      // what follows is heard
      assert.isAbove(peakOf(left, 90 * unit), 0, JSON.stringify(effect))
    }
  })

  it("limit samples to 36 dB above full scale, so that what follows is soon heard", () => {
    const direct = { leftToLeft: 1, leftToRight: 0, rightToLeft: 0, rightToRight: 1 }
    const { left, right } = shaped([{ _tag: "ChannelMix", ...direct }], () => 100, () => -100, 1)
    assert.deepStrictEqual([left[0], right[0]], [64, -64])
    const compressor = { _tag: "Compressor", thresholdDb: -20, ratio: 4, releaseMs: 100 } as const
    const tone = (i: number) => (i < 960 ? 1e38 : Hearing.sine(440)(i))
    const behind = (wave: (i: number) => number) => peakOf(shaped([compressor], wave, undefined, 100).left, 95 * unit)
    assert.closeTo(behind(tone), behind(Hearing.sine(440)), 0.01)
  })

  it.prop("stay finite whatever is requested", [SoundEffect.List, Schema.Int], ([effects, seed]) => {
    const next = noise(seed)
    const { left, right } = shaped(effects, () => Math.sign(next()), undefined, 10)
    assert.isTrue(isSound(left) && isSound(right), JSON.stringify(effects))
  })

  it("have the same result on parts of a unit as on all of it", () => {
    const effects: ReadonlyArray<SoundEffect.SoundEffect> = extremes.filter(({ _tag }) => _tag !== "Compressor")
    for (const effect of effects) {
      const [one, other] = [new Chain(shapings(effect)), new Chain(shapings(effect))]
      const next = noise(9)
      const whole = Float32Array.from({ length: unit * 2 }, next)
      const parts = whole.slice()
      one.process(whole, 0, unit)
      for (const [from, to] of [[0, 1], [1, 333], [333, 333], [333, unit]] as const) other.process(parts, from, to)
      // oscillators are renormalized at the end of each part
      whole.forEach((value, i) => assert.closeTo(parts[i] ?? NaN, value, 1e-5 * Math.max(1, Math.abs(value))))
    }
  })

  it("continue from the state of those before them", () => {
    const effects: ReadonlyArray<SoundEffect.SoundEffect> = [
      { _tag: "Echo", delayMs: 30 },
      { _tag: "Rotation" },
      { _tag: "Vibrato" },
      { _tag: "Tremolo" },
      { _tag: "Equalizer", bands: [{ hz: 100, gainDb: 6 }] },
      { _tag: "Karaoke" },
      { _tag: "Compressor" },
      { _tag: "Echo", delayMs: 7 }
    ]
    let chain = new Chain(shapings(...effects))
    const other = new Chain(shapings(...effects))
    const next = noise(10)
    for (let at = 0; at < 10; at++) {
      const one = Float32Array.from({ length: unit * 2 }, next)
      const same = one.slice()
      chain.process(one, 0, unit)
      other.process(same, 0, unit)
      assert.deepStrictEqual(one, same)
      chain = new Chain(shapings(...effects), chain)
    }
  })

  it("keep as much of an echo as there is room for", () => {
    const longer = (delayMs: number, before: Chain) => new Chain(shapings({ _tag: "Echo", delayMs, level: 1 }), before)
    const first = new Chain(shapings({ _tag: "Echo", delayMs: 20, level: 1, decay: 0 }))
    const samples = Float32Array.from({ length: unit * 2 }, (_, i) => i / 2_000)
    first.process(samples, 0, unit)
    for (const [delayMs, kept] of [[10, 480], [20, 960], [30, 960]] as const) {
      const heard = new Float32Array(unit * 4)
      longer(delayMs, first).process(heard, 0, unit * 2)
      const from = delayMs * 48
      const middle = from - kept / 2
      // the latest comes last
      assert.closeTo(heard[middle * 2] ?? 0, (unit - kept / 2) * 2 / 2_000, 5e-3)
      // it fades in and out, unless the delay line has the same length
      assert.closeTo(heard[from * 2 - 1] ?? 0, delayMs === 20 ? (unit * 2 - 1) / 2_000 : 0, 1e-6)
      assert.closeTo(heard[(from - kept) * 2] ?? 0, delayMs === 20 ? (unit - kept) * 2 / 2_000 : 0, 1e-6)
    }
  })
})
