import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as AudioSource from "../../src/audio/AudioSource.ts"
import * as Hearing from "../mixer/hearing.ts"
import * as Rig from "./rig.ts"

const frame = 960

describe("a track among others", () => {
  it.effect("continues without a gap when another one is stopped", () =>
    Effect.gen(function*() {
      const { sound, value } = yield* Rig.run(Effect.gen(function*() {
        const guest = yield* Rig.guest()
        const session = yield* Rig.join("lobby")
        const track = yield* session.play(Hearing.pcm(Hearing.music, 3_000))
        const other = yield* session.play(Hearing.pcm(Hearing.sine(3_000, 0.1), 3_000))
        yield* Effect.sleep("1 second")
        yield* other.stop
        const end = yield* track.awaitEnd
        yield* Effect.sleep("1 second")
        return { value: [end, yield* track.metrics], sound: yield* Hearing.decode(yield* guest.heard) }
      })).pipe(Effect.provide(Rig.memory()))
      assert.deepStrictEqual(value, [{ _tag: "Finished" }, { sent: 150, late: 0, missed: 0, concealed: 0 }])
      assert.deepStrictEqual(sound.gaps, [])
      assert.isAbove(Hearing.levelOf(sound.left, 3_000, 20 * frame, 20 * frame), 0.09)
      // what was mixed ahead is heard, and then only the track, in its place
      assert.isAbove(Hearing.ratio(sound.left, Hearing.music, 65 * frame, 80 * frame), 25)
    }))

  for (const [what, isOpus] of [["PCM", false], ["Opus that was passed through", true]] as const) {
    for (const afterMs of [0, 40, 160, 1_007]) {
      it.effect(`of ${what} reports what was heard of it when stopped ${afterMs} ms after others began`, () =>
        Effect.gen(function*() {
          const { sound, value } = yield* Rig.run(Effect.gen(function*() {
            const guest = yield* Rig.guest()
            const session = yield* Rig.join("lobby")
            const tone = Hearing.sine(3_000, 0.3)
            const track = yield* session.play(
              isOpus ? AudioSource.fromFrames(yield* Hearing.encode(tone, 4_000)) : Hearing.pcm(tone, 4_000)
            )
            yield* Effect.sleep("500 millis")
            yield* session.play(Hearing.pcm(Hearing.sine(440), 3_000))
            yield* Effect.sleep(afterMs)
            yield* track.stop
            yield* Effect.sleep("1 second")
            const value = [yield* track.position, yield* track.metrics] as const
            yield* Effect.sleep("4 seconds")
            return { value, sound: yield* Hearing.decode(yield* guest.heard) }
          })).pipe(Effect.provide(Rig.memory()))
          const [positionMs, metrics] = value
          const isHeard = (at: number) => Hearing.levelOf(sound.left, 3_000, at * frame, frame) > 0.02
          const heard = Array.from({ length: 150 }, (_, at) => at).filter(isHeard).length
          // an edge of a frame may be heard in another one
          assert.closeTo(positionMs, heard * 20, 20)
          assert.deepStrictEqual(metrics, { sent: positionMs / 20, late: 0, missed: 0, concealed: 0 })
        }))
    }
  }

  it.effect("crossfades with the next one even if both are passed through before and after", () =>
    Effect.gen(function*() {
      const { heard, sound, value } = yield* Rig.run(Effect.gen(function*() {
        const guest = yield* Rig.guest()
        const session = yield* Rig.join("lobby")
        const low = yield* Hearing.encode(Hearing.sine(440), 3_000)
        const high = yield* Hearing.encode(Hearing.sine(1_000), 4_000)
        const first = yield* session.play(AudioSource.fromFrames(low))
        yield* Effect.sleep("500 millis")
        const second = yield* session.play(AudioSource.fromFrames(high), { after: first, crossfade: "1 second" })
        const ends = [yield* first.awaitEnd, yield* second.awaitEnd]
        yield* Effect.sleep("1 second")
        const heard = yield* guest.heard
        return { value: { ends, low, high }, heard, sound: yield* Hearing.decode(heard) }
      })).pipe(Effect.provide(Rig.memory()))
      assert.deepStrictEqual(value.ends, [{ _tag: "Finished" }, { _tag: "Finished" }])
      assert.deepStrictEqual(sound.gaps, [])
      // 3 s and 4 s that have 1 s in common
      assert.closeTo(sound.left.length / 48 - 100, 6_000, 60)
      for (let at = 95; at < 155; at += 4) {
        const [low, high] = [440, 1_000].map((hz) => Hearing.levelOf(sound.left, hz, at * frame, frame * 2))
        assert.closeTo(Math.hypot(low ?? 0, high ?? 0), 0.3, 0.03, `frame ${at}`)
      }
      assert.isBelow(Hearing.levelOf(sound.left, 1_000, 90 * frame, frame * 2), 0.01)
      assert.isBelow(Hearing.levelOf(sound.left, 440, 160 * frame, frame * 2), 0.01)
      const packets = heard.map(({ payload }) => payload)
      assert.deepStrictEqual(packets.slice(0, 80), Rig.payloads(value.low.slice(0, 80)))
      const voiced = packets.slice(0, packets.findLastIndex((payload) => payload.length > 3) + 1)
      assert.deepStrictEqual(voiced.slice(-80), Rig.payloads(value.high.slice(-80)))
    }))

  it.effect("fails when its turn comes if it cannot be mixed, and says why", () =>
    Effect.gen(function*() {
      const { ends } = yield* Rig.run(Effect.gen(function*() {
        yield* Rig.guest()
        const session = yield* Rig.withoutCodec(Rig.join("lobby"))
        const opus = yield* session.play(AudioSource.fromFrames(yield* Hearing.encode(Hearing.music, 2_000)))
        const after = yield* session.play(Hearing.pcm(Hearing.music, 1_000), { after: opus })
        return { ends: [yield* opus.awaitEnd, yield* after.awaitEnd] as const }
      })).pipe(Effect.provide(Rig.memory()))
      const [first, second] = ends
      assert.strictEqual(first._tag, "Finished")
      assert(second._tag === "Failed")
      assert.strictEqual(second.error.reason._tag, "CodecUnavailable")
    }))

  it.effect("has its level from its first frame on, even if it is alone", () =>
    Effect.gen(function*() {
      const { sound } = yield* Rig.run(Effect.gen(function*() {
        const guest = yield* Rig.guest()
        const session = yield* Rig.join("lobby")
        const frames = yield* Hearing.encode(Hearing.sine(440), 1_000)
        const track = yield* session.play(AudioSource.fromFrames(frames), { gain: 0.25 })
        yield* track.awaitEnd
        yield* Effect.sleep("1 second")
        return { sound: yield* Hearing.decode(yield* guest.heard) }
      })).pipe(Effect.provide(Rig.memory()))
      assert.isAbove(Hearing.levelOf(sound.left, 440, 3 * frame, 5 * frame), 0.07)
      for (const value of sound.left.subarray(0, 20 * frame)) assert.isBelow(Math.abs(value), 0.1)
    }))
})
