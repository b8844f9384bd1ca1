import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type * as AudioSource from "../../src/audio/AudioSource.ts"
import * as Hearing from "../mixer/hearing.ts"
import { playing } from "./playingTo.ts"

/** A source that takes some time for each piece. */
const slow = (source: AudioSource.AudioSource, pullMs: number): AudioSource.AudioSource => ({
  name: source.name,
  open: Effect.map(
    source.open,
    (opened) => opened.format === "opus" ? opened : { ...opened, pull: Effect.delay(opened.pull, pullMs) }
  )
})

describe("a track behind another one, both of them mixed", () => {
  it.effect("begins with the next sample where it is a voice and the other is none", () =>
    Effect.gen(function*() {
      const wave = Hearing.sine(440)
      const duck = { gain: 1 }
      for (const [before, behind] of [[false, duck], [duck, false], [duck, duck]] as const) {
        const { sound } = yield* playing((session) =>
          Effect.gen(function*() {
            const first = yield* session.play(Hearing.pcm(wave, 1_010), { duck: before })
            const second = yield* session.play(Hearing.pcm((sample) => wave(sample + 1_010 * 48), 1_000), {
              after: first,
              duck: behind
            })
            yield* second.awaitEnd
          })
        )
        assert.isAbove(
          Hearing.ratio(sound.left, wave, 960, 48 * 1_990),
          25,
          `${before !== false}, then ${behind !== false}`
        )
      }
    }))

  it.effect("waits for it also where it is sought in when both are in the mix", () =>
    Effect.gen(function*() {
      for (const pullMs of [0, 3, 30]) {
        const { sound, value } = yield* playing((session) =>
          Effect.gen(function*() {
            const first = yield* session.play(slow(Hearing.pcm(Hearing.sine(440), 2_000), pullMs))
            const second = yield* session.play(Hearing.pcm(Hearing.sine(1_000), 1_000), { after: first })
            yield* Effect.sleep("1700 millis")
            yield* first.seek("500 millis")
            yield* Effect.sleep("500 millis")
            const at = yield* second.position
            yield* second.awaitEnd
            return at
          })
        )
        assert.strictEqual(value, 0)
        const at = (hz: number, ms: number) => Hearing.levelOf(sound.left, hz, 48 * ms, 1_920)
        for (let ms = 2_000; ms < 3_200; ms += 100) {
          assert.isAbove(at(440, ms), 0.28, `at ${ms} ms`)
          assert.isBelow(at(1_000, ms), 0.01, `at ${ms} ms`)
        }
        assert.isAbove(at(1_000, 3_700), 0.28)
      }
    }))

  it.effect("begins where that one gives nothing any more after a seek, or is stopped", () =>
    Effect.gen(function*() {
      for (const isStopped of [false, true]) {
        const { sound, value } = yield* playing((session) =>
          Effect.gen(function*() {
            const first = yield* session.play(slow(Hearing.pcm(Hearing.sine(440), 2_000), 30))
            const second = yield* session.play(Hearing.pcm(Hearing.sine(1_000), 1_000), { after: first })
            yield* Effect.sleep("1700 millis")
            yield* first.seek(isStopped ? "500 millis" : "5 seconds")
            if (isStopped) yield* first.stop
            return (yield* second.awaitEnd)._tag
          })
        )
        assert.strictEqual(value, "Finished")
        const at = (hz: number, ms: number) => Hearing.levelOf(sound.left, hz, 48 * ms, 1_920)
        assert.isBelow(at(440, 2_000), 0.01)
        assert.isAbove(at(1_000, 2_200), 0.28)
        assert.isBelow(at(1_000, 3_100), 0.01)
      }
    }))

  it.effect("waits for it also where it is sought in itself", () =>
    Effect.gen(function*() {
      const { sound } = yield* playing((session) =>
        Effect.gen(function*() {
          const first = yield* session.play(Hearing.pcm(Hearing.sine(440), 2_000))
          const second = yield* session.play(Hearing.pcm(Hearing.sine(1_000), 2_000), { after: first })
          yield* Effect.sleep("1600 millis")
          yield* second.seek("1 second")
          yield* second.awaitEnd
        })
      )
      const at = (hz: number, ms: number) => Hearing.levelOf(sound.left, hz, 48 * ms, 1_920)
      for (let ms = 1_600; ms < 1_950; ms += 50) assert.isBelow(at(1_000, ms), 0.01, `at ${ms} ms`)
      for (let ms = 2_050; ms < 2_900; ms += 50) assert.isAbove(at(1_000, ms), 0.28, `at ${ms} ms`)
      assert.isBelow(at(1_000, 3_050), 0.01)
    }))
})
