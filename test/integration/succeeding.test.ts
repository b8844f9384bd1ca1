import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Hearing from "../mixer/hearing.ts"
import { playing } from "./playingTo.ts"

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
      const { sound, value } = yield* playing((session) =>
        Effect.gen(function*() {
          const first = yield* session.play(Hearing.pcm(Hearing.sine(440), 2_000))
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
      assert.isAbove(at(1_000, 3_500), 0.28)
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
