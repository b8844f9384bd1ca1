import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Lane from "../../../src/audio/player/Lane.ts"
import * as Seat from "../../../src/audio/player/Seat.ts"
import * as Heard from "../../../src/mixer/Heard.ts"
import * as FrameRing from "../../../src/ring/FrameRing.ts"
import { entryOf } from "../seats.ts"
import { mixOf, outletOf } from "./mixes.ts"

const { Over, Paused, Playing, Starving } = Heard.Flag

describe("Lane", () => {
  it.effect("detaches waiting followers first, so that they do not begin instead", () =>
    Effect.gen(function*() {
      const { log, outlet } = outletOf()
      const follower = (number: number) => ({ entry: entryOf(), number })
      yield* Lane.detach(outlet, { _tag: "nothing" })
      yield* Lane.detach(outlet, { _tag: "direct", ...follower(1), next: follower(2) })
      const { mix } = yield* mixOf([], { from: follower(3), number: 4, successor: follower(5) })
      yield* Lane.detach(outlet, mix)
      assert.deepStrictEqual(log, [2, 1, 5, 4, 3].map((number) => ["detach", number]))
    }))

  it.effect("closes a mix that is permanently detached", () =>
    Effect.gen(function*() {
      const { log, outlet } = outletOf()
      const { mix, state } = yield* mixOf([])
      assert.strictEqual(state.open, 1)
      yield* Lane.close(outlet, mix)
      assert.deepStrictEqual([state.open, log], [0, [["detach", 1]]])
    }))

  it.effect("continues a mix after the frames that are cut, or at once if the cut track had not handed over yet", () =>
    Effect.gen(function*() {
      const [passed, cut] = [entryOf(), entryOf()]
      const { log, outlet } = outletOf()
      const waiting = yield* mixOf([passed, cut], { from: { entry: passed, number: 9 }, after: 5 })
      yield* Lane.cut(outlet, waiting.mix, [cut])
      assert.strictEqual(waiting.mix.from?.entry, passed)
      yield* Lane.cut(outlet, waiting.mix, [passed])
      assert.isUndefined(waiting.mix.from)

      const begun = yield* mixOf([entryOf(), cut], { successor: { entry: passed, number: 8 } })
      begun.ring.write(Uint8Array.of(0), 960)
      begun.ring.discard()
      yield* Lane.cut(outlet, begun.mix, [cut])
      assert.isUndefined(begun.mix.successor, "it is handed over anew")
      assert.deepStrictEqual(log, [["attach", { after: 5 }], ["attach", {}], ["attach", { after: 3 }]])
      assert.strictEqual(begun.mix.number, 103)
    }))

  it.effect("continues where the mix is, even if its takeover has not been noticed yet", () =>
    Effect.gen(function*() {
      const [passed, cut] = [entryOf(), entryOf()]
      const { log, outlet } = outletOf()
      const { mix, ring } = yield* mixOf([passed, cut], { from: { entry: passed, number: 9 }, after: 5 })
      ring.write(Uint8Array.of(0), 960)
      ring.discard()
      yield* Lane.cut(outlet, mix, [cut])
      assert.deepStrictEqual(log, [["attach", { after: 3 }]])
    }))

  for (const way of ["leaving", "fading", "cut"] as const) {
    it.effect(`counts what is still passed through of a track removed before its mix takes over (${way})`, () =>
      Effect.gen(function*() {
        const [entry, other] = [entryOf(), entryOf()]
        const { mix, ring, writer } = yield* mixOf([entry, other], { from: { entry, number: 9 }, after: 5 })
        assert(entry.media.format === "opus")
        const [passed, mixed] = [entry.media.ring, ring].map(({ buffer }) => FrameRing.fromBuffer(buffer))
        assert(passed !== undefined && mixed !== undefined)
        passed.open()
        mixed.open()
        if (way === "leaving") Lane.leaving(mix, entry, "mix")
        else if (way === "fading") Lane.fading(mix, entry)
        else yield* Lane.cut(outletOf().outlet, mix, [entry])
        for (let i = 0; i < 2; i++) passed.discard()
        assert.isFalse(Seat.isSettled(entry))
        assert.deepStrictEqual([entry.heardMs, entry.seat.sent], [40, 2])
        // after that, it was mixed
        writer.begin(0)
        writer.write(0, entry.slot, entry.input, 60, Playing | Over)
        ring.write(Uint8Array.of(0), 960)
        mixed.discard()
        assert.isFalse(Seat.isSettled(entry), "it may be passed through still")
        assert.deepStrictEqual([entry.heardMs, entry.seat.sent], [60, 3])
        assert.isFalse(Seat.isSettled(entry))
        assert.strictEqual(entry.heardMs, 60)
        passed.close()
        mixed.close()
        assert.isTrue(Seat.isSettled(entry))
      }))

    it.effect(`waits for the end of its mix, even if nothing is passed through any more (${way})`, () =>
      Effect.gen(function*() {
        const [entry, other] = [entryOf(), entryOf()]
        const { mix, ring } = yield* mixOf([entry, other], { from: { entry, number: 9 }, after: 5 })
        ring.open()
        if (way === "leaving") Lane.leaving(mix, entry, "mix")
        else if (way === "fading") Lane.fading(mix, entry)
        else yield* Lane.cut(outletOf().outlet, mix, [entry])
        assert.isFalse(Seat.isSettled(entry))
      }))
  }

  /** A track that is removed from a mix. `taken` states what it did in the next frame, which the driver takes. */
  const fading = Effect.fnUntraced(function*(first: number, state: Partial<Seat.Entry> = {}) {
    const [entry, other] = [entryOf(state), entryOf()]
    const { mix, ring, writer } = yield* mixOf([entry, other])
    ring.open()
    let frames = 0
    const taken = (flags: number) => {
      writer.begin(frames)
      writer.write(frames++, entry.slot, entry.input, frames * 20, flags)
      ring.write(Uint8Array.of(0), 960)
      ring.discard()
    }
    taken(first)
    mix.desk.remove(entry)
    Lane.fading(mix, entry)
    return { entry, mix, ring, taken }
  })

  it.effect("counts the frames made ahead of a removed track, to the end of its fade", () =>
    Effect.gen(function*() {
      const { entry, taken } = yield* fading(Playing)
      taken(Playing)
      assert.isFalse(Seat.isSettled(entry))
      taken(Playing | Over)
      assert.isTrue(Seat.isSettled(entry))
      assert.deepStrictEqual([entry.heardMs, entry.seat.sent], [60, 3])
    }))

  it.effect("does not wait for the end of a track that was already silent, which may never be sent", () =>
    Effect.gen(function*() {
      for (const [flags, state] of [[Paused, { isPaused: true }], [Starving, { starvingMs: 5 }]] as const) {
        const { entry, taken } = yield* fading(Playing, state)
        assert.isFalse(Seat.isSettled(entry))
        taken(flags)
        assert.isTrue(Seat.isSettled(entry))
        assert.strictEqual(entry.seat.sent, 1)
      }
      // it goes on when its pause ends, in a frame that is under way
      const { entry, taken } = yield* fading(Paused)
      taken(Paused)
      assert.isFalse(Seat.isSettled(entry))
    }))

  it.effect("waits for the mix of a removed track even before the driver has begun to read it", () =>
    Effect.gen(function*() {
      const [entry, other] = [entryOf(), entryOf()]
      const { mix, ring, writer } = yield* mixOf([entry, other])
      mix.desk.remove(entry)
      Lane.fading(mix, entry)
      assert.isFalse(Seat.isSettled(entry))
      ring.open()
      writer.begin(0)
      writer.write(0, entry.slot, entry.input, 20, Playing | Over)
      ring.write(Uint8Array.of(0), 960)
      ring.discard()
      assert.isTrue(Seat.isSettled(entry))
      assert.strictEqual(entry.seat.sent, 1)
    }))

  it.effect("waits for a track only while its mix goes on", () =>
    Effect.gen(function*() {
      const { entry, mix, ring } = yield* fading(Playing)
      assert.isFalse(Seat.isSettled(entry))
      yield* Lane.close(outletOf().outlet, mix)
      assert.isFalse(Seat.isSettled(entry), "the driver has not left it")
      ring.close()
      assert.isTrue(Seat.isSettled(entry))
    }))
})
