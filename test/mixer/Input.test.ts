import { assert, describe, it } from "@effect/vitest"
import * as Heard from "../../src/mixer/Heard.ts"
import { Input, unit } from "../../src/mixer/Input.ts"
import type { Ducking } from "../../src/mixer/messages.ts"
import { complete } from "./effects/sounds.ts"

/** An input whose source delivers half of full scale on the left, for as long as it has something. */
const make = (gain = 1, fadeInMs = 0, made?: Float32Array, duck?: Ducking) => {
  const state = { left: Infinity, isEnding: false, concealed: 0, starved: 0 }
  const input = new Input({
    input: 1,
    slot: 0,
    format: "pcm",
    ring: new SharedArrayBuffer(0),
    gain,
    paused: false,
    fadeInMs,
    curve: "linear",
    duck
  }, {
    prepare: (count) => Math.min(count, state.left),
    take: (into, at, count) => {
      for (let i = 0; i < count; i++) into.set([0.5, -0.25], at + i * 2)
      state.left -= count
    },
    isEnding: () => state.isEnding,
    isDrained: () => false,
    positionMs: () => 0,
    starve: () => {
      state.starved++
    },
    conceal: () => {
      if (made !== undefined) state.concealed++
      return made
    },
    concealed: () => {
      const { concealed } = state
      state.concealed = 0
      return concealed
    },
    free: () => {}
  })
  /** The left channel of a unit. The right channel is half of it, inverted. */
  const render = (from = 0, duckFrom = 1, duckTo = 1) => {
    // old content, which must not be heard
    const part = new Float32Array(unit * 2).fill(9)
    input.render(part, from, duckFrom, duckTo)
    const heard = part.map((sample) => sample * input.level)
    const left = heard.filter((_, i) => i % 2 === 0)
    left.forEach((sample, i) => assert.closeTo(heard[i * 2 + 1] ?? NaN, -sample / 2, 1e-6))
    return left
  }
  return { input, render, state }
}

const isSteady = (samples: Float32Array) => samples.every((sample) => sample === 0.5)

const isSilent = (samples: Float32Array) => samples.every((sample) => sample === 0)

describe("Input", () => {
  it("goes on unchanged if a pause is revoked in time", () => {
    const { input, render } = make()
    input.setPaused(true)
    input.setPaused(false)
    assert.isTrue(input.isPlain)
    assert.isTrue(isSteady(render()))
    assert.isTrue(input.isActive)
  })

  it("fades out once when nothing comes, and fades in once when something does", () => {
    const { input, render, state } = make()
    assert.isTrue(isSteady(render()))
    state.left = 0
    const dying = render()
    assert.closeTo(dying[0] ?? 0, 0.5, 0.01)
    assert.isTrue(isSilent(dying.subarray(240)))
    assert.isFalse(input.isPlain)
    assert.isTrue(isSilent(render()))
    assert.strictEqual(input.flags, Heard.Flag.Starving)
    assert.strictEqual(state.starved, 1)
    state.left = Infinity
    const coming = render()
    assert.closeTo(coming[0] ?? 1, 0, 0.01)
    assert.isTrue(isSteady(coming.subarray(240)))
    assert.strictEqual(input.flags, Heard.Flag.Playing)
    assert.isTrue(isSteady(render()))
    assert.isTrue(input.isPlain)
  })

  it("is paused or removed even if nothing comes any more while it should fade out", () => {
    for (const way of ["pause", "remove"] as const) {
      const { input, render, state } = make()
      render()
      if (way === "pause") input.setPaused(true)
      else input.remove()
      state.left = 0
      render()
      assert.deepStrictEqual([input.paused, input.isOver], [way === "pause", way === "remove"])
    }
  })

  it("pauses or ends at once while nothing comes", () => {
    for (const way of ["pause", "remove"] as const) {
      const { input, render, state } = make()
      state.left = 0
      render()
      if (way === "pause") input.setPaused(true)
      else input.remove()
      assert.isFalse(input.isActive)
    }
  })

  it("fades out nothing more after a pause has done so", () => {
    const { input, render, state } = make()
    input.setPaused(true)
    const fading = render()
    assert.closeTo(fading.at(-1) ?? 1, 0, 0.01)
    assert.isFalse(input.isActive)
    input.setPaused(false)
    state.left = 0
    assert.isTrue(isSilent(render()))
  })

  it("ducks others by how loud it is heard, at its own gain", () => {
    const duck = { gain: 0.2, attackMs: 40, releaseMs: 80, holdMs: 60, threshold: 0.01 }
    for (const gain of [1, 0.1, 0]) {
      const { input } = make(gain, 0, undefined, duck)
      assert.closeTo(input.render(new Float32Array(unit * 2), 0, 1, 1), 0.5 * gain, 1e-6)
    }
    const { input } = make()
    assert.strictEqual(input.render(new Float32Array(unit * 2), 0, 1, 1), 0)
  })

  it("is ducked from its offset within the unit", () => {
    const { render } = make()
    const samples = render(480, 1, 0)
    assert.isTrue(isSilent(samples.subarray(0, 480)))
    assert.closeTo(samples[480] ?? 0, 0.25, 1e-3)
    assert.closeTo(samples.at(-1) ?? 1, 0, 1e-3)
  })

  it("fades out in the last 5 ms when removed or paused, and fades in over the first", () => {
    for (const way of ["pause", "remove"] as const) {
      const { input, render } = make()
      render()
      if (way === "pause") input.setPaused(true)
      else input.remove()
      assert.isTrue(input.isActive)
      const last = render()
      last.forEach((sample, i) => assert.closeTo(sample, 0.5 * Math.min(1, (unit - 1 - i) / 240), 1e-6))
      assert.strictEqual(input.flags, Heard.Flag.Playing | (way === "pause" ? Heard.Flag.Paused : Heard.Flag.Over))
      assert.strictEqual(input.isOver, way === "remove")
      assert.strictEqual(input.endedAt, way === "remove" ? unit : 0)
      assert.isFalse(input.isActive)
      if (way === "remove") continue
      input.setPaused(false)
      assert.isFalse(input.isPlain)
      render().forEach((sample, i) => assert.closeTo(sample, 0.5 * Math.min(1, i / 240), 1e-6))
      assert.isTrue(input.isPlain)
    }
  })

  it("fades out from the level that it had", () => {
    const { render, state } = make(0.5)
    assert.closeTo(render(0, 0.5, 0.5)[0] ?? 0, 0.125, 1e-6)
    state.left = 0
    const dying = render(480, 0.5, 0.5)
    dying.forEach((sample, i) => assert.closeTo(sample, i < 480 ? 0 : 0.125 * Math.max(0, 1 - (i - 480) / 240), 1e-6))
  })

  it("ends with its fade-out, and not before", () => {
    const { input, render } = make(1, 20)
    render().forEach((sample, i) => assert.closeTo(sample, (0.5 * (i + 1)) / unit, 1e-6))
    assert.isTrue(isSteady(render()))
    input.fadeOut(40)
    assert.closeTo(render().at(-1) ?? 0, 0.5 * Math.SQRT1_2, 1e-6)
    assert.isFalse(input.isOver)
    assert.closeTo(render().at(-1) ?? 1, 0, 1e-6)
    assert.isTrue(input.isOver)
    assert.strictEqual(input.flags, Heard.Flag.Playing | Heard.Flag.Over)
  })

  it("keeps its fades independent of changes of its gain", () => {
    const { input, render } = make(1, 40)
    render()
    input.setGain(0.5, 0)
    render().forEach((sample, i) => assert.closeTo(sample, (0.25 * (i + 1 + unit)) / (2 * unit), 1e-6))
    assert.closeTo(render()[0] ?? 0, 0.25, 1e-6)
    input.fadeOut(40)
    assert.closeTo(render().at(-1) ?? 0, 0.25 * Math.SQRT1_2, 1e-6)
    input.setGain(1, 0)
    assert.closeTo(render()[0] ?? 0, 0.5 * Math.SQRT1_2, 1e-3)
    assert.isTrue(input.isOver)
  })

  it("fades out from the current level of a fade", () => {
    const { render, state } = make(1, 80)
    const last = render().at(-1) ?? 0
    assert.closeTo(last, 0.125, 1e-6)
    state.left = 0
    assert.closeTo(render()[0] ?? 0, last, 1e-6)
  })

  it("plays what its decoder conceals, fades it out within a unit, and reports it", () => {
    const made = new Float32Array(unit * 2)
    for (let i = 0; i < unit; i++) made.set([0.4, -0.2], i * 2)
    const { input, render, state } = make(0.5, 0, made)
    render()
    state.left = 0
    const dying = render(240, 0.5, 0.5)
    dying.forEach((sample, i) => assert.closeTo(sample, i < 240 ? 0 : 0.1 * (1 - (i - 240) / 720), 1e-6))
    assert.strictEqual(input.flags, Heard.Flag.Starving | Heard.Flag.Concealed)
    assert.isTrue(isSilent(render()))
    assert.strictEqual(input.flags, Heard.Flag.Starving)
    state.left = Infinity
    render()
    assert.strictEqual(input.flags, Heard.Flag.Playing)
    state.concealed = 1
    render()
    assert.strictEqual(input.flags, Heard.Flag.Playing | Heard.Flag.Concealed)
  })

  it("plays what its decoder conceals at the current level of a fade", () => {
    const made = new Float32Array(unit * 2)
    for (let i = 0; i < unit; i++) made.set([0.4, -0.2], i * 2)
    const { input, render, state } = make(1, 0, made)
    input.fadeOut(40)
    render()
    state.left = 0
    assert.closeTo(render()[0] ?? 0, 0.4 * Math.SQRT1_2, 1e-6)
  })

  it("is not plain while it leaves or changes its gain", () => {
    const { input, render } = make()
    render()
    assert.isTrue(input.isPlain)
    input.setGain(0.5, 0)
    render()
    assert.isFalse(input.isPlain)
    input.setGain(1, 40)
    render()
    assert.isFalse(input.isPlain)
    render()
    assert.isTrue(input.isPlain)
    input.setPaused(true)
    assert.isFalse(input.isPlain)
    input.setPaused(false)
    input.remove()
    assert.isFalse(input.isPlain)
  })

  it("does not count as starved while nothing has come at all", () => {
    const { input, render, state } = make()
    state.left = 0
    assert.isTrue(isSilent(render()))
    assert.strictEqual(state.starved, 0)
    assert.strictEqual(input.flags, Heard.Flag.Starving)
  })

  it("is not waited for at its end, and is silent after it", () => {
    const { input, render, state } = make()
    state.left = 1_000
    assert.isFalse(input.isShort())
    render()
    assert.isTrue(input.isShort())
    state.isEnding = true
    assert.isFalse(input.isShort())
    const last = render(100)
    assert.isTrue(isSilent(last.subarray(0, 100)))
    assert.isTrue(isSteady(last.subarray(100, 140)))
    assert.isTrue(isSilent(last.subarray(140)))
    assert.isTrue(input.isOver)
    assert.strictEqual(input.endedAt, 140)
  })

  it("fades out over the rest of its source if that is less than 5 ms", () => {
    const { input, render, state } = make()
    render()
    state.left = 100
    state.isEnding = true
    input.remove()
    render().forEach((sample, i) => assert.closeTo(sample, i < 100 ? 0.5 * (99 - i) / 100 : 0, 1e-6))
  })

  it("applies a gain ramp also to the echo after its end", () => {
    const { input, render, state } = make()
    input.setEffects(complete({ _tag: "Echo", delayMs: 10, level: 1, decay: 0 }))
    render()
    input.setGain(0, 20)
    state.left = 100
    state.isEnding = true
    const last = render()
    for (const i of [0, 99, 300, 479, 530]) {
      // the echo continues for 10 ms after the end
      const sound = i < 100 ? 1 : 0.5
      assert.closeTo(last[i] ?? 0, sound * (1 - (i + 1) / unit), 1e-6, `sample ${i}`)
    }
  })

  it("rings no longer than it would have, whatever effects it is given then", () => {
    const { input, render, state } = make()
    input.setEffects(complete({ _tag: "Echo", delayMs: 30, level: 1, decay: 0 }))
    render()
    state.left = 0
    state.isEnding = true
    render()
    input.setEffects(complete({ _tag: "Echo", delayMs: 1_000, level: 1, decay: 0.9 }))
    let units = 0
    for (; input.isRinging && units < 100; units++) input.ring(new Float32Array(unit * 2), 1, 1)
    assert.isAtMost(units, 3)
  })

  it("has no echo if it is removed or faded out just when its source ends", () => {
    for (const way of ["remove", "fade", "end"] as const) {
      const { input, render, state } = make()
      input.setEffects(complete({ _tag: "Echo", delayMs: 10, level: 1, decay: 0 }))
      render()
      if (way === "remove") input.remove()
      if (way === "fade") input.fadeOut(100)
      state.left = 100
      state.isEnding = true
      render()
      assert.isTrue(input.isOver)
      assert.strictEqual(input.isRinging, way === "end", way)
    }
  })
})
