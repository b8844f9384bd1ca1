import { assert, describe, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import * as TrackBroadcast from "../../../src/audio/track/TrackBroadcast.ts"

describe("TrackBroadcast", () => {
  it.effect("reports the state and all events, up to and including the end", () =>
    Effect.gen(function*() {
      const broadcast = TrackBroadcast.make({ _tag: "Buffering" })
      broadcast.tell({ _tag: "Started" })
      broadcast.become({ _tag: "Playing" })
      assert.isFalse(broadcast.isOver())
      broadcast.end({ _tag: "Stopped" })
      assert.isTrue(broadcast.isOver())
      const ended = { _tag: "Ended", end: { _tag: "Stopped" } } as const
      assert.deepStrictEqual(broadcast.state(), ended)
      // a late subscriber receives the end, and does not wait
      assert.deepStrictEqual(yield* Stream.runCollect(broadcast.changes), [ended])
      assert.deepStrictEqual(yield* Stream.runCollect(broadcast.events), [{ _tag: "Started" }, ended])
    }))

  it.effect("keeps the last 64 events for late subscribers", () =>
    Effect.gen(function*() {
      const broadcast = TrackBroadcast.make({ _tag: "Playing" })
      for (let i = 0; i < 100; i++) broadcast.tell({ _tag: "Recovered", positionMs: i })
      broadcast.end({ _tag: "Stopped" })
      const events = yield* Stream.runCollect(broadcast.events)
      assert.lengthOf(events, 64)
      assert.deepStrictEqual(events[0], { _tag: "Recovered", positionMs: 37 })
    }))
})
