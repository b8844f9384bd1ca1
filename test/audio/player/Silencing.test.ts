import { assert, describe, it } from "@effect/vitest"
import { Effect, Scope } from "effect"
import type * as Desk from "../../../src/audio/player/Desk.ts"
import * as OnAir from "../../../src/audio/player/OnAir.ts"
import * as Silencing from "../../../src/audio/player/Silencing.ts"
import * as FrameRing from "../../../src/ring/FrameRing.ts"
import { entryOf } from "../seats.ts"

const make = () => {
  const detached: Array<number> = []
  const air = OnAir.make()
  const silencing = Silencing.make({
    attach: () => Effect.succeed(1),
    detach: (number) => Effect.sync(() => detached.push(number))
  }, air)
  const direct = (number: number) => {
    const entry = entryOf({ place: "direct" })
    air.entries.add(entry)
    return air.lane = { _tag: "direct", entry, number, next: undefined }
  }
  return { air, detached, direct, silencing }
}

describe("Silencing", () => {
  it.effect("makes the driver read nothing at once, and removes the silenced tracks when it is cleared", () =>
    Effect.gen(function*() {
      const { air, detached, direct, silencing } = make()
      const { entry } = direct(7)
      const waiting = entryOf({ place: "waiting" })
      air.entries.add(waiting)
      yield* silencing.all
      assert.deepStrictEqual(detached, [7])
      assert.strictEqual(silencing.times(), 1)
      assert.strictEqual(entry.place, "direct")
      const later = entryOf()
      air.entries.add(later)
      yield* silencing.clear
      assert.deepStrictEqual([entry.place, waiting.place, later.place], ["out", "out", "ready"])
      assert.deepStrictEqual(OnAir.live(air), [later])
      assert.strictEqual(air.lane._tag, "nothing")
    }))

  it.effect("silences the rest of a mix whose tracks have ended, and closes it", () =>
    Effect.gen(function*() {
      const { air, detached, silencing } = make()
      const scope = yield* Scope.make()
      let isClosed = false
      yield* Scope.addFinalizer(scope, Effect.sync(() => void (isClosed = true)))
      // nothing is asked of it
      const desk = {} as Desk.Desk
      air.lane = { _tag: "mix", desk, scope, number: 3, from: undefined, after: undefined, successor: undefined }
      yield* silencing.all
      yield* silencing.clear
      assert.deepStrictEqual(detached, [3, 3])
      assert.isTrue(isClosed)
      assert.strictEqual(air.lane._tag, "nothing")
    }))

  it.effect("silences a single track, and does nothing if nothing was silenced", () =>
    Effect.gen(function*() {
      const { air, detached, direct, silencing } = make()
      const passed = direct(4)
      const waiting = entryOf({ place: "waiting" })
      air.entries.add(waiting)
      yield* silencing.clear
      assert.strictEqual(air.lane, passed)
      yield* silencing.passed(passed)
      assert.deepStrictEqual(detached, [4])
      yield* silencing.clear
      assert.deepStrictEqual(Array.from(air.entries), [waiting])
    }))

  it.effect("removes everything that was silenced, and does not affect what comes after that", () =>
    Effect.gen(function*() {
      const { air, direct, silencing } = make()
      const passed = direct(4)
      const waiting = entryOf({ place: "waiting" })
      air.entries.add(waiting)
      yield* silencing.all
      yield* silencing.passed(passed)
      assert.strictEqual(silencing.times(), 2)
      yield* silencing.clear
      assert.deepStrictEqual([passed.entry.place, waiting.place], ["out", "out"])
      for (const silence of [silencing.all, silencing.passed(passed)]) {
        yield* silence
        yield* silencing.clear
        const next = direct(5)
        yield* silencing.clear
        assert.strictEqual(air.lane, next)
        air.entries.clear()
      }
    }))

  it.effect("still counts what the driver takes of a silenced track, unless that was removed before", () =>
    Effect.gen(function*() {
      const { air, direct, silencing } = make()
      const { entry } = direct(4)
      const gone = entryOf({ place: "mix" })
      air.entries.add(gone)
      assert(entry.media.format === "opus")
      const driver = FrameRing.fromBuffer(entry.media.ring.buffer)
      driver.open()
      yield* silencing.all
      air.entries.delete(gone)
      yield* silencing.clear
      driver.discard()
      assert.strictEqual(OnAir.heardMs(air, entry), 20)
      assert.strictEqual(entry.seat.sent, 1)
      assert.deepStrictEqual([gone.place, gone.settle], ["mix", undefined])
    }))
})
