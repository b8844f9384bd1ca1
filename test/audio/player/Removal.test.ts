import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as OnAir from "../../../src/audio/player/OnAir.ts"
import * as Removal from "../../../src/audio/player/Removal.ts"
import type * as Seat from "../../../src/audio/player/Seat.ts"
import * as Heard from "../../../src/mixer/Heard.ts"
import * as FrameRing from "../../../src/ring/FrameRing.ts"
import { entryOf, seatOf } from "../seats.ts"
import { mixOf, outletOf } from "./mixes.ts"

const airOf = (...entries: ReadonlyArray<Seat.Entry>) => {
  const air = OnAir.make()
  for (const entry of entries) air.entries.add(entry)
  return air
}

/** A track that is passed through, and one that is to follow it without a gap. */
const passing = () => {
  const entry = entryOf({ place: "direct" })
  const next = entryOf({ place: "waiting", seat: seatOf({ after: entry.seat }) })
  const air = airOf(entry, next)
  air.lane = { _tag: "direct", entry, number: 1, next: { entry: next, number: 2 } }
  return { air, entry, next, ...outletOf() }
}

/** Two tracks in a mix. */
const mixed = Effect.fnUntraced(function*(second: Partial<Seat.Entry> = {}) {
  const [one, other] = [entryOf(), entryOf(second)]
  const air = airOf(one, other)
  const made = yield* mixOf([one, other])
  air.lane = made.mix
  return { air, one, other, ...made, ...outletOf() }
})

describe("a track that is removed", () => {
  it.effect("takes its follower out of the driver, but not off the air", () =>
    Effect.gen(function*() {
      const { air, entry, log, next, outlet } = passing()
      yield* Removal.remove(outlet, air, entry)
      assert.deepStrictEqual(log, [["detach", 2], ["detach", 1]])
      assert.deepStrictEqual([air.lane._tag, entry.place, next.place], ["nothing", "out", "waiting"])
      assert.deepStrictEqual([...air.entries], [next])
    }))

  it.effect("does not affect the track that plays if it only waits", () =>
    Effect.gen(function*() {
      const { air, log, next, outlet } = passing()
      yield* Removal.remove(outlet, air, next)
      assert.deepStrictEqual(log, [["detach", 2]])
      assert.deepInclude(air.lane, { _tag: "direct", number: 1, next: undefined })
    }))

  it.effect("does not affect what the driver reads if it is not part of that", () =>
    Effect.gen(function*() {
      const { air, log, outlet } = passing()
      const other = entryOf({ place: "waiting" })
      air.entries.add(other)
      yield* Removal.remove(outlet, air, other)
      assert.deepStrictEqual([log, air.lane._tag, air.entries.has(other)], [[], "direct", false])

      const waiting = entryOf({ place: "waiting" })
      const inMix = yield* mixed()
      inMix.air.entries.add(waiting)
      yield* Removal.remove(inMix.outlet, inMix.air, waiting)
      assert.deepStrictEqual([inMix.commands, inMix.log, inMix.air.lane], [[], [], inMix.mix])
    }))

  it.effect("is still counted for what the driver takes of it", () =>
    Effect.gen(function*() {
      const { air, entry, outlet } = passing()
      assert(entry.media.format === "opus")
      const driver = FrameRing.fromBuffer(entry.media.ring.buffer)
      driver.open()
      yield* Removal.remove(outlet, air, entry)
      driver.discard()
      assert.strictEqual(OnAir.heardMs(air, entry), 20)

      for (const last of [false, true]) {
        const { air, one, other, outlet, ring, writer } = yield* mixed()
        const taking = FrameRing.fromBuffer(ring.buffer)
        taking.open()
        if (last) yield* Removal.remove(outlet, air, other)
        yield* Removal.remove(outlet, air, one)
        writer.begin(0)
        writer.write(0, one.slot, one.input, 20, Heard.Flag.Playing)
        ring.write(Uint8Array.of(0), 960)
        taking.discard()
        assert.deepStrictEqual([OnAir.heardMs(air, one), one.seat.sent], [20, 1])
      }
    }))

  it.effect("makes room for another entry of its track without a detach, also in place of its follower", () =>
    Effect.gen(function*() {
      const { air, entry, log, next, outlet } = passing()
      yield* Removal.makeRoom(outlet, air, entry)
      assert.deepStrictEqual([log, air.lane._tag, next.place], [[], "nothing", "waiting"])
      assert.deepStrictEqual([entry.place, [...air.entries]], ["out", [next]])
    }))

  it.effect("closes a mix if it is the last one in it, or the one that goes on alone", () =>
    Effect.gen(function*() {
      const last = yield* mixed()
      yield* Removal.remove(last.outlet, last.air, last.one)
      assert.deepStrictEqual(last.commands, [{ _tag: "Remove", input: 1 }])
      assert.strictEqual(last.state.open, 1)
      yield* Removal.remove(last.outlet, last.air, last.other)
      assert.deepStrictEqual([last.state.open, last.air.lane._tag], [0, "nothing"])

      const handed = yield* mixed()
      handed.mix.successor = { entry: handed.one, number: 7 }
      yield* Removal.remove(handed.outlet, handed.air, handed.one)
      assert.deepStrictEqual([handed.state.open, handed.air.lane._tag], [0, "nothing"])
    }))

  it.effect("is kept in a mix, unheard, for a track that waits there for its end", () =>
    Effect.gen(function*() {
      const seat = seatOf()
      const one = entryOf({ seat })
      const other = entryOf({ seat: seatOf({ after: seat }) })
      const air = airOf(one, other)
      const { commands, mix } = yield* mixOf([one, other])
      air.lane = mix
      yield* Removal.remove(outletOf().outlet, air, one)
      assert.deepStrictEqual(commands.splice(0), [{ _tag: "Pause", input: 1, paused: true }])
      seat.isOver = true
      mix.desk.dismiss(seat)
      assert.deepStrictEqual(commands, [{ _tag: "Remove", input: 1 }])

      // a waiting track begins where the one before it has ended
      const over = seatOf({ isOver: true })
      const [ended, waiting] = [entryOf({ seat: over }), entryOf({ seat: seatOf({ after: over }) })]
      const another = yield* mixOf([ended, waiting])
      const airing = airOf(ended, waiting)
      airing.lane = another.mix
      yield* Removal.remove(outletOf().outlet, airing, ended)
      assert.deepStrictEqual(another.commands, [{ _tag: "Remove", input: 1 }])
    }))

  it.effect("goes on in a mix until another entry of its track is there, unless that may have to wait", () =>
    Effect.gen(function*() {
      const going = yield* mixed()
      yield* Removal.makeRoom(going.outlet, going.air, going.one)
      assert.deepStrictEqual([going.commands, going.one.place], [[], "out"])
      const waiting = yield* mixed({ seat: seatOf({ after: seatOf() }) })
      yield* Removal.makeRoom(waiting.outlet, waiting.air, waiting.other)
      assert.deepStrictEqual(waiting.commands, [{ _tag: "Pause", input: 2, paused: true }])
    }))

  it.effect("does not go on in a mix that has ended or handed it over", () =>
    Effect.gen(function*() {
      const ended = yield* mixed()
      ended.writer.end(0)
      yield* Removal.makeRoom(ended.outlet, ended.air, ended.one)
      assert.deepStrictEqual(ended.commands, [{ _tag: "Remove", input: 1 }])
      const handed = yield* mixed()
      handed.mix.successor = { entry: handed.one, number: 7 }
      yield* Removal.makeRoom(handed.outlet, handed.air, handed.one)
      assert.deepStrictEqual([handed.state.open, handed.air.lane._tag], [0, "nothing"])
    }))

  it.effect("is cut out of what was mixed ahead, unless nothing else is left or it goes on alone", () =>
    Effect.gen(function*() {
      const cutting = Effect.fnUntraced(function*(
        isCut: (entry: Seat.Entry, one: Seat.Entry) => boolean,
        isSuccessor = false
      ) {
        const { air, log, mix, one, outlet } = yield* mixed()
        if (isSuccessor) mix.successor = { entry: one, number: 7 }
        yield* Removal.cutMix(outlet, air, (entry) => isCut(entry, one))
        return [log.length, one.place, air.entries.size]
      })
      assert.deepStrictEqual(yield* cutting((entry, one) => entry === one), [1, "out", 1])
      assert.deepStrictEqual(yield* cutting(() => true), [0, "mix", 2])
      assert.deepStrictEqual(yield* cutting(() => false), [0, "mix", 2])
      assert.deepStrictEqual(yield* cutting((entry, one) => entry === one, true), [0, "mix", 2])

      const { air, log, one, other, outlet } = yield* mixed()
      // not in the mix yet, or not heard before the others are gone
      const [ready, waiting] = [entryOf({ place: "ready" }), entryOf({ place: "waiting" })]
      air.entries.add(ready).add(waiting)
      yield* Removal.cutMix(outlet, air, (entry) => entry === ready)
      yield* Removal.cutMix(outlet, air, (entry) => entry !== waiting)
      assert.deepStrictEqual([log, one.place, other.place, ready.place], [[], "mix", "mix", "ready"])
    }))
})
