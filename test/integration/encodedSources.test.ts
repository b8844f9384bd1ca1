import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import * as AudioSource from "../../src/audio/AudioSource.ts"
import type * as Emulator from "../../src/emulator/Emulator.ts"
import * as OpusEncoder from "../../src/OpusEncoder.ts"
import { collect } from "../audio/listen.ts"
import * as Hearing from "../mixer/hearing.ts"
import * as Rig from "./rig.ts"

const layer = Layer.merge(Rig.memory(), OpusEncoder.layer)

const heardBy = (guest: { readonly heard: Effect.Effect<ReadonlyArray<Emulator.HeardFrame>> }) =>
  Effect.map(
    guest.heard,
    (heard) => heard.filter(({ silence }) => !silence).map(({ payload }) => Buffer.from(payload).toString("hex"))
  )

const shown = (frames: ReadonlyArray<AudioSource.OpusFrame>) =>
  frames.map(({ data }) => Buffer.from(data).toString("hex"))

const tone = (frequency: number) => AudioSource.tone({ frequency, duration: "500 millis" })

describe("encoded sources", () => {
  it.effect("are passed through exactly as they come from the encoder", () =>
    Rig.run(Effect.gen(function*() {
      const guest = yield* Rig.guest()
      const session = yield* Rig.join("lobby")
      const source = AudioSource.encoded(tone(440), { bitrate: 48_000 })
      const { frames } = yield* collect(source)
      const track = yield* session.play(source)
      assert.strictEqual((yield* track.awaitEnd)._tag, "Finished")
      yield* Effect.sleep("1 second")
      assert.deepStrictEqual(yield* heardBy(guest), shown(frames))
      yield* Rig.blameless
    })).pipe(Effect.provide(layer)))

  it.effect("can be preloaded, and then looped and played in part", () =>
    Rig.run(Effect.gen(function*() {
      const guest = yield* Rig.guest()
      const session = yield* Rig.join("lobby")
      const sound = yield* AudioSource.preloaded(tone(880))
      const { frames } = yield* collect(sound)
      const twice = yield* session.play(sound, { loop: 1 })
      yield* twice.awaitEnd
      const part = yield* session.play(sound, { from: "200 millis", until: "400 millis" })
      yield* part.awaitEnd
      yield* Effect.sleep("1 second")
      assert.deepStrictEqual(yield* heardBy(guest), shown([...frames, ...frames, ...frames.slice(10, 20)]))
      assert.strictEqual(twice.durationMs, 20 * frames.length)
      yield* Rig.blameless
    })).pipe(Effect.provide(layer)))

  it.effect("loop without a gap at any length, and each pass sounds like the first", () =>
    Rig.run(Effect.gen(function*() {
      const guest = yield* Rig.guest()
      const session = yield* Rig.join("lobby")
      // 25 frames; 20 frames and 15 ms; and 37.5 ms: all of them whole waves
      for (const ms of [500, 415, 37.5]) {
        const swelling = (sample: number) => (0.02 + 0.4 * sample / 48 / ms) * Math.sin(2 * Math.PI * sample / 120)
        for (const wave of [Hearing.sine(400), swelling]) {
          const sound = yield* AudioSource.preloaded(Hearing.pcm(wave, ms))
          assert.strictEqual(sound.durationMs, ms)
          const before = (yield* guest.heard).length
          yield* (yield* session.play(sound, { loop: 3 })).awaitEnd
          yield* Effect.sleep("1 second")
          const { left } = yield* Hearing.decode((yield* guest.heard).slice(before))
          const length = ms * 48
          for (const pass of [1, 2, 3]) {
            // except for the 2.5 ms that the end and the beginning share
            const wanted = (index: number) => wave(index - pass * length)
            const name = `${ms} ms, pass ${pass}`
            assert.isAbove(Hearing.ratio(left, wanted, pass * length + 120, length - 120), 20, name)
            const level = Hearing.levelOf(left, 400, pass * length + 120, 960)
            assert.closeTo(level, wave === swelling ? 0.02 + 5 / ms : 0.3, 0.01, name)
          }
          if (wave === swelling) continue
          for (let at = 240; at < 4 * length - 240; at += 60) {
            const level = Hearing.levelOf(left, 400, at, 240)
            assert.isAbove(level, 0.2, `at ${at} of ${ms} ms`)
          }
        }
      }
      yield* Rig.blameless
    })).pipe(Effect.provide(layer)))

  it.effect("are mixed when several play at once", () =>
    Rig.run(Effect.gen(function*() {
      const guest = yield* Rig.guest()
      const session = yield* Rig.join("lobby")
      const sound = yield* AudioSource.preloaded(tone(880))
      const tracks = yield* Effect.forEach([1, 2, 3], () => session.play(sound))
      for (const track of tracks) assert.strictEqual((yield* track.awaitEnd)._tag, "Finished")
      yield* Effect.sleep("1 second")
      assert.isAtLeast((yield* heardBy(guest)).length, 25)
      yield* Rig.blameless
    })).pipe(Effect.provide(layer)))
})
