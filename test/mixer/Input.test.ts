import { assert, describe, it } from "@effect/vitest"
import * as Heard from "../../src/mixer/Heard.ts"
import { Input, unit } from "../../src/mixer/Input.ts"

/** An input whose source gives half of full scale, as long as there is something. */
const make = () => {
  const state = { left: Infinity }
  const input = new Input({
    input: 1,
    slot: 0,
    format: "pcm",
    ring: new SharedArrayBuffer(0),
    gain: 1,
    paused: false,
    fadeInMs: 0,
    curve: "linear"
  }, {
    prepare: (count) => Math.min(count, state.left),
    take: (into, at, count) => {
      into.fill(0.5, at, at + count * 2)
      state.left -= count
    },
    isEnding: () => false,
    isDrained: () => false,
    positionMs: () => 0,
    conceal: () => undefined,
    concealed: () => 0,
    free: () => {}
  })
  /** The left channel of a unit. */
  const render = (from = 0, duckFrom = 1, duckTo = 1) => {
    const into = new Float32Array(unit * 2)
    input.render(into, from, duckFrom, duckTo)
    return into.filter((_, i) => i % 2 === 0)
  }
  return { input, render, state }
}

const isSteady = (samples: Float32Array) => samples.every((sample) => sample === 0.5)

const isSilent = (samples: Float32Array) => samples.every((sample) => sample === 0)

describe("Input", () => {
  it("goes on as if nothing were where a pause is taken back in time", () => {
    const { input, render } = make()
    input.setPaused(true)
    input.setPaused(false)
    assert.isTrue(input.isPlain)
    assert.isTrue(isSteady(render()))
    assert.isTrue(input.isActive)
  })

  it("lets what was heard last die away once where nothing comes, and comes in again once", () => {
    const { input, render, state } = make()
    assert.isTrue(isSteady(render()))
    state.left = 0
    const dying = render()
    assert.closeTo(dying[0] ?? 0, 0.5, 0.01)
    assert.isTrue(isSilent(dying.subarray(240)))
    assert.isFalse(input.isPlain)
    assert.isTrue(isSilent(render()))
    assert.strictEqual(input.flags, Heard.Flag.Starving)
    state.left = Infinity
    const coming = render()
    assert.closeTo(coming[0] ?? 1, 0, 0.01)
    assert.isTrue(isSteady(coming.subarray(240)))
    assert.strictEqual(input.flags, Heard.Flag.Playing)
    assert.isTrue(isSteady(render()))
    assert.isTrue(input.isPlain)
  })

  it("has nothing to fade out while nothing comes: it pauses and goes at once", () => {
    for (const way of ["pause", "remove"] as const) {
      const { input, render, state } = make()
      state.left = 0
      render()
      if (way === "pause") input.setPaused(true)
      else input.remove()
      assert.isFalse(input.isActive)
    }
  })

  it("does not let die away what a pause has faded out", () => {
    const { input, render, state } = make()
    input.setPaused(true)
    const fading = render()
    assert.closeTo(fading.at(-1) ?? 1, 0, 0.01)
    assert.isFalse(input.isActive)
    input.setPaused(false)
    state.left = 0
    assert.isTrue(isSilent(render()))
  })

  it("steps back by its place within the unit", () => {
    const { render } = make()
    const samples = render(480, 1, 0)
    assert.isTrue(isSilent(samples.subarray(0, 480)))
    assert.closeTo(samples[480] ?? 0, 0.25, 1e-3)
    assert.closeTo(samples.at(-1) ?? 1, 0, 1e-3)
  })
})
