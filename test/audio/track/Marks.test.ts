import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Fiber, Queue, Stream } from "effect"
import { TestClock } from "effect/testing"
import type { AudioSource, OpusFrame } from "../../../src/audio/AudioSource.ts"
import type { Track } from "../../../src/audio/Track.ts"
import * as Marks from "../../../src/audio/track/Marks.ts"
import type { Pass, Reading } from "../../../src/audio/track/Reading.ts"
import * as FakeConnection from "../FakeConnection.ts"
import { frameOf, liveOf, play, sourceOf } from "../numbers.ts"

/** The result of a fiber, or "waits" if there is none yet. */
const told = <A, E>(fiber: Fiber.Fiber<A, E>) =>
  Effect.sync(() => {
    const exit = fiber.pollUnsafe()
    return exit === undefined ? "waits" : exit._tag === "Success" ? exit.value : "failed"
  })

const wait = (track: Track, positionMs: number) =>
  Effect.forkScoped(track.reached(positionMs), { startImmediately: true })

/** Everything that is reported from now on. */
const listen = Effect.fnUntraced(function*(track: Track, interval: number) {
  const all: Array<number> = []
  const fiber = yield* track.every(interval).pipe(
    Stream.runForEach((positionMs) => Effect.sync(() => void all.push(positionMs))),
    Effect.forkScoped({ startImmediately: true })
  )
  return { all, fiber }
})

/** Plays until a fiber has a result, and returns the position of the track then. */
const playUntil = <A, E>(
  fake: Effect.Success<typeof FakeConnection.make>,
  track: Track,
  fiber: Fiber.Fiber<A, E>
) =>
  Effect.gen(function*() {
    for (let i = 0; i < 1_000 && fiber.pollUnsafe() === undefined; i++) yield* play(fake, 1)
    return yield* track.position
  })

describe("marks on a track", () => {
  it.effect("are reached within two frames once the position was sent", () =>
    Effect.gen(function*() {
      for (const mark of [20, 1_000, 1_010, 2_345, 3_980]) {
        const fake = yield* FakeConnection.make
        const track = yield* fake.play(sourceOf(200))
        const fiber = yield* wait(track, mark)
        const positionMs = yield* playUntil(fake, track, fiber)
        assert.isTrue(yield* told(fiber))
        assert.isAtLeast(positionMs, mark)
        assert.isAtMost(positionMs, mark + 40)
      }
    }))

  it.effect("are reached with the first frame if they precede it, and with the last one at the end", () =>
    Effect.gen(function*() {
      const fake = yield* FakeConnection.make
      const track = yield* fake.play(sourceOf(20), { from: 100 })
      const start = yield* wait(track, 0)
      const end = yield* wait(track, 400)
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual(yield* told(start), "waits")
      yield* play(fake, 1)
      yield* TestClock.adjust("20 millis")
      assert.isTrue(yield* told(start))
      yield* play(fake, 20)
      assert.isTrue(yield* told(end))
      // the end also counts as reached for later callers
      assert.isTrue(yield* track.reached(400))
      assert.isFalse(yield* track.reached(401))
    }))

  it.effect("are not reached if the track ends before them", () =>
    Effect.gen(function*() {
      const fake = yield* FakeConnection.make
      const track = yield* fake.play(sourceOf(200), { until: "2 seconds" })
      const [behind, stopped] = [yield* wait(track, 2_001), yield* wait(track, 1_900)]
      yield* play(fake, 40)
      yield* track.stop
      assert.isFalse(yield* Fiber.join(behind))
      assert.isFalse(yield* Fiber.join(stopped))
      const empty = yield* (yield* FakeConnection.make).play(sourceOf(0))
      yield* TestClock.adjust("20 millis")
      assert.isFalse(yield* empty.reached(0))
      assert.deepStrictEqual(yield* Stream.runCollect(empty.every(1_000)), [])
    }))

  it.effect("wait while the track is paused, and while its source has nothing", () =>
    Effect.gen(function*() {
      const fake = yield* FakeConnection.make
      const queue = yield* Queue.unbounded<OpusFrame>()
      yield* Queue.offerAll(queue, Array.from({ length: 50 }, (_, i) => frameOf(i)))
      const track = yield* fake.play(liveOf(queue))
      const [first, second] = [yield* wait(track, 500), yield* wait(track, 1_500)]
      yield* play(fake, 20)
      yield* track.pause
      yield* play(fake, 500)
      assert.strictEqual(yield* told(first), "waits")
      yield* track.resume
      assert.closeTo(yield* playUntil(fake, track, first), 520, 20)
      yield* play(fake, 500)
      assert.strictEqual(yield* track.position, 1_000)
      assert.strictEqual(yield* told(second), "waits")
      yield* Queue.offerAll(queue, Array.from({ length: 50 }, (_, i) => frameOf(i)))
      assert.closeTo(yield* playUntil(fake, track, second), 1_520, 20)
      assert.isTrue(yield* told(second))
    }))

  it.effect("are reached by a seek past them once something is sent there, and wait after a seek back", () =>
    Effect.gen(function*() {
      const fake = yield* FakeConnection.make
      const track = yield* fake.play(sourceOf(500))
      yield* play(fake, 100)
      assert.isTrue(yield* track.reached("1 second"))
      const jumped = yield* wait(track, 4_000)
      yield* track.pause
      yield* track.seek("5 seconds")
      yield* play(fake, 100)
      assert.strictEqual(yield* told(jumped), "waits")
      yield* track.resume
      assert.closeTo(yield* playUntil(fake, track, jumped), 5_040, 20)
      // what was sent before the seek counts, even though nobody has checked it
      const last = yield* wait(track, (yield* track.position) + 20)
      yield* fake.step
      yield* track.seek(0)
      yield* Effect.yieldNow
      assert.isTrue(yield* told(last))
      const back = yield* wait(track, 6_000)
      yield* track.seek("1 second")
      yield* play(fake, 200)
      assert.strictEqual(yield* told(back), "waits")
      assert.closeTo(yield* playUntil(fake, track, back), 6_020, 20)
      assert.isTrue(yield* told(back))
    }))

  it.effect("are reached in the pass that comes to them, even at its very end", () =>
    Effect.gen(function*() {
      const fake = yield* FakeConnection.make
      const track = yield* fake.play(sourceOf(200), { from: "1 second", until: "2 seconds", loop: 3 })
      const [last, never] = [yield* wait(track, 2_000), yield* wait(track, 2_020)]
      // querying the position makes nobody miss a mark
      for (let i = 0; i < 52; i++) yield* Effect.andThen(play(fake, 1), track.position)
      assert.isTrue(yield* told(last))
      const again = yield* wait(track, 1_500)
      assert.closeTo(yield* playUntil(fake, track, again), 1_520, 20)
      yield* play(fake, 200)
      assert.isFalse(yield* Fiber.join(never))
    }))

  it.effect("are not reached, and no position is reported, if the track was stopped before its source was open", () =>
    Effect.gen(function*() {
      const clock = yield* Clock.Clock
      const fork = Effect.runForkWith(yield* Effect.context<never>())
      const marks = Marks.make({ clock, fork, isPaused: () => false })
      marks.end()
      const reached = yield* Effect.forkScoped(marks.reached(0), { startImmediately: true })
      const places = yield* Effect.forkScoped(Stream.runCollect(marks.every(100)), { startImmediately: true })
      yield* TestClock.adjust("1 second")
      assert.isFalse(yield* told(reached))
      assert.deepStrictEqual(yield* told(places), [])
    }))

  it.effect("are refused if they are invalid", () =>
    Effect.gen(function*() {
      const fake = yield* FakeConnection.make
      const track = yield* fake.play(sourceOf(10))
      for (const place of [NaN, -1, Infinity]) {
        assert.strictEqual((yield* Effect.flip(track.reached(place))).reason._tag, "Unsupported")
      }
      for (const interval of [NaN, -1, Infinity, 0]) {
        const { reason } = yield* Effect.flip(Stream.runDrain(track.every(interval)))
        assert.strictEqual(reason._tag, "Unsupported")
      }
    }))
})

describe("the positions that a track reports", () => {
  it.effect("are the multiples of an interval, up to the end", () =>
    Effect.gen(function*() {
      const fake = yield* FakeConnection.make
      const track = yield* fake.play(sourceOf(155))
      const [seconds, odd] = [yield* listen(track, 1_000), yield* listen(track, 333.3)]
      yield* play(fake, 75)
      const late = yield* listen(track, 500)
      yield* play(fake, 100)
      yield* Fiber.join(seconds.fiber)
      yield* Fiber.join(late.fiber)
      assert.deepStrictEqual(seconds.all, [0, 1_000, 2_000, 3_000])
      assert.deepStrictEqual(odd.all, Array.from({ length: 10 }, (_, i) => i * 333.3))
      // the last position that was passed is reported as well
      assert.deepStrictEqual(late.all, [1_500, 2_000, 2_500, 3_000])
    }))

  it.effect("are at most one for each frame", () =>
    Effect.gen(function*() {
      const fake = yield* FakeConnection.make
      const track = yield* fake.play(sourceOf(30))
      const { all, fiber } = yield* listen(track, 1)
      yield* play(fake, 40)
      yield* Fiber.join(fiber)
      assert.deepStrictEqual(all, Array.from({ length: 30 }, (_, i) => 20 + i * 20))
    }))

  it.effect("start over in each pass", () =>
    Effect.gen(function*() {
      for (const times of [1, 7]) {
        const fake = yield* FakeConnection.make
        const track = yield* fake.play(sourceOf(200), { from: 500, until: 1_100, loop: times })
        const { all, fiber } = yield* listen(track, 250)
        yield* play(fake, 30 * (times + 1) + 10)
        yield* Fiber.join(fiber)
        assert.deepStrictEqual(all, Array.from({ length: times + 1 }, () => [500, 750, 1_000]).flat())
        // an interval longer than the pass
        const other = yield* FakeConnection.make
        const short = yield* other.play(sourceOf(30), { loop: times, buffer: 120 })
        const starts = yield* listen(short, 10_000)
        yield* play(other, 35)
        assert.deepStrictEqual(starts.all, [0, 0])
        yield* play(other, 30 * times + 5)
        yield* Fiber.join(starts.fiber)
        assert.deepStrictEqual(starts.all, Array.from({ length: times + 1 }, () => 0))
      }
    }))

  it.effect("continue after the target of a seek, and miss none if the track is set to loop", () =>
    Effect.gen(function*() {
      const fake = yield* FakeConnection.make
      const track = yield* fake.play(sourceOf(200))
      const { all, fiber } = yield* listen(track, 500)
      yield* play(fake, 60)
      yield* track.seek(3_210)
      yield* play(fake, 20)
      yield* track.seek(2_000)
      yield* play(fake, 10)
      assert.deepStrictEqual(all, [0, 500, 1_000, 3_500, 2_000])
      yield* track.seek(3_400)
      yield* play(fake, 3)
      yield* track.loop(1)
      yield* play(fake, 240)
      yield* Fiber.join(fiber)
      assert.deepStrictEqual(
        all.slice(5),
        [3_500, 4_000, 0, 500, 1_000, 1_500, 2_000, 2_500, 3_000, 3_500, 4_000]
      )
    }))

  it.effect("begin with the start of the first frame, even if that comes late", () =>
    Effect.gen(function*() {
      const fake = yield* FakeConnection.make
      const slow: AudioSource = {
        name: "slow",
        open: Effect.map(sourceOf(200).open, (opened) => {
          assert(opened.format === "opus")
          return { ...opened, pull: Effect.delay(opened.pull, "20 millis") }
        })
      }
      const track = yield* fake.play(slow, { from: 1_010 })
      const { all } = yield* listen(track, 500)
      yield* TestClock.adjust("3 seconds")
      assert.deepStrictEqual(all, [])
      yield* play(fake, 40)
      assert.deepStrictEqual(all, [1_000, 1_500])
    }))

  it.effect("are limited to the last 64 for a slow consumer", () =>
    Effect.gen(function*() {
      const fake = yield* FakeConnection.make
      const track = yield* fake.play(sourceOf(200))
      const fiber = yield* track.every(20).pipe(
        Stream.mapEffect((positionMs) => Effect.as(Effect.sleep("10 seconds"), positionMs)),
        Stream.runCollect,
        Effect.forkScoped({ startImmediately: true })
      )
      yield* play(fake, 210)
      yield* TestClock.adjust("1 hour")
      const all = yield* Fiber.join(fiber)
      assert.isAtMost(all.length, 70)
      assert.deepStrictEqual(all.slice(-64), Array.from({ length: 64 }, (_, i) => 4_000 - (63 - i) * 20))
    }))
})

describe("checks for marks", () => {
  /** A reading that is heard as time passes, with a count of how often it was asked for its position. */
  const rig = Effect.fnUntraced(function*(first: Partial<Pass> = {}, pace = 1) {
    const clock = yield* Clock.Clock
    const fork = Effect.runForkWith(yield* Effect.context<never>())
    const counts = { asked: 0 }
    const state = { paused: false, heardMs: 0 }
    const pass: Pass = { atMs: 0, positionMs: 0, speed: 1, next: undefined, ...first }
    const parts: Pick<Reading, "heardMs" | "pass" | "positionMs"> = {
      heardMs: () => {
        counts.asked++
        return state.heardMs
      },
      pass: () => pass,
      positionMs: () => pass.positionMs + (state.heardMs - pass.atMs) * pass.speed
    }
    const marks = Marks.make({ clock, fork, isPaused: () => state.paused, pace: () => pace })
    // nothing else of a reading is used
    const reading = parts as Reading
    marks.follow(reading)
    const pass20 = (frames: number) =>
      Effect.gen(function*() {
        for (let i = 0; i < frames; i++) {
          if (!state.paused) state.heardMs += 20 * pace
          yield* TestClock.adjust(20)
        }
      })
    return { counts, marks, pass20, reading, state }
  })

  it.effect("do not take place while nobody waits, and rarely until the mark is near", () =>
    Effect.gen(function*() {
      const { counts, marks, pass20, state } = yield* rig()
      yield* pass20(500)
      marks.wake()
      assert.strictEqual(counts.asked, 0)
      const fiber = yield* Effect.forkScoped(marks.reached(70_000), { startImmediately: true })
      yield* pass20(2_900)
      assert.isAtMost(counts.asked, 2)
      yield* pass20(120)
      assert.isTrue(yield* told(fiber))
      assert.isAtMost(counts.asked, 12)
      const before = counts.asked
      yield* pass20(500)
      assert.strictEqual(counts.asked, before)

      const left = yield* Effect.forkScoped(marks.reached(state.heardMs + 100), { startImmediately: true })
      yield* Fiber.interrupt(left)
      const { asked } = counts
      yield* pass20(500)
      assert.strictEqual(counts.asked, asked)
    }))

  it.effect("stop once the consumer of positions has left", () =>
    Effect.gen(function*() {
      const { counts, marks, pass20 } = yield* rig()
      const fiber = yield* Effect.forkScoped(Stream.runDrain(marks.every(100)), { startImmediately: true })
      yield* pass20(50)
      yield* Fiber.interrupt(fiber)
      const { asked } = counts
      yield* pass20(500)
      assert.strictEqual(counts.asked, asked)
    }))

  it.effect("follow the speed of the source", () =>
    Effect.gen(function*() {
      const { marks, pass20 } = yield* rig({ positionMs: 1_000, speed: 2 })
      const fiber = yield* Effect.forkScoped(marks.reached(3_000), { startImmediately: true })
      yield* pass20(49)
      assert.strictEqual(yield* told(fiber), "waits")
      yield* pass20(2)
      assert.isTrue(yield* told(fiber))
    }))

  it.effect("are in time for a track that plays faster", () =>
    Effect.gen(function*() {
      const { marks, pass20 } = yield* rig({}, 2)
      const fiber = yield* Effect.forkScoped(marks.reached(10_000), { startImmediately: true })
      yield* pass20(249)
      assert.strictEqual(yield* told(fiber), "waits")
      yield* pass20(2)
      assert.isTrue(yield* told(fiber))
    }))

  it.effect("tolerate the rounding errors of fractional positions", () =>
    Effect.gen(function*() {
      const third = 1_000 / 3
      const { marks, pass20, state } = yield* rig({ positionMs: third + third + third + 1e-9 })
      const places: Array<number> = []
      yield* marks.every(1_000).pipe(
        Stream.runForEach((positionMs) => Effect.sync(() => void places.push(positionMs))),
        Effect.forkScoped({ startImmediately: true })
      )
      const fiber = yield* Effect.forkScoped(marks.reached(1_100), { startImmediately: true })
      state.heardMs = -1e-9
      yield* pass20(5)
      yield* TestClock.adjust(20)
      assert.isTrue(yield* told(fiber))
      assert.deepStrictEqual(places, [1_000])
    }))

  it.effect("miss nothing in a pass that begins between two of them", () =>
    Effect.gen(function*() {
      const next: Pass = { atMs: 300, positionMs: 0, speed: 1, next: undefined }
      const { marks, state } = yield* rig({ next })
      const places: Array<number> = []
      yield* marks.every(100).pipe(
        Stream.runForEach((positionMs) => Effect.sync(() => void places.push(positionMs))),
        Effect.forkScoped({ startImmediately: true })
      )
      for (const heardMs of [20, 100, 200, 290, 350, 400]) {
        state.heardMs = heardMs
        yield* TestClock.adjust(20)
      }
      assert.deepStrictEqual(places, [0, 100, 200, 300, 0, 100])
    }))

  it.effect("are in time for long packets", () =>
    Effect.gen(function*() {
      const { marks, state } = yield* rig()
      state.heardMs = 120
      yield* TestClock.adjust(118)
      // at the end of a packet's time: the next one is sent right away
      const fiber = yield* Effect.forkScoped(marks.reached(1_000), { startImmediately: true })
      for (let packets = 2; packets <= 9; packets++) {
        assert.strictEqual(yield* told(fiber), "waits")
        state.heardMs = packets * 120
        yield* TestClock.adjust(packets === 9 ? 20 : 120)
      }
      assert.isTrue(yield* told(fiber))
    }))

  it.effect("stop during a pause, once what was already mixed has been heard", () =>
    Effect.gen(function*() {
      const { counts, marks, pass20, state } = yield* rig()
      const fiber = yield* Effect.forkScoped(marks.reached(200), { startImmediately: true })
      yield* pass20(4)
      state.paused = true
      marks.wake()
      // as late as it may have been mixed ahead
      const next = yield* Effect.forkScoped(marks.reached(240), { startImmediately: true })
      yield* pass20(28)
      assert.strictEqual(yield* told(fiber), "waits")
      state.heardMs += 120
      yield* pass20(2)
      assert.isTrue(yield* told(fiber))
      yield* pass20(1_000)
      const { asked } = counts
      yield* pass20(1_000)
      assert.strictEqual(counts.asked, asked)
      assert.strictEqual(yield* told(next), "waits")
      state.paused = false
      marks.wake()
      yield* pass20(4)
      assert.isTrue(yield* told(next))
    }))
})
