import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as TrackQueue from "../../src/audio/TrackQueue.ts"
import * as Hearing from "../mixer/hearing.ts"
import * as Rig from "./rig.ts"

const tones = [440, 1_000, 1_700, 2_500]

/** How loud each of the tones is, in a queue of tracks of these lengths with a crossfade of one second. */
const crossed = (...lengths: ReadonlyArray<number>) =>
  Rig.run(Effect.gen(function*() {
    const guest = yield* Rig.guest()
    const queue = yield* TrackQueue.make(yield* Rig.join("lobby"), { crossfade: "1 second" })
    for (const [i, ms] of lengths.entries()) yield* queue.add(Hearing.pcm(Hearing.sine(tones[i] ?? 0), ms))
    yield* Effect.orDie(queue.awaitIdle)
    yield* Rig.blameless
    const { left } = yield* Hearing.decode(yield* guest.heard)
    const levels = (ms: number) => tones.map((hz) => Hearing.levelOf(left, hz, ms * 48, 1_920))
    return { levels, lengthMs: left.length / 48 }
  })).pipe(Effect.provide(Rig.memory()))

describe("an entry shorter than two crossfades", () => {
  for (const shortMs of [[700], [1_500], [300, 700]]) {
    it.effect(`crossfades with its neighbors for half of its length each: ${shortMs.join(", ")} ms`, () =>
      Effect.gen(function*() {
        const { lengthMs, levels } = yield* crossed(3_000, ...shortMs, 3_000)
        for (let ms = 1_500; ms < lengthMs - 500; ms += 20) {
          assert.closeTo(Math.hypot(...levels(ms)), 0.3, 0.04, `at ${ms} ms`)
        }
        for (const [i] of shortMs.entries()) {
          const loudest = Math.max(...Array.from({ length: 200 }, (_, at) => levels(1_500 + at * 20)[i + 1] ?? 0))
          assert.isAbove(loudest, 0.25, "each is heard")
        }
      }))
  }
})
