import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Fiber, Queue, Stream } from "effect"
import { TestClock } from "effect/testing"
import type { AudioSource, OpenOpus, OpusFrame } from "../../src/audio/AudioSource.ts"
import * as ByteSource from "../../src/audio/ByteSource.ts"
import * as HttpTrouble from "../../src/audio/http/HttpTrouble.ts"
import type { Place } from "../../src/audio/player/Place.ts"
import * as Track from "../../src/audio/Track.ts"
import * as FakeConnection from "./FakeConnection.ts"
import { frameOf, indexOf, liveOf, play, sourceOf } from "./numbers.ts"

const eventsOf = (track: Track.Track) => Effect.forkScoped(Stream.runCollect(track.events), { startImmediately: true })

const numbers = (from: number, count: number) => Array.from({ length: count }, (_, i) => from + i)

describe("a track", () => {
  it.effect("reports each repetition, and plays no more of them than requested", () =>
    Effect.gen(function*() {
      const fake = yield* FakeConnection.make
      const track = yield* fake.play(sourceOf(30), { loop: 2 })
      const events = yield* eventsOf(track)
      yield* play(fake, 100)
      const told = yield* Fiber.join(events)
      assert.deepStrictEqual(told.at(-1), { _tag: "Ended", end: { _tag: "Finished" } })
      assert.deepStrictEqual(
        told.filter(({ _tag }) => _tag === "Looped"),
        [{ _tag: "Looped", times: 1 }, { _tag: "Looped", times: 2 }]
      )
      assert.deepStrictEqual(fake.taken.map(indexOf), [...numbers(0, 30), ...numbers(0, 30), ...numbers(0, 30)])
      assert.strictEqual(yield* track.loopsLeft, 0)
      assert.strictEqual(yield* track.position, 600)
    }))

  it.effect("repeats as often as told if `loop` is called after everything was read ahead", () =>
    Effect.gen(function*() {
      const fake = yield* FakeConnection.make
      const track = yield* fake.play(sourceOf(30))
      yield* play(fake, 10)
      yield* track.loop(0)
      assert.deepStrictEqual(fake.log, ["attach 1"])
      yield* track.loop(2)
      yield* play(fake, 110)
      assert.deepStrictEqual(yield* track.awaitEnd, { _tag: "Finished" })
      assert.deepStrictEqual(fake.taken.map(indexOf), [...numbers(0, 30), ...numbers(0, 30), ...numbers(0, 30)])
    }))

  it.effect("gives its source no more time for a server than the starve timeout, in each pass", () =>
    Effect.gen(function*() {
      const fake = yield* FakeConnection.make
      const seen: Array<readonly [what: string, patienceMs: number]> = []
      const see = (what: string) => Effect.map(HttpTrouble.Patience, (ms) => void seen.push([what, ms]))
      const plain = sourceOf(30)
      const source: AudioSource = {
        ...plain,
        open: Effect.andThen(
          see("open"),
          Effect.map(
            plain.open,
            (opened) => opened.format === "pcm" ? opened : { ...opened, pull: Effect.andThen(see("pull"), opened.pull) }
          )
        )
      }
      const track = yield* fake.play(source, { starveTimeout: "7 seconds", loop: 1 })
      yield* play(fake, 70)
      assert.deepStrictEqual(yield* track.awaitEnd, { _tag: "Finished" })
      assert.lengthOf(seen.filter(([what]) => what === "open"), 2)
      assert.isAbove(seen.filter(([what]) => what === "pull").length, 2)
      assert.deepStrictEqual([...new Set(seen.map(([, ms]) => ms))], [7_000])
    }))

  it.effect("reports pauses with their positions, and is Playing again after a pause", () =>
    Effect.gen(function*() {
      const fake = yield* FakeConnection.make
      const track = yield* fake.play(sourceOf(40))
      const events = yield* eventsOf(track)
      const states = yield* Effect.forkScoped(
        Stream.runCollect(Stream.map(track.changes, ({ _tag }) => _tag)),
        { startImmediately: true }
      )
      yield* track.pause
      assert.strictEqual((yield* track.state)._tag, "Paused")
      yield* track.resume
      // nothing of it has been heard so far
      assert.strictEqual((yield* track.state)._tag, "Buffering")
      yield* play(fake, 10)
      yield* track.pause
      yield* play(fake, 10)
      yield* track.resume
      assert.strictEqual((yield* track.state)._tag, "Playing")
      yield* play(fake, 40)
      assert.deepStrictEqual(yield* Fiber.join(events), [
        { _tag: "Paused", positionMs: 0 },
        { _tag: "Resumed", positionMs: 0 },
        { _tag: "Started" },
        { _tag: "Paused", positionMs: 200 },
        { _tag: "Resumed", positionMs: 200 },
        { _tag: "Ended", end: { _tag: "Finished" } }
      ])
      assert.deepStrictEqual(
        yield* Fiber.join(states),
        ["Buffering", "Paused", "Buffering", "Playing", "Paused", "Playing", "Ended"]
      )
    }))

  it.effect("is Paused from the beginning if it starts paused", () =>
    Effect.gen(function*() {
      const fake = yield* FakeConnection.make
      const track = yield* fake.play(sourceOf(5), { paused: true })
      const states = yield* Effect.forkScoped(
        Stream.runCollect(Stream.map(track.changes, ({ _tag }) => _tag)),
        { startImmediately: true }
      )
      yield* play(fake, 10)
      assert.strictEqual((yield* track.state)._tag, "Paused")
      yield* track.resume
      yield* play(fake, 10)
      assert.deepStrictEqual(yield* Fiber.join(states), ["Paused", "Buffering", "Playing", "Ended"])
    }))

  it.effect("does not starve while frames keep arriving for a long lead", () =>
    Effect.gen(function*() {
      const fake = yield* FakeConnection.make
      const queue = yield* Queue.unbounded<OpusFrame>()
      const track = yield* fake.play(liveOf(queue), { lead: "3 seconds", starveTimeout: "1 second" })
      for (const index of numbers(0, 200)) {
        yield* Queue.offer(queue, frameOf(index))
        yield* play(fake, 1)
      }
      assert.strictEqual((yield* track.state)._tag, "Playing")
      assert.deepStrictEqual(fake.taken.map(indexOf), numbers(0, 50))

      const few = yield* Queue.unbounded<OpusFrame>()
      const other = yield* fake.play(liveOf(few), { lead: "3 seconds", starveTimeout: "1 second" })
      yield* Queue.offer(few, frameOf(0))
      yield* TestClock.adjust("900 millis")
      yield* Queue.offer(few, frameOf(1))
      yield* TestClock.adjust("900 millis")
      assert.strictEqual((yield* other.state)._tag, "Buffering")
      yield* TestClock.adjust("300 millis")
      assert.deepInclude(yield* other.state, { _tag: "Ended" })
      assert.strictEqual((yield* other.awaitEnd)._tag, "Starved")
    }))

  it.effect("fails at a packet of zero or negative duration", () =>
    Effect.gen(function*() {
      const fake = yield* FakeConnection.make
      for (const samples of [0, -960]) {
        const queue = yield* Queue.unbounded<OpusFrame>()
        yield* Queue.offerAll(queue, [
          ...numbers(0, 20).map(frameOf),
          { data: Uint8Array.of(0xfc), samples },
          frameOf(20)
        ])
        const track = yield* fake.play(liveOf(queue))
        const before = fake.taken.length
        yield* play(fake, 30)
        const end = yield* track.awaitEnd
        assert(end._tag === "Failed" && end.error.reason._tag === "SourceFailed")
        assert.strictEqual(end.error.reason.kind, "Corrupt")
        assert.deepStrictEqual(fake.taken.slice(before).map(indexOf), numbers(0, 20))
      }
    }))

  it.effect("stays Paused even if it starts or recovers at that moment", () =>
    Effect.gen(function*() {
      const fake = yield* FakeConnection.make
      const queue = yield* Queue.unbounded<OpusFrame>()
      yield* Queue.offerAll(queue, numbers(0, 20).map(frameOf))
      const track = yield* fake.play(liveOf(queue))
      yield* TestClock.adjust("20 millis")
      yield* fake.step
      yield* track.pause
      yield* TestClock.adjust("20 millis")
      assert.strictEqual((yield* track.state)._tag, "Paused")
      yield* track.resume
      yield* play(fake, 30)
      assert.strictEqual((yield* track.state)._tag, "Buffering")
      yield* Queue.offerAll(queue, numbers(20, 20).map(frameOf))
      yield* TestClock.adjust("20 millis")
      yield* fake.step
      yield* track.pause
      yield* TestClock.adjust("20 millis")
      assert.strictEqual((yield* track.state)._tag, "Paused")
    }))

  it.effect("reports the positions of seeks, limited to the end, and Started only once", () =>
    Effect.gen(function*() {
      const fake = yield* FakeConnection.make
      const track = yield* fake.play(sourceOf(100))
      const events = yield* eventsOf(track)
      yield* play(fake, 10)
      yield* track.seek("1 second")
      yield* play(fake, 10)
      yield* track.seek("3 seconds")
      yield* play(fake, 5)
      assert.deepStrictEqual(yield* Fiber.join(events), [
        { _tag: "Started" },
        { _tag: "Sought", positionMs: 1_000 },
        { _tag: "Sought", positionMs: 2_000 },
        { _tag: "Ended", end: { _tag: "Finished" } }
      ])
      assert.strictEqual(yield* track.position, 2_000)
    }))

  it.effect("stays Ended if it is paused or resumed afterwards", () =>
    Effect.gen(function*() {
      const fake = yield* FakeConnection.make
      const track = yield* fake.play(sourceOf(5))
      yield* play(fake, 20)
      const ended = { _tag: "Ended", end: { _tag: "Finished" } } as const
      assert.deepStrictEqual(yield* track.state, ended)
      yield* track.pause
      assert.deepStrictEqual(yield* track.state, ended)
      yield* track.resume
      assert.deepStrictEqual(yield* track.state, ended)
    }))

  it.effect("fails a pending seek with the error that ended it", () =>
    Effect.gen(function*() {
      const fake = yield* FakeConnection.make
      const cut = ByteSource.failure("numbers", "Truncated", "it is cut", { positionMs: 100 })
      let opened = 0
      const source: AudioSource = {
        name: "numbers",
        open: Effect.suspend(() =>
          opened++ > 0 ? Effect.never : Effect.map(sourceOf(5).open, (open) => {
            assert(open.format === "opus")
            const pull: OpenOpus["pull"] = open.pull
            return { ...open, pull: Effect.mapError(pull, (end) => Cause.isDone(end) ? cut : end) }
          })
        )
      }
      const track = yield* fake.play(source)
      const seeking = yield* Effect.forkScoped(Effect.flip(track.seek(0)), { startImmediately: true })
      yield* play(fake, 20)
      assert.deepStrictEqual(yield* Fiber.join(seeking), cut)
    }))

  it.effect("continues from a seek that comes right before its end", () =>
    Effect.gen(function*() {
      const fake = yield* FakeConnection.make
      const track = yield* fake.play(sourceOf(30))
      yield* play(fake, 30)
      // the driver has found it drained, but the event has not been handled yet
      yield* fake.step
      yield* track.seek("400 millis")
      yield* play(fake, 15)
      assert.deepStrictEqual(yield* track.awaitEnd, { _tag: "Finished" })
      assert.deepStrictEqual(fake.taken.map(indexOf), [...numbers(0, 30), ...numbers(20, 10)])
    }))

  it.effect("keeps a single source open, and plays nothing more from before a seek", () =>
    Effect.gen(function*() {
      const fake = yield* FakeConnection.make
      let opened = 0
      let isOpen = 0
      const source: AudioSource = {
        name: "counted",
        open: Effect.andThen(
          Effect.acquireRelease(Effect.sync(() => void isOpen++), () => Effect.sync(() => void isOpen--)),
          Effect.suspend((): AudioSource["open"] =>
            opened++ === 0
              ? sourceOf(500).open
              : Effect.succeed({ format: "opus", durationMs: undefined, tags: {}, channels: 2, pull: Effect.never })
          )
        )
      }
      const track = yield* fake.play(source)
      yield* play(fake, 10)
      assert.strictEqual(isOpen, 1)
      yield* track.seek("1 second")
      yield* TestClock.adjust("1 second")
      assert.strictEqual(isOpen, 1)
      const { length } = fake.taken
      yield* play(fake, 10)
      assert.strictEqual(fake.taken.length, length)
      yield* track.stop
      yield* TestClock.adjust("1 second")
      assert.strictEqual(isOpen, 0)
    }))

  it.effect("uses the seek of its source, and continues from where that landed", () =>
    Effect.gen(function*() {
      const fake = yield* FakeConnection.make
      const sought: Array<number> = []
      const source: AudioSource = {
        name: "seekable",
        open: Effect.sync(() => {
          let next = 0
          return {
            format: "opus",
            durationMs: 10_000,
            tags: {},
            channels: 2,
            pull: Effect.suspend(() => next < 500 ? Effect.succeed([frameOf(next++)]) : Cause.done()),
            seek: (positionMs) =>
              Effect.sync(() => {
                sought.push(positionMs)
                next = Math.floor(positionMs / 1_000) * 50
                return next * 20
              })
          }
        })
      }
      const track = yield* fake.play(source)
      yield* play(fake, 10)
      yield* track.seek("5300 millis")
      yield* track.seek(0)
      yield* track.seek("5300 millis")
      const { length } = fake.taken
      yield* play(fake, 10)
      // it does not need to be told about the start
      assert.deepStrictEqual(sought, [5_300, 5_300])
      assert.strictEqual(indexOf(fake.taken[length] ?? frameOf(0)), 265)
      assert.strictEqual(yield* track.position, 5_500)
    }))

  it.effect("ends at once if its source is empty, even while paused", () =>
    Effect.gen(function*() {
      const fake = yield* FakeConnection.make
      const track = yield* fake.play(sourceOf(0), { paused: true })
      yield* TestClock.adjust("20 millis")
      assert.deepStrictEqual(yield* track.state, { _tag: "Ended", end: { _tag: "Finished" } })
    }))
})

describe("a track at its place", () => {
  /** A place that records what is asked of it. */
  const spied = (place: Place) => {
    const attached: Array<Parameters<Place["attach"]>[1]> = []
    const gains: Array<readonly [gain: number, rampMs: number]> = []
    const attach = place.attach.bind(place)
    const spy = Object.assign<Place, Partial<Place>>(place, {
      attach: (media, options) => {
        attached.push(options)
        return attach(media, options)
      },
      setGain: (gain, rampMs) => Effect.sync(() => void gains.push([gain, rampMs]))
    })
    return { spy, attached, gains }
  }

  it.effect("reports how much is left, if that is known and this is the last pass", () =>
    Effect.gen(function*() {
      const fake = yield* FakeConnection.make
      const { attached, spy } = spied(fake.place())
      const track = yield* Track.make(sourceOf(100), spy, { loop: 1 })
      yield* play(fake, 10)
      const [first] = attached
      assert.isUndefined(first?.remainingMs())
      yield* track.loop(0)
      assert.strictEqual(first?.remainingMs(), 2_000 - 10 * 20)
      yield* track.seek("1500 millis")
      yield* play(fake, 5)
      // what begins in the middle of a track must not click
      assert.deepStrictEqual(attached.map(({ cutIn }) => cutIn), [false, true])
      assert.strictEqual(attached[1]?.remainingMs(), 400)

      const queue = yield* Queue.unbounded<OpusFrame>()
      const live = spied((yield* FakeConnection.make).place())
      yield* Track.make(liveOf(queue), live.spy)
      yield* Queue.offerAll(queue, numbers(0, 20).map(frameOf))
      yield* TestClock.adjust("20 millis")
      assert.lengthOf(live.attached, 1)
      assert.isUndefined(live.attached[0]?.remainingMs())
    }))

  it.effect("changes its gain within 20 ms, or with the given ramp", () =>
    Effect.gen(function*() {
      const fake = yield* FakeConnection.make
      const { gains, spy } = spied(fake.place())
      const track = yield* Track.make(sourceOf(100), spy)
      yield* track.volume(0.5)
      yield* track.volume(2, { ramp: "1 second" })
      yield* track.fade(0, "3 seconds")
      yield* track.stop
      yield* track.volume(1)
      assert.deepStrictEqual(gains, [[0.5, 20], [2, 1_000], [0, 3_000]])
    }))
})

describe("a track that starves", () => {
  it.effect("reports for how long nothing came since the last frame", () =>
    Effect.gen(function*() {
      const fake = yield* FakeConnection.make
      const queue = yield* Queue.unbounded<OpusFrame>()
      const track = yield* fake.play(liveOf(queue), { starveTimeout: "5 seconds" })
      const events = yield* eventsOf(track)
      yield* Queue.offerAll(queue, numbers(0, 20).map(frameOf))
      yield* play(fake, 25)
      yield* TestClock.adjust("4500 millis")
      assert.strictEqual((yield* track.state)._tag, "Buffering")
      yield* TestClock.adjust("1 second")
      const end = yield* track.awaitEnd
      assert(end._tag === "Starved")
      assert.isAtLeast(end.silentMs, 5_000)
      assert.isAtMost(end.silentMs, 5_250)
      assert.deepStrictEqual(yield* Fiber.join(events), [
        { _tag: "Started" },
        { _tag: "Stalled", positionMs: 400 },
        { _tag: "Ended", end }
      ])
    }))

  it.effect("plays again if frames arrived while it was paused", () =>
    Effect.gen(function*() {
      const fake = yield* FakeConnection.make
      const queue = yield* Queue.unbounded<OpusFrame>()
      const track = yield* fake.play(liveOf(queue))
      const events = yield* eventsOf(track)
      yield* Queue.offerAll(queue, numbers(0, 20).map(frameOf))
      yield* play(fake, 25)
      assert.strictEqual((yield* track.state)._tag, "Buffering")
      yield* track.pause
      yield* Queue.offerAll(queue, numbers(20, 20).map(frameOf))
      yield* TestClock.adjust("1 second")
      yield* track.resume
      yield* play(fake, 5)
      assert.strictEqual((yield* track.state)._tag, "Playing")
      yield* track.stop
      assert.deepStrictEqual(
        (yield* Fiber.join(events)).map(({ _tag }) => _tag),
        ["Started", "Stalled", "Paused", "Resumed", "Recovered", "Ended"]
      )
    }))

  it.effect("does not starve while it is paused, and has the full timeout again afterwards", () =>
    Effect.gen(function*() {
      const fake = yield* FakeConnection.make
      const queue = yield* Queue.unbounded<OpusFrame>()
      const track = yield* fake.play(liveOf(queue), { starveTimeout: "5 seconds" })
      yield* Queue.offerAll(queue, numbers(0, 20).map(frameOf))
      yield* play(fake, 25)
      yield* TestClock.adjust("4 seconds")
      yield* track.pause
      yield* TestClock.adjust("1 minute")
      assert.strictEqual((yield* track.state)._tag, "Paused")
      yield* track.resume
      assert.strictEqual((yield* track.state)._tag, "Buffering")
      yield* TestClock.adjust("4500 millis")
      assert.strictEqual((yield* track.state)._tag, "Buffering")
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* track.awaitEnd)._tag, "Starved")
    }))

  it.effect("does not starve while nothing takes its frames", () =>
    Effect.gen(function*() {
      const fake = yield* FakeConnection.make
      const track = yield* fake.play(sourceOf(100), { starveTimeout: "1 second" })
      yield* TestClock.adjust("1 minute")
      assert.strictEqual((yield* track.state)._tag, "Buffering")
      yield* play(fake, 110)
      assert.deepStrictEqual(yield* track.awaitEnd, { _tag: "Finished" })
    }))
})
