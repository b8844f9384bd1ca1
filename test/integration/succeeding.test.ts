import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as AudioSource from "../../src/audio/AudioSource.ts"
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

/** A source that takes some time to open and for each piece, except the first time it is opened. */
const slowAgain = (source: AudioSource.AudioSource, opensMs: number, pullMs: number): AudioSource.AudioSource => {
  let isFirst = true
  return {
    name: source.name,
    open: Effect.suspend(() => {
      if (!isFirst) return Effect.delay(slow(source, pullMs).open, opensMs)
      isFirst = false
      return source.open
    })
  }
}

describe("a track after another one, both of them mixed", () => {
  it.effect("begins with the next sample, whichever of the two ducks", () =>
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

  it.effect("waits for it even if that one is sought while both are in the mix", () =>
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

  it.effect("begins when that one has nothing left after a seek, or is stopped", () =>
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

  it.effect("waits for one that is itself waiting and is sought, unless that one is stopped", () =>
    Effect.gen(function*() {
      for (const opensMs of [0, 30]) {
        for (const isStopped of [false, true]) {
          const { sound, value } = yield* playing((session) =>
            Effect.gen(function*() {
              const first = yield* session.play(Hearing.pcm(Hearing.sine(440), 600))
              const second = yield* session.play(slowAgain(Hearing.pcm(Hearing.sine(1_000), 600), opensMs, 0), {
                after: first
              })
              const third = yield* session.play(Hearing.pcm(Hearing.sine(2_000), 600), { after: second })
              yield* Effect.sleep("400 millis")
              // all of it was read, so the tracks after it are in the mix; now there is more of it
              yield* first.loop(1)
              yield* second.seek("200 millis")
              yield* Effect.sleep("200 millis")
              if (isStopped) yield* second.stop
              return (yield* Effect.forEach([first, second, third], ({ awaitEnd }) => awaitEnd)).map(({ _tag }) => _tag)
            })
          )
          assert.deepStrictEqual(value, ["Finished", isStopped ? "Stopped" : "Finished", "Finished"])
          const at = (hz: number, ms: number) => Hearing.levelOf(sound.left, hz, 48 * ms, 1_920)
          const levels = (ms: number) => [440, 1_000, 2_000].map((hz) => at(hz, ms) > 0.1)
          assert.deepStrictEqual(levels(550), [true, false, false], "before")
          if (isStopped) {
            assert.deepStrictEqual(levels(1_000), [true, false, true], "one that has ended is waited for no more")
          } else {
            for (let ms = 550; ms < 1_150; ms += 50) {
              assert.deepStrictEqual(levels(ms), [true, false, false], `at ${ms} ms`)
            }
            for (let ms = 1_250; ms < 1_550; ms += 50) {
              assert.deepStrictEqual(levels(ms), [false, true, false], `at ${ms} ms`)
            }
            assert.deepStrictEqual(levels(1_700), [false, false, true])
          }
        }
      }
    }))

  it.effect("still waits after it was sought itself", () =>
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

  for (const what of ["sought in", "looped"] as const) {
    it.effect(`is never heard together with it, however late that one is ${what}`, () =>
      Effect.gen(function*() {
        const opus = AudioSource.fromFrames(yield* Hearing.encode(Hearing.sine(1_000), 1_000))
        const pcm = Hearing.pcm(Hearing.sine(1_000), 1_000)
        const cases = [
          { opensMs: 0, pullMs: 0, ms: 1_010, behind: pcm, times: [880, 940, 980, 1_010, 1_030] },
          { opensMs: 30, pullMs: 0, ms: 1_010, behind: pcm, times: [880, 940, 980, 1_010, 1_030] },
          { opensMs: 0, pullMs: 30, ms: 1_010, behind: pcm, times: [880, 940, 980, 1_010, 1_030] },
          // the first ends with a whole frame, and this one begins with the next
          { opensMs: 0, pullMs: 0, ms: 1_000, behind: pcm, times: [860, 870, 880, 890] },
          // a mix gives way to Opus there
          { opensMs: 0, pullMs: 400, ms: 1_000, behind: opus, times: [940, 980, 1_010] }
        ]
        for (const { behind, ms, opensMs, pullMs, times } of cases) {
          for (const atMs of times) {
            const { sound, value } = yield* playing((session) =>
              Effect.gen(function*() {
                const first = yield* session.play(slowAgain(Hearing.pcm(Hearing.sine(440), ms), opensMs, pullMs))
                const second = yield* session.play(behind, { after: first })
                yield* Effect.sleep(atMs)
                if (what === "looped") yield* first.loop(1)
                else yield* Effect.ignore(first.seek("200 millis"))
                const ends = [yield* first.awaitEnd, yield* second.awaitEnd]
                return { ends: ends.map(({ _tag }) => _tag), tracks: yield* session.tracks }
              })
            )
            const when = `of ${ms} ms at ${atMs} ms, each piece in ${pullMs} ms, opened in ${opensMs}`
            assert.deepStrictEqual(value, { ends: ["Finished", "Finished"], tracks: [] }, when)
            const levels = Array.from(
              { length: Math.floor(sound.left.length / 960) },
              (_, frame) => [440, 1_000].map((hz) => Hearing.levelOf(sound.left, hz, 960 * frame, 960))
            )
            const begun = levels.findIndex(([, second = 0]) => second > 0.1)
            // the first of these frames also contains the other tone
            const together = levels.slice(begun + 1).findIndex(([first = 0]) => first > 0.05)
            assert.strictEqual(together, -1, when)
            // nothing of it is missing
            const heard = levels.filter(([, second = 0]) => second > 0.28).length
            assert.closeTo(heard, 50, 2, when)
          }
        }
      }))
  }
})
