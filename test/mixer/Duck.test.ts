import { assert, describe, it } from "@effect/vitest"
import * as Duck from "../../src/mixer/Duck.ts"
import * as Heard from "../../src/mixer/Heard.ts"

const ducking = { gain: 0.2, attackMs: 40, releaseMs: 80, holdMs: 60, threshold: 0.01 }

describe("Duck", () => {
  it("ducks within the attack, holds, and returns within the release", () => {
    const duck = Duck.make()
    const gains: Array<number> = []
    const units = (count: number, peak: number) => {
      for (let i = 0; i < count; i++) {
        duck.hear(ducking, Heard.Flag.Playing, peak)
        const { from, to } = duck.next()
        assert.closeTo(from, gains.at(-1) ?? 1, 1e-6)
        gains.push(Number(to.toFixed(6)))
      }
    }
    units(2, 0.001)
    units(4, 0.5)
    units(8, 0)
    assert.deepStrictEqual(gains, [1, 1, 0.6, 0.2, 0.2, 0.2, 0.2, 0.2, 0.2, 0.4, 0.6, 0.8, 1, 1])
  })

  it("ignores a voice that stalls, and takes the lowest gain of several", () => {
    const duck = Duck.make()
    duck.hear(ducking, Heard.Flag.Starving, 1)
    assert.deepStrictEqual(duck.next(), { from: 1, to: 1 })
    duck.hear({ ...ducking, gain: 0.5, attackMs: 0 }, Heard.Flag.Playing, 1)
    duck.hear({ ...ducking, gain: 0, attackMs: 0 }, Heard.Flag.Playing, 1)
    assert.strictEqual(duck.next().to, 0)
    // in either order
    duck.hear({ ...ducking, gain: 0, attackMs: 0 }, Heard.Flag.Playing, 1)
    duck.hear({ ...ducking, gain: 0.5, attackMs: 0 }, Heard.Flag.Playing, 1)
    assert.strictEqual(duck.next().to, 0)
  })

  it("reacts to sound exactly at the threshold, and rounds the hold up", () => {
    const duck = Duck.make()
    const voice = { ...ducking, attackMs: 0, releaseMs: 0, holdMs: 50 }
    duck.hear(voice, Heard.Flag.Playing, voice.threshold)
    const gains = Array.from({ length: 6 }, () => Number(duck.next().to.toFixed(6)))
    assert.deepStrictEqual(gains, [0.2, 0.2, 0.2, 0.2, 1, 1])
  })
})
