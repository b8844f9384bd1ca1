import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import * as Place from "../../../src/audio/player/Place.ts"
import * as Track from "../../../src/audio/Track.ts"
import * as Hearing from "../../mixer/hearing.ts"
import * as FakeConnection from "../FakeConnection.ts"
import { play, sourceOf } from "../numbers.ts"

describe("Player", () => {
  it.effect("keeps nothing of a track behind which another one plays", () =>
    Effect.gen(function*() {
      const fake = yield* FakeConnection.make
      const place = fake.place()
      const track = yield* Track.make(sourceOf(100), place)
      const next = fake.place({ after: place })
      const following = yield* Track.make(sourceOf(100), next)
      yield* play(fake, 10)
      assert.isDefined(Place.seatOf(next)?.after)
      yield* track.stop
      yield* play(fake, 10)
      assert.isAbove(yield* following.position, 0)
      assert.isUndefined(Place.seatOf(next)?.after)
    }))

  it.effect("lets the shortest of samples wait as long as anything else for its turn", () =>
    Effect.gen(function*() {
      const fake = yield* FakeConnection.make
      const place = fake.place()
      yield* Track.make(sourceOf(1_000), place)
      const click = Hearing.pcm(Hearing.sine(1_000), 10)
      const waiting = yield* Track.make(click, fake.place({ after: place }), { starveTimeout: "5 seconds" })
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(yield* waiting.state, { _tag: "Buffering" })
    }))
})
