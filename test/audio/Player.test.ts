import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Place from "../../src/audio/Place.ts"
import * as Track from "../../src/audio/Track.ts"
import * as FakeConnection from "./FakeConnection.ts"
import { play, sourceOf } from "./numbers.ts"

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
})
