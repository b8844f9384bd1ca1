/**
 * Filters that change the speed: all positions of a track are those of its source, and timing follows what is heard.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Stream } from "effect"
import * as AudioSource from "../../src/audio/AudioSource.ts"
import * as TrackQueue from "../../src/audio/TrackQueue.ts"
import * as OpusDecoder from "../../src/OpusDecoder.ts"
import * as Hearing from "../mixer/hearing.ts"
import * as Rig from "./rig.ts"

/** Keeps one of two samples. All pieces of these sources have an even length. */
const faster = () => (samples: Float32Array) => samples.filter((_, i) => (i >> 1) % 2 === 0)

const slower = () => (samples: Float32Array) =>
  Float32Array.from({ length: samples.length * 2 }, (_, i) => samples[((i >> 2) << 1) + (i & 1)] ?? 0)

const twice = (hz: number, ms: number, seekable = true) =>
  AudioSource.mapPcm(Hearing.pcm(Hearing.sine(hz), ms, { seekable }), faster, { speed: 2 })

const inSession = <A>(
  program: (session: Effect.Success<ReturnType<typeof Rig.join>>) => Effect.Effect<A, never, OpusDecoder.OpusDecoder>
) =>
  Rig.run(Effect.gen(function*() {
    const guest = yield* Rig.guest()
    const result = yield* program(yield* Rig.join("lobby"))
    yield* Effect.sleep("1 second")
    yield* Rig.blameless
    return { result, sound: yield* Hearing.decode(yield* guest.heard) }
  })).pipe(Effect.provide(Layer.merge(OpusDecoder.layer, Rig.memory())))

describe("a track at a different speed", () => {
  for (const seekable of [true, false]) {
    it.effect(`reports and seeks positions of its source, ${seekable ? "by its source" : "by reading on"}`, () =>
      Effect.gen(function*() {
        const { result, sound } = yield* inSession((session) =>
          Effect.orDie(Effect.gen(function*() {
            const track = yield* session.play(twice(220, 6_000, seekable))
            assert.deepStrictEqual([track.durationMs, track.speed], [6_000, 2])
            yield* Effect.sleep("1 second")
            assert.closeTo(yield* track.position, 2_000, 300)
            yield* track.seek("4 seconds")
            yield* Effect.sleep("500 millis")
            assert.closeTo(yield* track.position, 5_000, 300)
            assert.deepStrictEqual(yield* track.awaitEnd, { _tag: "Finished" })
            const sought = yield* track.events.pipe(Stream.filter(({ _tag }) => _tag === "Sought"), Stream.runCollect)
            assert.deepStrictEqual(sought, [{ _tag: "Sought", positionMs: 4_000 }])
            return yield* track.position
          }))
        )
        assert.closeTo(result, 6_000, 50)
        // one second of it, and its last two seconds in one
        assert.closeTo(sound.left.length / 48_000, 2, 0.4)
        assert.closeTo(Hearing.levelOf(sound.left, 440, 24_000, 9_600), 0.3, 0.05)
      }))
  }

  it.effect("keeps its position when it is looped in its last pass", () =>
    Effect.gen(function*() {
      const { result } = yield* inSession((session) =>
        Effect.orDie(Effect.gen(function*() {
          const track = yield* session.play(twice(220, 2_000))
          yield* Effect.sleep("600 millis")
          const before = yield* track.position
          yield* track.loop(1)
          yield* Effect.sleep("100 millis")
          const after = yield* track.position
          yield* track.awaitEnd
          return { before, after, end: yield* track.position }
        }))
      )
      assert.closeTo(result.after - result.before, 200, 100)
      assert.closeTo(result.end, 2_000, 50)
    }))

  it.effect("starts, ends and reports marks at positions of its source", () =>
    Effect.gen(function*() {
      for (const [seekable, speed] of [[true, 2], [false, 2], [true, 0.5]] as const) {
        const { result, sound } = yield* inSession((session) =>
          Effect.orDie(
            Effect.gen(function*() {
              const source = AudioSource.mapPcm(
                Hearing.pcm(Hearing.sine(440 / speed), 6_000, { seekable }),
                speed === 2 ? faster : slower,
                { speed }
              )
              const track = yield* session.play(source, { from: "1 second", until: "3 seconds", loop: 1 })
              const places = yield* Effect.forkScoped(Stream.runCollect(track.every("500 millis")))
              const isReached = yield* track.reached("2 seconds")
              const reachedMs = yield* track.position
              yield* track.awaitEnd
              return { isReached, reachedMs, places: yield* Fiber.join(places), endMs: yield* track.position }
            }).pipe(Effect.scoped)
          )
        )
        const pass = [1_000, 1_500, 2_000, 2_500, 3_000]
        assert.deepStrictEqual(result.places, [...pass, ...pass])
        assert.isTrue(result.isReached)
        assert.closeTo(result.reachedMs, 2_000, 100)
        assert.closeTo(result.endMs, 3_000, 1)
        assert.closeTo(sound.left.length / 48_000, 4 / speed, 0.2)
      }
    }))

  it.effect("crossfades with the next track for the given time as it is heard", () =>
    Effect.gen(function*() {
      for (const speed of [2, 0.5]) {
        const { sound } = yield* inSession((session) =>
          Effect.orDie(
            Effect.gen(function*() {
              const queue = yield* TrackQueue.make<OpusDecoder.OpusDecoder>(session, { crossfade: "1 second" })
              const first = Hearing.pcm(Hearing.sine(440 / speed), 3_000 * speed)
              yield* queue.add(AudioSource.mapPcm(first, speed === 2 ? faster : slower, { speed }))
              yield* queue.add(Hearing.pcm(Hearing.sine(1_000), 3_000))
              yield* queue.awaitIdle
            }).pipe(Effect.scoped)
          )
        )
        const power = (at: number) =>
          Math.hypot(Hearing.levelOf(sound.left, 440, at, 1_920), Hearing.levelOf(sound.left, 1_000, at, 1_920))
        assert.closeTo(Hearing.levelOf(sound.left, 440, 48 * 2_500, 1_920), 0.3 * Math.SQRT1_2, 0.05)
        for (let at = 48 * 1_500; at < 48 * 3_500; at += 960) assert.closeTo(power(at), 0.3, 0.03, `at ${at / 48} ms`)
        assert.closeTo(sound.left.length / 48_000, 5, 0.3)
      }
    }))
})
