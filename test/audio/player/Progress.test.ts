import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect } from "effect"
import { TestClock } from "effect/testing"
import type * as Lane from "../../../src/audio/player/Lane.ts"
import * as OnAir from "../../../src/audio/player/OnAir.ts"
import { Progress } from "../../../src/audio/player/Progress.ts"
import type * as Seat from "../../../src/audio/player/Seat.ts"
import * as Heard from "../../../src/mixer/Heard.ts"
import { entryOf, seatOf } from "../seats.ts"
import { mixOf } from "./mixes.ts"

/** The events that its track is told. */
const told = (entry: Seat.Entry): Array<string> => {
  const tags: Array<string> = []
  entry.seat.observers.add({ onEvent: ({ _tag }) => void tags.push(_tag), onOver: () => {} })
  return tags
}

const airing = Effect.fnUntraced(function*(lane: Lane.Lane, ...entries: ReadonlyArray<Seat.Entry>) {
  const air = OnAir.make()
  air.lane = lane
  for (const entry of entries) air.entries.add(entry)
  return { air, progress: new Progress(air, yield* Clock.Clock) }
})

describe("the driver's progress", () => {
  it.effect("is told to the track that is passed through, and to no other one", () =>
    Effect.gen(function*() {
      const entry = entryOf({ place: "direct" })
      const tags = told(entry)
      const { progress } = yield* airing({ _tag: "direct", entry, number: 1, next: undefined }, entry)
      progress.onEvent({ _tag: "TrackStarted", track: 2 })
      progress.onEvent({ _tag: "Speaking" })
      assert.deepStrictEqual(tags, [])
      progress.onEvent({ _tag: "TrackStarted", track: 1 })
      progress.onEvent({ _tag: "TrackStarving", track: 1 })
      yield* TestClock.adjust(100)
      progress.onEvent({ _tag: "TrackRecovered", track: 1 })
      assert.deepStrictEqual(tags, ["TrackStarted", "TrackStarving", "TrackRecovered"])
      assert.strictEqual(entry.seat.late, 5)
    }))

  it.effect("ends a passed-through track, and puts its prepared follower on the air", () =>
    Effect.gen(function*() {
      const entry = entryOf({ place: "direct" })
      const next = entryOf({ place: "waiting", seat: seatOf({ after: entry.seat }) })
      const lane: Lane.Direct = { _tag: "direct", entry, number: 1, next: { entry: next, number: 2 } }
      const tags = told(entry)
      const { air, progress } = yield* airing(lane, entry, next)
      assert.strictEqual(progress.onEvent({ _tag: "TrackDrained", track: 1 }), lane)
      assert.deepStrictEqual(air.lane, { _tag: "direct", entry: next, number: 2, next: undefined })
      assert.deepStrictEqual([entry.place, next.place, entry.seat.isFollowed], ["out", "direct", true])
      assert.deepStrictEqual([...air.entries], [next])
      assert.deepStrictEqual(tags, ["TrackDrained"])
      assert.isDefined(progress.onEvent({ _tag: "TrackDrained", track: 2 }))
      assert.strictEqual(air.lane._tag, "nothing")
      assert.isUndefined(progress.onEvent({ _tag: "TrackDrained", track: 2 }))
    }))

  it.effect("hands a passed-through track to the mix once that has taken over", () =>
    Effect.gen(function*() {
      const [entry, other] = [entryOf({ place: "direct" }), entryOf()]
      const { commands, mix } = yield* mixOf([entry, other], { from: { entry, number: 1 }, number: 2 })
      const { progress } = yield* airing(mix, entry, other)
      if (entry.media.format === "opus") { for (let i = 0; i < 4; i++) entry.media.ring.discard() }
      assert.isUndefined(progress.onEvent({ _tag: "TrackStarted", track: 2 }))
      assert.strictEqual(entry.seat.sent, 4)
      assert.isUndefined(mix.from)
      assert.deepStrictEqual(commands, [{ _tag: "Own", input: 1 }])
    }))

  it.effect("tells what was heard of a mix, whenever it is looked at", () =>
    Effect.gen(function*() {
      const [one, other] = [entryOf(), entryOf()]
      const tags = [told(one), told(other)]
      const { mix, ring, writer } = yield* mixOf([one, other])
      const { air, progress } = yield* airing(mix, one, other)
      writer.begin(0)
      writer.write(0, one.slot, one.input, 20, Heard.Flag.Playing)
      writer.write(0, other.slot, other.input, 20, Heard.Flag.Playing | Heard.Flag.Over)
      ring.write(Uint8Array.of(0), 960)
      progress.look()
      assert.deepStrictEqual(tags, [[], []], "made, and not heard")
      ring.discard()
      progress.look()
      assert.deepStrictEqual(tags, [["TrackStarted"], ["TrackStarted"]], "its time is not over")
      writer.begin(1)
      ring.write(Uint8Array.of(0), 960)
      ring.discard()
      progress.look()
      assert.deepStrictEqual(tags, [["TrackStarted"], ["TrackStarted", "TrackDrained"]])
      assert.deepStrictEqual([...air.entries], [one])
    }))

  it.effect("lets the last input of a mix go on alone when that ends, and makes late ones ready again", () =>
    Effect.gen(function*() {
      const [last, late] = [entryOf(), entryOf()]
      const { mix, writer } = yield* mixOf([last, late])
      if (last.media.format === "opus") { for (let i = 0; i < 4; i++) last.media.ring.discard() }
      mix.successor = { entry: last, number: 7 }
      const { air, progress } = yield* airing(mix, last, late)
      writer.end(last.input)
      assert.strictEqual(progress.onEvent({ _tag: "TrackDrained", track: 1 }), mix)
      assert.deepStrictEqual(air.lane, { _tag: "direct", entry: last, number: 7, next: undefined })
      assert.deepStrictEqual([last.place, late.place], ["direct", "ready"])
      assert.strictEqual(last.counted, 4, "those the mix has counted")
    }))

  it.effect("is told of a mix at every event of the driver, up to the mix's last frame", () =>
    Effect.gen(function*() {
      const [one, other] = [entryOf(), entryOf()]
      const tags = [told(one), told(other)]
      const { mix, ring, writer } = yield* mixOf([one, other])
      const { air, progress } = yield* airing(mix, one, other)
      writer.begin(0)
      writer.write(0, one.slot, one.input, 20, Heard.Flag.Playing | Heard.Flag.Over)
      writer.write(0, other.slot, other.input, 20, Heard.Flag.Playing)
      ring.write(Uint8Array.of(0), 960)
      ring.discard()
      progress.onEvent({ _tag: "TrackStarted", track: 1 })
      assert.deepStrictEqual(tags, [["TrackStarted"], ["TrackStarted"]])
      // nothing comes after it
      writer.setIdle(true)
      progress.onEvent({ _tag: "TrackStarving", track: 1 })
      assert.deepStrictEqual(tags, [["TrackStarted", "TrackDrained"], ["TrackStarted", "TrackStarving"]])
      writer.begin(1)
      writer.write(1, other.slot, other.input, 40, Heard.Flag.Playing | Heard.Flag.Over)
      ring.write(Uint8Array.of(0), 960)
      ring.discard()
      progress.onEvent({ _tag: "TrackDrained", track: 1 })
      assert.deepStrictEqual(tags[1], ["TrackStarted", "TrackStarving", "TrackRecovered", "TrackDrained"])
      assert.deepStrictEqual([air.entries.size, air.lane._tag], [0, "nothing"])
    }))

  it.effect("does not hand a passed-through track to the mix while the driver still takes from it", () =>
    Effect.gen(function*() {
      const [entry, other] = [entryOf({ place: "direct" }), entryOf()]
      const { commands, mix } = yield* mixOf([entry, other], { from: { entry, number: 1 }, number: 2 })
      const { progress } = yield* airing(mix, entry, other)
      entry.settle = () => false
      progress.onEvent({ _tag: "TrackStarted", track: 2 })
      assert.deepStrictEqual(commands, [])
    }))
})
