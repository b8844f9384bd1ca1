import { assert, describe, it } from "@effect/vitest"
import type { FloatCodec } from "../../src/codec/FloatCodec.ts"
import * as Feed from "../../src/mixer/Feed.ts"
import * as Heard from "../../src/mixer/Heard.ts"
import { Input } from "../../src/mixer/Input.ts"
import type { Command } from "../../src/mixer/messages.ts"
import * as Mix from "../../src/mixer/Mix.ts"
import * as PcmRing from "../../src/mixer/PcmRing.ts"
import * as FrameRing from "../../src/ring/FrameRing.ts"
import type * as SoundEffect from "../../src/SoundEffect.ts"
import { complete, peakOf, unit } from "./effects/sounds.ts"
import * as FakeCodec from "./fakeCodec.ts"
import * as Hearing from "./hearing.ts"
import { inputOf } from "./inputs.ts"

const ringOf = (wave: (sample: number) => number, units: number) => {
  const ring = PcmRing.make(Math.max(20, units * 20))
  ring.write(Hearing.samplesOf(wave, units * 20), 0)
  ring.end()
  return ring
}

/** A mix that records the left channel of its units. */
const make = async () => {
  const codec = FakeCodec.make()
  const units: Array<Float32Array> = []
  const recording: FloatCodec = {
    ...codec,
    encoder: async (options) => {
      const encoder = await codec.encoder(options)
      return {
        ...encoder,
        encode: (pcm) => {
          units.push(pcm.filter((_, i) => i % 2 === 0))
          return encoder.encode(pcm)
        }
      }
    }
  }
  const ring = FrameRing.make()
  const heard = Heard.makeBuffer()
  assert(ring.buffer instanceof SharedArrayBuffer)
  const mix = await Mix.make(recording, { ring: ring.buffer, heard, encoder: {}, aheadMs: 60 }, (detail) => {
    throw new Error(detail)
  })
  ring.write(Uint8Array.of(0), 2_880)
  const into = new Uint8Array(FrameRing.maxFrameBytes)
  /**
   * Continues until the mix ends, and runs functions before the units of these numbers are made. Returns all mixed
   * samples.
   */
  const all = (then: ReadonlyMap<number, () => void> = new Map(), most = 1_000): Float32Array => {
    let made = 0
    ring.discard()
    for (let i = 0; i < most && !ring.isDrained(); i++) {
      then.get(i)?.()
      mix.fill()
      if (ring.read(into, 0) >= 0) made++
    }
    const samples = new Float32Array(made * unit)
    // the first unit is from before
    units.slice(1, made + 1).forEach((piece, i) => samples.set(piece, i * unit))
    return samples
  }
  return { mix, ring, heard: Heard.reader(heard), all, units }
}

const effects = (input: number, ...list: ReadonlyArray<SoundEffect.SoundEffect>): Command => ({
  _tag: "Effects",
  input,
  effects: complete(...list)
})

describe("a mix of inputs with effects", () => {
  it("changes effects without a step that the sound does not have itself", async () => {
    const { all, mix } = await make()
    const bass = { _tag: "Equalizer", bands: [{ hz: 100, gainDb: 6 }] } as const
    mix.command({ _tag: "Add", input: inputOf(1, ringOf(Hearing.music, 100), { effects: complete(bass) }) })
    const sound = all(
      new Map([
        [10, () => mix.command(effects(1, { _tag: "LowPass", hz: 2_000 }))],
        [20, () => mix.command(effects(1))],
        [30, () => mix.command(effects(1, { _tag: "Echo", delayMs: 35 }, { _tag: "Rotation", hz: 1 }))],
        [31, () => mix.command(effects(1, { _tag: "ChannelMix", leftToLeft: 0 }))],
        [40, () => mix.command(effects(1, { _tag: "Tremolo", hz: 4 }))]
      ])
    )
    assert.lengthOf(sound, 100 * unit)
    const plain = Hearing.samplesOf(Hearing.music, 2_000).filter((_, i) => i % 2 === 0)
    // an echo adds half of the sound again
    assert.isAtMost(Hearing.steepest(sound), Hearing.steepest(plain) * 1.5)
    // between 20 and 30, the sound is unchanged
    const at = sound.findIndex((value, i) => i > 26 * unit && value !== 0)
    assert.isAbove(Hearing.ratio(sound, Hearing.music, at, 2 * unit), 100)
  })

  it("lets an echo ring after the end of its input, and then ends", async () => {
    const { all, heard, mix } = await make()
    const echo = { _tag: "Echo", delayMs: 30, level: 0.5, decay: 0.5 } as const
    mix.command({ _tag: "Add", input: inputOf(1, ringOf(() => 0.5, 2.5), { gain: 0.5, effects: complete(echo) }) })
    const sound = all()
    // ten times 30 ms, and a unit in which the rest fades
    assert.lengthOf(sound, 3 * unit + 16 * unit)
    assert.closeTo(sound[100] ?? 0, 0.25, 1e-6)
    for (let i = 2; i < 8; i++) {
      const before = peakOf(sound, 2.5 * unit + (i - 1) * 1_440, 2.5 * unit + i * 1_440)
      const after = peakOf(sound, 2.5 * unit + i * 1_440, 2.5 * unit + (i + 1) * 1_440)
      assert.closeTo(after / before, 0.5, 1e-3)
    }
    assert.closeTo(sound.at(-1) ?? 1, 0, 1e-6)
    // the input is over with its source
    assert.strictEqual(heard.flags(2, 1, 1), Heard.Flag.Playing | Heard.Flag.Over)
    assert.isTrue(heard.isEnded())
  })

  it("does not wait for an echo that is removed shortly before the end of its input", async () => {
    const echo = { _tag: "Echo", delayMs: 300, decay: 0.9 } as const
    for (const list of [[], [{ _tag: "Rotation" }]] as const) {
      for (const at of [0, 1, 2, 3, 4]) {
        const { all, mix } = await make()
        mix.command({ _tag: "Add", input: inputOf(1, ringOf(() => 0.5, 5.5), { effects: complete(echo) }) })
        const sound = all(new Map([[at, () => mix.command(effects(1, ...list))]]))
        // over within 20 ms, even if the input has ended in the mix but is not heard to its end yet; the rest fades
        // within a unit
        assert.isAtMost(sound.length, (at < 4 ? 8 : 9) * unit, `before step ${at}`)
      }
    }
  })

  it("echoes no click if an input begins in the middle of a sound", async () => {
    const { all, mix } = await make()
    const echo = { _tag: "Echo", delayMs: 40, level: 1, decay: 0 } as const
    const ring = ringOf(() => 0.4, 10)
    mix.command({ _tag: "Add", input: inputOf(1, ring, { fadeInMs: 5, effects: complete(echo) }) })
    const sound = all()
    assert.closeTo(sound[5 * unit] ?? 0, 0.8, 1e-6)
    // it fades in within 5 ms, and its echo within 20
    assert.isAtMost(Hearing.steepest(sound, 1, unit), 0.4 / 240 + 1e-6)
    assert.isAtMost(Hearing.steepest(sound, unit, 5 * unit), 0.4 / unit + 1e-6)
  })

  it("lets an echo ring for at most five seconds", async () => {
    const { all, mix } = await make()
    const echo = { _tag: "Echo", delayMs: 10, level: 1, decay: 0.9 } as const
    const forever = [echo, { _tag: "Echo", delayMs: 2_000, level: 1, decay: 0.9 }] as const
    mix.command({ _tag: "Add", input: inputOf(1, ringOf(() => 0.1, 5), { effects: complete(...forever) }) })
    const sound = all()
    assert.lengthOf(sound, 5 * unit + 240_000)
    assert.isAbove(peakOf(sound, 5 * unit + 4 * 48_000 - 480, 5 * unit + 4 * 48_000), 0.001)
    assert.isAtMost(peakOf(sound, sound.length - 480), 0.01)
  })

  it("fades an echo out within the last of five seconds", async () => {
    const { all, mix } = await make()
    const echo = { _tag: "Echo", delayMs: 1_000, level: 1, decay: 0.9 } as const
    mix.command({ _tag: "Add", input: inputOf(1, ringOf(() => 0.1, 50), { effects: complete(echo) }) })
    const sound = all()
    // it comes back every second, at nine tenths of its level
    for (const [seconds, share] of [[1.5, 1], [3.9, 1], [4.25, 0.75], [4.5, 0.5], [4.75, 0.25]] as const) {
      const full = 0.1 * 0.9 ** Math.floor(seconds)
      assert.closeTo(sound[48_000 + seconds * 48_000] ?? 0, full * share, 1e-4, `${seconds} s behind its end`)
    }
  })

  it("begins the next input with the sample after the last one, whatever still rings", async () => {
    const { all, heard, mix } = await make()
    const echo = { _tag: "Echo", delayMs: 100, level: 0.5, decay: 0 } as const
    mix.command({ _tag: "Add", input: inputOf(1, ringOf(() => 0.25, 2.5), { effects: complete(echo) }) })
    mix.command({ _tag: "Add", input: inputOf(2, ringOf(() => 0.5, 5), { after: 1, effects: complete(echo) }) })
    // it has not been heard before its turn, so there is nothing to change over from
    mix.command(effects(2, { _tag: "ChannelMix", leftToLeft: 0.5 }))
    const sound = all()
    const levels = [[0.25, 2.5], [0.25, 5], [0.25 + 0.125, 7.5]] as const
    let from = 0
    for (const [level, until] of levels) {
      for (let i = Math.ceil(from * unit); i < until * unit; i++) assert.closeTo(sound[i] ?? 0, level, 1e-6, `at ${i}`)
      from = until
    }
    assert.strictEqual(heard.flags(2, 2, 2), Heard.Flag.Playing)
    assert.strictEqual(heard.positionMs(2, 2), 10)
  })

  it("ducks an echo, but does not duck for the echo of a voice", async () => {
    const { all, mix } = await make()
    const echo = { _tag: "Echo", delayMs: 100, level: 1, decay: 0 } as const
    const duck = { gain: 0.5, attackMs: 0, releaseMs: 0, holdMs: 0, threshold: 0 }
    mix.command({ _tag: "Add", input: inputOf(1, ringOf(() => 0.4, 2), { effects: complete(echo) }) })
    mix.command({ _tag: "Add", input: inputOf(2, ringOf(() => 0, 10), { duck }) })
    assert.closeTo(all()[6 * unit] ?? 0, 0.2, 1e-6)
    const voice = await make()
    voice.mix.command({ _tag: "Add", input: inputOf(1, ringOf(() => 0.2, 10)) })
    voice.mix.command({ _tag: "Add", input: inputOf(2, ringOf(() => 0.4, 2), { duck, effects: complete(echo) }) })
    assert.closeTo(voice.all()[6.5 * unit] ?? 0, 0.6, 1e-6)
    // the echo of a voice is not ducked by another voice
    const two = await make()
    two.mix.command({ _tag: "Add", input: inputOf(1, ringOf(() => 0.4, 2), { duck, effects: complete(echo) }) })
    two.mix.command({ _tag: "Add", input: inputOf(2, ringOf(() => 0.1, 10), { duck }) })
    assert.closeTo(two.all()[6.5 * unit] ?? 0, 0.5, 1e-6)
  })

  for (const way of ["Remove", "Cut"] as const) {
    it(`ends an echo when its input is told to end (${way})`, async () => {
      const { all, mix, units } = await make()
      const echo = { _tag: "Echo", delayMs: 20, level: 1, decay: 0.9 } as const
      mix.command({ _tag: "Add", input: inputOf(1, ringOf(Hearing.sine(200, 0.1), 2), { effects: complete(echo) }) })
      mix.command({ _tag: "Add", input: inputOf(2, ringOf(() => 0, 40)) })
      const next = FrameRing.make({ first: 9 })
      assert(next.buffer instanceof SharedArrayBuffer)
      const { buffer } = next
      all(
        new Map([[9, () =>
          mix.command(
            way === "Remove" ? { _tag: "Remove", input: 1 } : { _tag: "Cut", inputs: [1], from: 9, ring: buffer }
          )]]),
        16
      )
      for (let i = 0; i < 10; i++) {
        next.discard()
        mix.fill()
      }
      const tail = units.slice(-2)
      assert.lengthOf(tail.filter((piece) => peakOf(piece) > 0), 0)
      const sound = new Float32Array(units.length * unit)
      units.forEach((piece, i) => sound.set(piece, i * unit))
      // a cut echo fades within 5 ms, and a removed one within 20
      if (way === "Remove") assert.isAtMost(Hearing.steepest(sound), 2 * Hearing.steepest(sound, 0, 2 * unit))
    })
  }

  it("keeps mixing Opus until nothing rings and it has no effects", async () => {
    const { all, heard, mix, ring } = await make()
    const frames = FrameRing.make()
    for (let i = 0; i < 100; i++) frames.write(FakeCodec.packetOf(0.1), 960)
    assert(frames.buffer instanceof SharedArrayBuffer)
    mix.command({ _tag: "Add", input: { ...inputOf(1, ringOf(() => 0, 1)), format: "opus", ring: frames.buffer } })
    const echo = { _tag: "Echo", delayMs: 300, level: 1, decay: 0 } as const
    mix.command({ _tag: "Add", input: inputOf(2, ringOf(() => 0.2, 5), { effects: complete(echo) }) })
    await new Promise(setImmediate)
    const sound = all(
      new Map([
        [25, () => mix.command(effects(1, { _tag: "Tremolo", hz: 50, depth: 1 }))],
        [40, () => mix.command(effects(1))]
      ])
    )
    assert.closeTo(sound[15 * unit + 10] ?? 0, 0.3, 1e-6)
    assert.isBelow(sound[35 * unit + 480] ?? 1, 1e-4)
    assert.isTrue(ring.isEnded())
    assert.strictEqual(heard.successor(), 1)
    // The command comes before that unit is made, some units ahead. The change takes 20 ms, and ten plain units follow.
    assert.closeTo(frames.framesRead(), 40 + 3 + 1 + 10, 2)
  })
})

describe("an input with effects", () => {
  it("has them from its first sample if it was not heard before, and changes over to them otherwise", () => {
    const half = complete({ _tag: "ChannelMix", leftToLeft: 0.5 }, { _tag: "Timescale", speed: 1.5, pitch: 1.5 })
    for (const from of [undefined, 7]) {
      const ring = ringOf(() => 0.4, 10)
      const input = new Input(inputOf(1, ring, { from }), Feed.pcm(ring))
      input.setEffects(half)
      const part = new Float32Array(unit * 2)
      for (let i = 0; i < 3; i++) {
        input.render(part, 0, 1, 1)
        const left = part.filter((_, at) => at % 2 === 0)
        if (i === 0 && from !== undefined) {
          left.forEach((value, at) => assert.closeTo(value, 0.4 - 0.2 * (at + 1) / unit, 1e-4))
          assert.closeTo(input.positionMs(), 20, 1e-6)
        } else left.subarray(from === undefined ? 60 : 0).forEach((value) => assert.closeTo(value, 0.2, 1e-4))
      }
    }
  })

  it("is not plain until they are gone, and concealed samples pass through them", () => {
    let left = unit * 2
    const made = new Float32Array(unit * 2).fill(0.4)
    const input = new Input(inputOf(1, ringOf(() => 0, 1)), {
      prepare: (count) => Math.min(count, left),
      take: (into, at, count) => {
        into.fill(0.4, at, at + count * 2)
        left -= count
      },
      isEnding: () => false,
      isDrained: () => false,
      positionMs: () => 0,
      starve: () => {},
      conceal: () => made,
      concealed: () => 0,
      free: () => {}
    })
    const part = new Float32Array(unit * 2)
    assert.isTrue(input.isPlain)
    input.setEffects(complete({ _tag: "ChannelMix", leftToLeft: 0.5 }))
    assert.isFalse(input.isPlain)
    input.render(part, 0, 1, 1)
    input.render(part, 0, 1, 1)
    assert.closeTo(part[10] ?? 0, 0.2, 1e-6)
    input.render(part, 0, 1, 1)
    assert.strictEqual(input.flags, Heard.Flag.Starving | Heard.Flag.Concealed)
    assert.closeTo(part[0] ?? 0, 0.2, 1e-3)
    assert.closeTo(part[1] ?? 0, 0.4, 1e-3)
    assert.strictEqual(made[0], Math.fround(0.4))
    left = unit * 3
    input.setEffects([])
    for (let i = 0; i < 2; i++) input.render(part, 0, 1, 1)
    assert.isTrue(input.isPlain)
    assert.isFalse(input.isRinging)
  })
})
