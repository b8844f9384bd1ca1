import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type * as AudioSource from "../../src/audio/AudioSource.ts"
import type * as Track from "../../src/audio/Track.ts"
import * as TrackQueue from "../../src/audio/TrackQueue.ts"
import type * as VoiceError from "../../src/VoiceError.ts"
import * as Hearing from "../mixer/hearing.ts"
import * as Rig from "./rig.ts"

const [firstHz, nextHz] = [440, 1_000]

/**
 * Plays a queue whose first entry (5 seconds) crossfades with the next one (3 seconds) from 4 seconds on, and returns
 * the levels of both.
 */
const crossing = (
  during: (at: {
    readonly queue: TrackQueue.TrackQueue
    readonly first: Track.Track
    readonly next: number
  }) => Effect.Effect<unknown, VoiceError.VoiceError>
) =>
  Rig.run(Effect.gen(function*() {
    const guest = yield* Rig.guest()
    const queue = yield* TrackQueue.make(yield* Rig.join("lobby"), { crossfade: "1 second" })
    const tone = (hz: number, ms: number): AudioSource.AudioSource => Hearing.pcm(Hearing.sine(hz), ms)
    yield* queue.add(tone(firstHz, 5_000))
    const { id } = yield* queue.add(tone(nextHz, 3_000))
    const first = yield* queue.current
    assert(first !== undefined)
    yield* Effect.orDie(during({ queue, first, next: id }))
    yield* Effect.orDie(queue.awaitIdle)
    yield* Rig.blameless
    const { gaps, left } = yield* Hearing.decode(yield* guest.heard)
    const levels = (ms: number): ReadonlyArray<number> =>
      [firstHz, nextHz].map((hz) => Hearing.levelOf(left, hz, ms * 48, 1_920))
    return { levels, lengthMs: left.length / 48, gaps }
  })).pipe(Effect.provide(Rig.memory()))

const near = (levels: ReadonlyArray<number>, expected: ReadonlyArray<number>) =>
  levels.forEach((level, i) => assert.closeTo(level, expected[i] ?? NaN, 0.03))

describe("two crossfading tracks", () => {
  it.effect("pause together and resume where they were", () =>
    Effect.gen(function*() {
      const { gaps, levels } = yield* crossing(({ first }) =>
        Effect.gen(function*() {
          yield* Effect.sleep("4400 millis")
          yield* first.pause
          yield* Effect.sleep("2 seconds")
          yield* first.resume
        })
      )
      const missingMs = gaps.reduce((sum, { samples }) => sum + samples / 48, 0)
      assert.isAbove(missingMs, 1_500)
      // audio that was mixed ahead was still heard
      near(levels(5_500), [0, 0])
      near(levels(6_600), [0.3 * Math.cos(0.75 * Math.PI / 2), 0.3 * Math.sin(0.75 * Math.PI / 2)])
      near(levels(7_500), [0, 0.3])
      near(levels(8_800), [0, 0.3])
    }))

  it.effect("no longer wait when the paused first one is skipped", () =>
    Effect.gen(function*() {
      const { levels } = yield* crossing(({ first, queue }) =>
        Effect.gen(function*() {
          yield* Effect.sleep("4400 millis")
          yield* first.pause
          yield* Effect.sleep("1 second")
          yield* queue.skip
        })
      )
      near(levels(5_000), [0, 0])
      near(levels(6_000), [0, 0.3])
    }))

  it.effect("do not start to crossfade while the first is paused, even if it is sought into the crossfade", () =>
    Effect.gen(function*() {
      const { levels } = yield* crossing(({ first }) =>
        Effect.gen(function*() {
          yield* Effect.sleep("1 second")
          yield* first.pause
          yield* first.seek("4500 millis")
          yield* Effect.sleep("2 seconds")
          yield* first.resume
        })
      )
      near(levels(2_500), [0, 0])
      near(levels(4_500), [0, 0.3])
      near(levels(5_800), [0, 0.3])
    }))

  it.effect("stop crossfading when the first is sought: the first ends, and only the next is heard", () =>
    Effect.gen(function*() {
      const { lengthMs, levels } = yield* crossing(({ first, queue }) =>
        Effect.gen(function*() {
          yield* Effect.sleep("4400 millis")
          yield* first.seek(0)
          yield* Effect.sleep("300 millis")
          assert.notStrictEqual(yield* queue.current, first)
        })
      )
      near(levels(5_500), [0, 0.3])
      assert.closeTo(lengthMs, 7_100, 150)
    }))

  it.effect("stop crossfading when the next is removed, and the first can be sought again", () =>
    Effect.gen(function*() {
      const { lengthMs, levels } = yield* crossing(({ first, next, queue }) =>
        Effect.gen(function*() {
          yield* Effect.sleep("4400 millis")
          yield* queue.remove(next)
          yield* first.seek(0)
        })
      )
      for (const ms of [5_000, 7_000, 9_000]) near(levels(ms), [0.3, 0])
      assert.closeTo(lengthMs, 9_600, 150)
    }))
})
