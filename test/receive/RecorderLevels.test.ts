import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as OpusEncoder from "../../src/OpusEncoder.ts"
import * as Rig from "../integration/rig.ts"
import * as Kit from "./record/kit.ts"
import { layer, leftOf, lobby, start } from "./record/recording.ts"

const tone = Effect.fnUntraced(function*(hertz: number, count: number) {
  const encoder = yield* (yield* OpusEncoder.OpusEncoder).make({ channels: 1 })
  return yield* Effect.forEach(Array.from({ length: count }), (_, frame) => {
    const pcm = Int16Array.from(
      { length: 960 },
      (_, i) => 8_000 * Math.sin(2 * Math.PI * hertz * (frame * 960 + i) / 48_000)
    )
    return Effect.map(encoder.encode(pcm), (data) => ({ data, samples: 960 }))
  })
}, Effect.scoped)

/** The strength of a frequency within 20 ms, relative to full scale. */
const strength = (left: Float32Array, atMs: number, hertz: number) => {
  const from = Math.round(atMs * 48)
  let re = 0
  let im = 0
  for (let i = 0; i < 960; i++) {
    re += (left[from + i] ?? 0) * Math.cos(2 * Math.PI * hertz * i / 48_000)
    im += (left[from + i] ?? 0) * Math.sin(2 * Math.PI * hertz * i / 48_000)
  }
  return Math.hypot(re, im) / 480
}

describe("Recorder, levels", () => {
  it.effect("apply to the mixed file alone, from the moment they are set, without a click", () =>
    Rig.run(Effect.gen(function*() {
      const { ada, bob, session } = yield* lobby
      yield* Rig.encrypted(session)
      yield* Effect.sleep("1 second")
      const disk = Kit.disk()
      const recording = yield* start(session, disk, { mixed: "wav" })
      yield* Effect.forkScoped(ada.speak(yield* tone(500, 200)))
      yield* Effect.forkScoped(bob.speak(yield* tone(1_500, 200)))
      const times: Array<number> = []
      const set = Effect.fnUntraced(function*(...[userId, level]: Parameters<typeof recording.setLevel>) {
        yield* Effect.sleep("807 millis")
        times.push((yield* recording.statistics).elapsedMs)
        yield* recording.setLevel(userId, level)
      })
      yield* set(ada.userId, { gain: 0.5 })
      yield* set(bob.userId, { muted: true })
      yield* set(ada.userId, { gain: 1 })
      yield* set(bob.userId, { muted: false, gain: 2 })
      assert.deepStrictEqual([...yield* recording.levels], [[bob.userId, { gain: 2, muted: false }]])
      yield* Effect.sleep("3 seconds")
      const manifest = yield* recording.stop
      const left = leftOf(disk.file("mixed.wav"))
      const moments = [(times[0] ?? 0) - 40, ...times.flatMap((ms) => [ms - 21, ms + 21])]
      const heard = [500, 1_500].map((hertz) => moments.map((ms) => strength(left, ms, hertz)))
      const expected = [[1, 1, 0.5, 0.5, 0.5, 0.5, 1, 1, 1], [1, 1, 1, 1, 0, 0, 0, 0, 2]]
      for (const [i, strengths] of heard.entries()) {
        const usual = strengths[0] ?? NaN
        assert.isAbove(usual, 0.2)
        strengths.forEach((value, n) => assert.closeTo(value / usual, expected[i]?.[n] ?? NaN, 0.06, `${i}, ${n}`))
      }
      const steepest = left.reduce(
        (most, value, i) => i === 0 ? 0 : Math.max(most, Math.abs(value - (left[i - 1] ?? 0))),
        0
      )
      assert.isBelow(steepest, 2 * Math.PI * (500 + 2 * 1_500) / 48_000 * 0.25 * 1.2)
      // the users' own files are unchanged
      for (const { userId } of [ada, bob]) {
        const own = yield* Kit.decode(disk.file(`${userId}.ogg`))
        assert.isAbove(strength(own.left, (times[1] ?? 0) + 100, userId === ada.userId ? 500 : 1_500), 0.2)
      }
      assert.strictEqual(manifest.state, "complete")
      // the recording has ended
      yield* recording.setLevel(ada.userId, { gain: 0 })
    })).pipe(Effect.provide(layer)))

  it.effect("require a mixed file", () =>
    Rig.run(Effect.gen(function*() {
      const { ada, session } = yield* lobby
      const recording = yield* start(session, Kit.disk(), { mixed: "none" })
      const { reason } = yield* Effect.flip(recording.setLevel(ada.userId, { gain: 1 }))
      assert.strictEqual(reason._tag, "Unsupported")
    })).pipe(Effect.provide(layer)))
})
