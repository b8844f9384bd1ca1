import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as AudioSource from "../../src/audio/AudioSource.ts"
import * as Emulator from "../../src/emulator/Emulator.ts"
import * as Hearing from "../mixer/hearing.ts"
import { bufferedBytes } from "./memory.ts"
import * as Rig from "./rig.ts"

/** In KiB. */
const buffered = Effect.map(Effect.promise(bufferedBytes), (bytes) => bytes / 1_024)

describe("a track that has ended", () => {
  it.effect("keeps none of the data that it has read, even if the program keeps the track", () =>
    Rig.run(Effect.gen(function*() {
      const session = yield* Rig.join("lobby")
      const play = Effect.gen(function*() {
        const track = yield* session.play(AudioSource.fromFrames(Rig.frames(50, 1)))
        yield* track.awaitEnd
        return track
      })
      const first = yield* play
      const before = yield* buffered
      const tracks = yield* Effect.replicateEffect(play, 50)
      assert.isBelow((yield* buffered) - before, 200)
      for (const track of [first, ...tracks]) {
        assert.strictEqual(yield* track.position, 1_000)
        assert.isTrue(yield* track.reached("500 millis"))
        assert.isFalse(yield* track.reached("2 seconds"))
        assert.strictEqual((yield* track.metrics).sent, 50)
      }
    })).pipe(Effect.provide(Rig.memory())))

  it.effect("keeps nothing if it was paused next to other paused tracks", () =>
    Rig.run(Effect.gen(function*() {
      const session = yield* Rig.join("lobby")
      const tone = Hearing.pcm(Hearing.sine(440), 60_000)
      const other = yield* session.play(tone)
      const tracks = yield* Effect.replicateEffect(session.play(tone), 8)
      yield* Effect.sleep("500 millis")
      for (const track of [other, ...tracks]) yield* track.pause
      yield* Effect.sleep("500 millis")
      const before = yield* buffered
      for (const track of tracks) yield* track.stop
      yield* Effect.sleep("1 second")
      // a ring of samples takes 256 KiB
      assert.isAbove(before - (yield* buffered), 8 * 240)
    })).pipe(Effect.provide(Rig.memory())))

  it.effect("is not reported as ended again on each later connection", () =>
    Rig.run(Effect.gen(function*() {
      const { faults } = yield* Emulator.Emulator
      const session = yield* Rig.join("lobby")
      const events = yield* Rig.keep(yield* session.events)
      yield* (yield* session.play(Rig.source(10))).awaitEnd
      for (let i = 0; i < 3; i++) {
        yield* faults.moveServer("lobby")
        yield* Effect.sleep("5 seconds")
      }
      const again = yield* session.play(Rig.source(10))
      assert.deepStrictEqual(yield* again.awaitEnd, { _tag: "Finished" })
      yield* Effect.sleep("1 second")
      const tracks = events.map(({ _tag }) => _tag).filter((tag) => tag.startsWith("Track"))
      assert.deepStrictEqual(tracks, ["TrackStarted", "TrackDrained", "TrackStarted", "TrackDrained"])
    })).pipe(Effect.provide(Rig.memory())))
})
