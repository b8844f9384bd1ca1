import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import * as TrackQueue from "../../../src/audio/TrackQueue.ts"
import { shown, source } from "../FakePlayer.ts"
import * as Deck from "./deck.ts"

/** A queue that has gone on from x to a. The crossfade to b has begun, so both are heard. */
const crossing = Effect.gen(function*() {
  const deck = yield* Deck.make(() => ({ lengthMs: 60_000, opensMs: 0 }))
  const queue = yield* TrackQueue.make(deck.player, { crossfade: "2 seconds" })
  const ids: Array<number> = []
  for (const name of ["x", "a", "b", "c"]) ids.push((yield* queue.add(source(name))).id)
  yield* queue.skip
  const track = (yield* queue.current) ?? assert.fail("nothing plays")
  yield* track.seek(59_000)
  yield* TestClock.adjust(200)
  assert.strictEqual(yield* shown(queue), "x|a|bc")
  assert.strictEqual(deck.open(), 2)
  return { deck, queue, b: ids[2] ?? 0 }
})

describe("a queue during a crossfade", () => {
  it.effect("goes on with the track that fades in, whatever is inserted before it meanwhile", () =>
    Effect.gen(function*() {
      for (const isSkipped of [false, true]) {
        const { deck, queue } = yield* crossing
        yield* queue.add(source("y"), { at: 0 })
        yield* TestClock.adjust(100)
        assert.strictEqual(deck.open(), 2)
        if (isSkipped) yield* queue.skip
        else yield* TestClock.adjust("2 seconds")
        assert.strictEqual(yield* shown(queue), "xa|b|yc")
        const track = (yield* queue.current) ?? assert.fail("nothing plays")
        assert.isAbove(yield* track.position, 200)
      }
    }))

  it.effect("silences both tracks when it is stopped", () =>
    Effect.gen(function*() {
      const { deck, queue } = yield* crossing
      yield* queue.stop
      assert.strictEqual(deck.open(), 0)
      assert.strictEqual(yield* shown(queue), "x|-|")
      yield* queue.awaitIdle
    }))

  it.effect("goes back to the track before both", () =>
    Effect.gen(function*() {
      const { deck, queue } = yield* crossing
      assert.strictEqual((yield* queue.back)?.name, "x")
      assert.strictEqual(yield* shown(queue), "|x|abc")
      assert.strictEqual(deck.open(), 1)
    }))

  it.effect("silences the track that fades in if it is removed", () =>
    Effect.gen(function*() {
      const { b, deck, queue } = yield* crossing
      assert.isTrue(yield* queue.remove(b))
      yield* TestClock.adjust(100)
      assert.strictEqual(yield* shown(queue), "x|a|c")
      yield* TestClock.adjust("3 seconds")
      assert.strictEqual(yield* shown(queue), "xa|c|")
      assert.strictEqual(deck.open(), 1)
    }))
})
