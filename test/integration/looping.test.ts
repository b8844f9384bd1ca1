import { assert, describe, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import * as AudioSource from "../../src/audio/AudioSource.ts"
import * as VoiceError from "../../src/VoiceError.ts"
import * as Hearing from "../mixer/hearing.ts"
import { isVoiced, playing } from "./playingTo.ts"
import * as Rig from "./rig.ts"

/** A source that takes some time to open, except the first time. */
const slow = (source: AudioSource.AudioSource, opensMs: number): AudioSource.AudioSource => {
  let isFirst = true
  return {
    name: source.name,
    open: Effect.suspend(() => {
      const waitMs = isFirst ? 0 : opensMs
      isFirst = false
      return Effect.andThen(Effect.sleep(waitMs), source.open)
    })
  }
}

const lost = VoiceError.make(
  new VoiceError.SourceFailed({ source: "once", kind: "NotFound", positionMs: 0, detail: "it is gone" })
)

/** When another pass of a one-second sound is requested. */
const times = [100, 500, 850, 930, 975]

describe("another pass that is requested in the last second of a track", () => {
  it.effect("follows frame by frame if the track is passed through", () =>
    Effect.gen(function*() {
      for (const opensMs of [0, 15]) {
        for (const atMs of times) {
          const list = Rig.frames(50)
          const { heard, value } = yield* playing((session) =>
            Effect.gen(function*() {
              const track = yield* session.play(slow(AudioSource.fromFrames(list), opensMs))
              yield* Effect.sleep(atMs)
              yield* track.loop(1)
              const end = yield* track.awaitEnd
              const events = yield* Stream.runCollect(track.events)
              return { end: end._tag, looped: events.filter(({ _tag }) => _tag === "Looped").length }
            })
          )
          const heardOnce = Rig.payloads(list)
          assert.deepStrictEqual(value, { end: "Finished", looped: 1 }, `at ${atMs} ms`)
          assert.deepStrictEqual(
            heard.filter(isVoiced).map(({ payload }) => payload),
            [...heardOnce, ...heardOnce],
            `at ${atMs} ms, opened in ${opensMs}`
          )
        }
      }
    }))

  it.effect("waits for a source that is still opening when the track would end", () =>
    Effect.gen(function*() {
      const list = Rig.frames(50)
      const { heard, value } = yield* playing((session) =>
        Effect.gen(function*() {
          const track = yield* session.play(slow(AudioSource.fromFrames(list), 2_000))
          yield* Effect.sleep("500 millis")
          yield* track.loop(1)
          yield* track.awaitEnd
          return (yield* Stream.runCollect(track.events)).map(({ _tag }) => _tag)
        })
      )
      assert.deepStrictEqual(value, ["Started", "Stalled", "Looped", "Recovered", "Ended"])
      const heardOnce = Rig.payloads(list)
      assert.deepStrictEqual(heard.filter(isVoiced).map(({ payload }) => payload), [...heardOnce, ...heardOnce])
    }))

  it.effect("follows sample by sample if the track is mixed, unless its end is mixed already", () =>
    Effect.gen(function*() {
      // 1010 ms are 404 whole waves
      const wave = Hearing.sine(400)
      for (const atMs of [100, 500, 700, 850]) {
        for (const hz of [undefined, 3_000]) {
          const { sound } = yield* playing((session) =>
            Effect.gen(function*() {
              const track = yield* session.play(slow(Hearing.pcm(wave, 1_010), 5))
              if (hz !== undefined) yield* session.play(Hearing.pcm(Hearing.sine(hz, 0.001), 2_500))
              yield* Effect.sleep(atMs)
              yield* track.loop(1)
              assert.deepStrictEqual(yield* track.awaitEnd, { _tag: "Finished" })
              assert.strictEqual(yield* track.position, 1_010)
              yield* session.interrupt
            })
          )
          const whole = 48 * 1_960
          assert.isAbove(Hearing.ratio(sound.left, wave, 960, whole), 30, `at ${atMs} ms`)
        }
      }
    }))

  it.effect("begins after the end if that is mixed already, and leaves nothing out", () =>
    Effect.gen(function*() {
      const wave = Hearing.sine(400)
      for (const atMs of [920, 960, 1_000]) {
        for (const besides of [false, true]) {
          const { sound, value } = yield* playing((session) =>
            Effect.gen(function*() {
              const track = yield* session.play(Hearing.pcm(wave, 1_010))
              if (besides) yield* session.play(Hearing.pcm(() => 0, 2_500))
              yield* Effect.sleep(atMs)
              yield* track.loop(2)
              yield* track.awaitEnd
              const events = yield* Stream.runCollect(track.events)
              yield* session.interrupt
              return { times: events.filter(({ _tag }) => _tag === "Looped").length, at: yield* track.position }
            })
          )
          assert.deepStrictEqual(value, { times: 2, at: 1_010 })
          assert.isAbove(Hearing.ratio(sound.left, wave, 960, 48 * 980), 30, `at ${atMs} ms`)
          const voiced = sound.left.filter((value) => Math.abs(value) > 0.01).length / 48
          assert.closeTo(voiced, 3_030 * (1 - Math.asin(0.01 / 0.3) * 2 / Math.PI), 30, `at ${atMs} ms`)
        }
      }
    }))

  it.effect("is refused if the source is gone, and the track plays to its end", () =>
    Effect.gen(function*() {
      const list = Rig.frames(50)
      const source = AudioSource.fromFrames(list)
      for (const opensMs of [0, 2_000]) {
        let isFirst = true
        const once: AudioSource.AudioSource = {
          name: "once",
          open: Effect.suspend(() => {
            if (!isFirst) return Effect.andThen(Effect.sleep(opensMs), Effect.fail(lost))
            isFirst = false
            return source.open
          })
        }
        const { heard, value } = yield* playing((session) =>
          Effect.gen(function*() {
            const track = yield* session.play(once)
            yield* Effect.sleep("500 millis")
            const error = yield* Effect.flip(track.loop("forever"))
            return { error, end: (yield* track.awaitEnd)._tag, left: yield* track.loopsLeft }
          })
        )
        assert.deepStrictEqual(value, { error: lost, end: "Finished", left: 0 })
        assert.deepStrictEqual(heard.filter(isVoiced).map(({ payload }) => payload), Rig.payloads(list))
      }
    }))

  it.effect("is dropped if the request is interrupted or taken back", () =>
    Effect.gen(function*() {
      const list = Rig.frames(50)
      const { heard } = yield* playing((session) =>
        Effect.gen(function*() {
          const track = yield* session.play(slow(AudioSource.fromFrames(list), 200))
          yield* Effect.sleep("500 millis")
          // opening is interrupted
          yield* Effect.ignore(Effect.timeout(track.loop(1), "50 millis"))
          assert.strictEqual(yield* track.loopsLeft, 0)
          const asking = yield* Effect.forkChild(track.loop(1), { startImmediately: true })
          yield* track.loop(0)
          yield* Effect.sleep("250 millis")
          asking.interruptUnsafe()
          assert.deepStrictEqual(yield* track.awaitEnd, { _tag: "Finished" })
        })
      )
      assert.deepStrictEqual(heard.filter(isVoiced).map(({ payload }) => payload), Rig.payloads(list))
    }))
})
