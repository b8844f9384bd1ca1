import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import * as TrackQueue from "../../../src/audio/TrackQueue.ts"
import * as VoiceError from "../../../src/VoiceError.ts"
import { makePlayer, minute, setup, shown, source } from "../FakePlayer.ts"

const crossfade = "1 second"
const short = { lengthMs: 700 }

describe("with an entry that is shorter than the crossfade", () => {
  it.effect("the next one is opened along with it, and so on while they are short", () =>
    Effect.gen(function*() {
      const { log, open, queue } = yield* setup({ a: minute, b: short, c: short, d: minute, e: minute }, { crossfade })
      yield* TestClock.adjust("50 seconds")
      assert.deepStrictEqual([...open], ["a", "b", "c", "d"])
      yield* TestClock.adjust("70 seconds")
      assert.strictEqual(yield* shown(queue), "abc|d|e")
      const played = log.filter((line) => line.startsWith("play"))
      assert.deepStrictEqual(played, ["play a at 0", "play b at 60000", "play c at 60700", "play d at 61400"])
    }))

  for (const [options, expected] of [[{}, "a,b"], [{ crossfade, repeat: "one" }, "a"]] as const) {
    it.effect(`the next one is only opened early for a crossfade that does not repeat: ${JSON.stringify(options)}`, () =>
      Effect.gen(function*() {
        const { open } = yield* setup({ a: short, b: short, c: minute }, options)
        yield* TestClock.adjust(0)
        assert.deepStrictEqual([...open].join(), expected)
      }))
  }

  for (const change of ["remove", "move", "break"] as const) {
    it.effect(`the one after it does not begin early if the short one does not play: ${change}`, () =>
      Effect.gen(function*() {
        const b = { ...short, ...(change === "break" ? { says: "rots" } as const : {}) }
        const { id, log, open, queue } = yield* setup({ a: minute, b, c: minute }, { crossfade })
        yield* TestClock.adjust("49500 millis")
        if (change === "remove") yield* queue.remove(id("b"))
        if (change === "move") yield* queue.move(id("b"), 1)
        yield* TestClock.adjust("5 seconds")
        assert.deepStrictEqual([...open], ["a", "c"])
        yield* TestClock.adjust("10 seconds")
        assert.deepStrictEqual(log.filter((line) => line.startsWith("play")), ["play a at 0", "play c at 60000"])
        assert.strictEqual(yield* shown(queue), change === "move" ? "a|c|b" : "a|c|")
      }))
  }

  it.effect("an entry moved in after it is opened instead of the former next one", () =>
    Effect.gen(function*() {
      const { id, open, queue } = yield* setup({ a: minute, b: short, c: minute, x: minute }, { crossfade })
      yield* TestClock.adjust("50 seconds")
      yield* queue.move(id("x"), 1)
      yield* TestClock.adjust(0)
      assert.deepStrictEqual([...open], ["a", "b", "x"])
    }))

  it.effect("a slow opening of the one after it does not delay the short one", () =>
    Effect.gen(function*() {
      const { queue } = yield* setup({ a: minute, b: short, c: { lengthMs: 60_000, says: "hangs" }, d: minute }, {
        crossfade,
        starveTimeout: "30 seconds"
      })
      yield* TestClock.adjust("60100 millis")
      assert.strictEqual(yield* shown(queue), "a|b|cd")
    }))
})

describe("with an entry that is shorter than two crossfades", () => {
  it.effect("the next one is opened along with it, since half of it fades in and half of it fades out", () =>
    Effect.gen(function*() {
      for (const [lengthMs, expected] of [[1_900, "a,b,c"], [2_000, "a,b"]] as const) {
        const { open } = yield* setup({ a: minute, b: { lengthMs }, c: minute }, { crossfade })
        yield* TestClock.adjust("50 seconds")
        assert.strictEqual([...open].join(), expected)
      }
    }))
})

describe("opening ahead", () => {
  it.effect("happens before the `until` position of the current track", () =>
    Effect.gen(function*() {
      const { log, open, player } = makePlayer({ x: minute, y: minute })
      const queue = yield* TrackQueue.make(player)
      yield* queue.add(source("x"), { until: "20 seconds" })
      yield* queue.add(source("y"))
      yield* TestClock.adjust("9 seconds")
      assert.strictEqual([...open].join(), "x", log.join())
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual([...open].join(), "x,y", log.join())
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual((yield* queue.contents).current?.entry.name, "y")
    }))

  it.effect("does not happen behind a live station, which may play for hours", () =>
    Effect.gen(function*() {
      const station = { lengthMs: undefined, live: true }
      const { log, open, player, queue } = yield* setup({ a: minute, b: station, c: station, d: minute })
      yield* TestClock.adjust("2 hours")
      assert.deepStrictEqual([...open], ["b"])
      assert.strictEqual((yield* queue.skip)?.name, "c")
      assert.deepStrictEqual([...open], ["c"])
      yield* queue.skip
      assert.strictEqual(log.at(-1), "play d at 7200000")

      const other = yield* TrackQueue.make(player)
      yield* other.add(source("b"), { until: "20 minutes" })
      yield* other.add(source("c"))
      yield* TestClock.adjust("19 minutes")
      assert.deepStrictEqual([...open], ["b"])
      // if its end is known, the next one follows without a gap
      yield* TestClock.adjust("50 seconds")
      assert.deepStrictEqual([...open], ["b", "c"])
    }))

  it.effect("is tried only once for a repeated source that cannot be opened again", () =>
    Effect.gen(function*() {
      const rig = makePlayer({ a: minute })
      const error = VoiceError.make(new VoiceError.Unsupported({ feature: "it", detail: "it was there once" }))
      let tries = 0
      const play: TrackQueue.Player["play"] = (source, options) => {
        tries++
        // succeeds again later, so that endless retries come to an end
        return tries > 1 && tries < 20 ? error : rig.player.play(source, options)
      }
      const queue = yield* TrackQueue.make({ play }, { repeat: "one" })
      yield* queue.add(source("a"))
      yield* TestClock.adjust("55 seconds")
      assert.strictEqual(tries, 2)
      assert.strictEqual((yield* queue.contents).failures.length, 1)
    }))

  it.effect("does not count a track as heard because it begins in the middle of its source", () =>
    Effect.gen(function*() {
      const { log, queue } = yield* setup({ a: minute, x: minute })
      yield* queue.clear
      yield* queue.add(source("x"), { from: "10 seconds" })
      yield* TestClock.adjust("55 seconds")
      yield* queue.add(source("x"), { at: 0, data: "first" })
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual((yield* queue.contents).current?.entry.data, "first", log.join())
    }))
})
