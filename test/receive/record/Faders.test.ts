import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { UserId } from "../../../src/protocol/Identifier.ts"
import * as Faders from "../../../src/receive/record/Faders.ts"

const ada = UserId.make("100000000000000001")
const bob = UserId.make("100000000000000002")

const make = () => {
  const clock = { now: 0 }
  const faders = Faders.make({ isMixed: true, now: () => clock.now })
  const set = (at: number, level: { readonly gain?: number; readonly muted?: boolean }) => {
    clock.now = at
    return faders.controls.setLevel(ada, level)
  }
  const gain = (at: number) => faders.gains(ada, at, 1)?.[0] ?? 1
  return { faders, set, gain }
}

describe("Faders", () => {
  it.effect("reach a gain within 20 ms after it was set, whenever they are asked", () =>
    Effect.gen(function*() {
      const { faders, gain, set } = make()
      assert.isUndefined(faders.gains(ada, 0, 10_000))
      yield* set(10_000, { gain: 0.5 })
      yield* set(20_000, { muted: true })
      yield* set(30_000, { gain: 2, muted: false })
      assert.deepStrictEqual(
        [0, 10_000, 10_480, 10_960, 20_000, 20_480, 20_960, 30_000, 30_480, 30_960, 99_999].map(gain),
        [1, 1, 0.75, 0.5, 0.5, 0.25, 0, 0, 1, 2, 2]
      )
      assert.isUndefined(faders.gains(ada, 9_000, 1_000))
      assert.isUndefined(faders.gains(bob, 10_000, 1_000))
      const gains = faders.gains(ada, 9_990, 1_000) ?? new Float32Array()
      assert.lengthOf(gains, 1_000)
      gains.forEach((value, i) => {
        if (i > 0) assert.closeTo(value, gains[i - 1] ?? NaN, 0.000_53)
      })
    }))

  it.effect("continue from the current gain if changes overlap, and keep few of many changes", () =>
    Effect.gen(function*() {
      const { gain, set } = make()
      yield* set(0, { gain: 0 })
      yield* set(480, { gain: 1 })
      assert.deepStrictEqual([480, 960, 1_440, 5_000].map(gain), [0.5, 0.75, 1, 1])
      for (let i = 0; i < 100_000; i++) yield* set(10_000 + i / 1_000, { gain: i % 2 === 0 ? 0 : 3 })
      assert.closeTo(gain(11_100), 3, 0.001)
      for (let at = 9_000; at < 12_000; at++) assert.closeTo(gain(at), gain(at + 1), 0.003_2)
    }))

  it.effect("start after what is already mixed, even if its end is still to be heard", () =>
    Effect.gen(function*() {
      const { faders, gain, set } = make()
      assert.isUndefined(faders.gains(ada, 10_000, 960))
      yield* set(10_100, { gain: 0 })
      assert.deepStrictEqual([10_960, 11_440, 11_920].map(gain), [1, 0.5, 0])
      // once more, after a change that is in progress
      faders.gains(ada, 10_960, 960)
      yield* set(11_000, { gain: 1 })
      yield* set(11_010, { gain: 2 })
      assert.deepStrictEqual([11_919, 11_920, 12_400, 12_880].map((at) => Math.round(gain(at) * 100)), [0, 0, 100, 200])
      // a sender whose time is far ahead does not keep its gain for that long
      faders.gains(ada, 500_000, 960)
      yield* set(20_000, { gain: 0 })
      assert.strictEqual(gain(20_960), 0)
    }))

  it.effect("take back no change whose beginning is already mixed", () =>
    Effect.gen(function*() {
      const { faders, gain, set } = make()
      yield* set(10_000, { gain: 0 })
      const mixed = faders.gains(ada, 10_000, 30) ?? new Float32Array()
      yield* set(10_020, { gain: 2 })
      assert.closeTo(gain(10_030), mixed[29] ?? NaN, 0.002)
    }))

  it.effect("forget changes that are no longer asked for, and users who are back to the default", () =>
    Effect.gen(function*() {
      const { faders, gain, set } = make()
      for (let i = 0; i < 10; i++) {
        yield* set(i * 48_000, { gain: i })
        faders.forget(i * 48_000)
        assert.strictEqual(gain(i * 48_000 + 960), i)
        assert.strictEqual(gain(i * 48_000), Math.max(i - 1, i === 0 ? 1 : 0))
      }
      faders.forget(1e9)
      assert.strictEqual(gain(1e9), 9)
      yield* set(2e9, { gain: 1 })
      faders.forget(3e9)
      assert.isUndefined(faders.gains(ada, 3e9, 960))
      assert.strictEqual((yield* faders.controls.levels).size, 0)
    }))

  it.effect("still know changes for sound that belongs slightly before what is settled", () =>
    Effect.gen(function*() {
      const { faders, gain, set } = make()
      yield* set(0, { gain: 0 })
      faders.forget(3_360)
      assert.deepStrictEqual([0, 480, 960, 3_000].map(gain), [1, 0.5, 0, 0])
    }))

  it.effect("apply changes that are over before the end of the requested range", () =>
    Effect.gen(function*() {
      const { faders, set } = make()
      yield* set(1_000, { gain: 0 })
      yield* set(2_000, { gain: 1 })
      const gains = faders.gains(ada, 0, 5_760)
      assert.deepStrictEqual([0, 1_960, 5_000].map((at) => gains?.[at]), [1, 0, 1])
    }))

  it.effect("require a mixed file, and a valid gain", () =>
    Effect.gen(function*() {
      const { faders, set } = make()
      assert.strictEqual((yield* Effect.flip(set(0, { gain: -1 }))).reason._tag, "Unsupported")
      assert.isUndefined(faders.gains(ada, 0, 10_000))
      const none = Faders.make({ isMixed: false, now: () => 0 })
      assert.strictEqual((yield* Effect.flip(none.controls.setLevel(ada, { gain: 1 }))).reason._tag, "Unsupported")
    }))
})
