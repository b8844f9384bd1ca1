import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Fiber, Stream } from "effect"
import { TestClock } from "effect/testing"
import type { AudioSource, OpusFrame } from "../../src/audio/AudioSource.ts"
import type { Place } from "../../src/audio/player/Place.ts"
import * as Track from "../../src/audio/Track.ts"
import * as VoiceError from "../../src/VoiceError.ts"
import * as FakeConnection from "./FakeConnection.ts"
import { frameOf, indexOf, play, sourceOf } from "./numbers.ts"

const numbers = (from: number, until: number) => Array.from({ length: until - from }, (_, i) => from + i)

const finished = { _tag: "Finished" } as const

/** Frames of 20 ms with a source that seeks to whole seconds, and a record of what was asked of it. */
const seekable = (count: number) => {
  const sought: Array<number> = []
  const pulled: Array<number> = []
  const source: AudioSource = {
    name: "seekable",
    open: Effect.sync(() => {
      let next = 0
      return {
        format: "opus",
        durationMs: count * 20,
        tags: {},
        channels: 2,
        pull: Effect.suspend(() => {
          if (next >= count) return Cause.done()
          pulled.push(next)
          return Effect.succeed([frameOf(next++)])
        }),
        seek: (positionMs) =>
          Effect.sync(() => {
            sought.push(positionMs)
            next = Math.floor(positionMs / 1_000) * 50
            return next * 20
          })
      }
    })
  }
  return { source, sought, pulled }
}

describe("a track with a start and an end", () => {
  it.effect("plays only the frames between them", () =>
    Effect.gen(function*() {
      const ranges = [
        [{ from: "1 second", until: "3 seconds" }, 50, 150],
        [{ from: "1 second" }, 50, 200],
        [{ until: "3 seconds" }, 0, 150],
        // plays the frame that contains the start first, and leaves out the one that contains the end
        [{ from: 1_010, until: 2_990 }, 50, 149],
        [{ from: 1_019.9, until: 1_020.1 }, 50, 51],
        [{ from: 1_010, until: 1_015 }, 0, 0],
        [{ from: "3 seconds", until: "1 minute" }, 150, 200],
        [{ from: "1 minute" }, 0, 0]
      ] as const
      for (const [options, from, until] of ranges) {
        const fake = yield* FakeConnection.make
        const track = yield* fake.play(sourceOf(200), options)
        assert.strictEqual(track.durationMs, 4_000)
        yield* play(fake, 220)
        assert.deepStrictEqual(yield* track.awaitEnd, finished)
        assert.deepStrictEqual(fake.taken.map(indexOf), numbers(from, until), JSON.stringify(options))
        if (until > 0) assert.strictEqual(yield* track.position, until * 20)
      }
    }))

  it.effect("accounts for frames of any duration", () =>
    Effect.gen(function*() {
      const samples = [2_880, 120, 960, 480, 5_760, 960]
      const source: AudioSource = {
        name: "odd",
        open: Effect.sync(() => {
          let left: ReadonlyArray<OpusFrame> = samples.map((count, i) => ({
            data: frameOf(i).data,
            samples: count
          }))
          return {
            format: "opus",
            durationMs: undefined,
            tags: {},
            channels: 2,
            pull: Effect.suspend(() => {
              const frames = left.slice(0, 1)
              left = left.slice(1)
              return frames.length === 0 ? Cause.done() : Effect.succeed(frames)
            })
          }
        })
      }
      // the frames end at 60, 62.5, 82.5, 92.5, 212.5 and 232.5 ms
      for (const [until, last, endMs] of [[212.5, 4, 212.5], [212, 3, 92.5], [231, 4, 212.5]] as const) {
        const fake = yield* FakeConnection.make
        const track = yield* fake.play(source, { from: 61, until, lead: 0 })
        yield* play(fake, 20)
        assert.deepStrictEqual(yield* track.awaitEnd, finished)
        // a later frame is not played either, even if it is short enough to fit
        assert.deepStrictEqual(fake.taken.map(indexOf), numbers(1, last + 1))
        assert.strictEqual(yield* track.position, endMs)
      }
    }))

  it.effect("is positioned at its start from the beginning, and reads nothing after its end", () =>
    Effect.gen(function*() {
      const fake = yield* FakeConnection.make
      const { pulled, sought, source } = seekable(500)
      const track = yield* fake.play(source, { from: 5_300, until: "6 seconds", paused: true })
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* track.position, 5_300)
      assert.strictEqual(track.untilMs, 6_000)
      yield* track.resume
      yield* play(fake, 40)
      assert.deepStrictEqual(yield* track.awaitEnd, finished)
      assert.deepStrictEqual(sought, [5_300])
      assert.deepStrictEqual(pulled, numbers(250, 300))
      assert.deepStrictEqual(fake.taken.map(indexOf), numbers(265, 300))
      assert.isUndefined((yield* fake.play(source)).untilMs)
    }))

  it.effect("returns to its start when it loops", () =>
    Effect.gen(function*() {
      const able = seekable(200)
      for (const source of [sourceOf(200), able.source]) {
        const fake = yield* FakeConnection.make
        const track = yield* fake.play(source, { from: 1_010, until: "2 seconds", loop: 2 })
        const events = yield* Effect.forkScoped(Stream.runCollect(track.events), { startImmediately: true })
        yield* play(fake, 60)
        assert.strictEqual(yield* track.position, 1_000 + ((fake.taken.length - 50) * 20))
        yield* play(fake, 110)
        assert.deepStrictEqual(yield* track.awaitEnd, finished)
        const pass = numbers(50, 100)
        assert.deepStrictEqual(fake.taken.map(indexOf), [...pass, ...pass, ...pass])
        assert.lengthOf((yield* Fiber.join(events)).filter(({ _tag }) => _tag === "Looped"), 2)
      }
      assert.deepStrictEqual(able.sought, [1_010, 1_010, 1_010])
    }))

  it.effect("begins once at `startAt`, and at its start when it loops", () =>
    Effect.gen(function*() {
      const able = seekable(200)
      for (const source of [sourceOf(200), able.source]) {
        const fake = yield* FakeConnection.make
        const options = { startAt: "1500 millis", from: "1 second", until: "2 seconds", loop: 1 } as const
        const track = yield* fake.play(source, { ...options, paused: true })
        assert.strictEqual(yield* track.position, 1_500)
        yield* track.resume
        yield* play(fake, 100)
        assert.deepStrictEqual(yield* track.awaitEnd, finished)
        assert.deepStrictEqual(fake.taken.map(indexOf), [...numbers(75, 100), ...numbers(50, 100)])
      }
      assert.deepStrictEqual(able.sought, [1_500, 1_000])
    }))

  it.effect("can begin before its start, and ends at once after its end", () =>
    Effect.gen(function*() {
      for (const [startAt, first, end] of [["500 millis", 25, 150], ["10 seconds", 0, 0]] as const) {
        const fake = yield* FakeConnection.make
        const track = yield* fake.play(sourceOf(200), { startAt, from: "1 second", until: "3 seconds" })
        yield* play(fake, 200)
        assert.deepStrictEqual(yield* track.awaitEnd, finished)
        assert.deepStrictEqual(fake.taken.map(indexOf), numbers(first, end))
      }
    }))

  it.effect("fails to be made with a `startAt` that is not a position", () =>
    Effect.gen(function*() {
      const fake = yield* FakeConnection.make
      for (const startAt of [-1, NaN]) {
        const { reason } = yield* Effect.flip(fake.play(sourceOf(200), { startAt }))
        assert.strictEqual(reason._tag, "Unsupported")
      }
    }))

  it.effect("loops even if `loop` is called after everything was read ahead", () =>
    Effect.gen(function*() {
      const fake = yield* FakeConnection.make
      const track = yield* fake.play(sourceOf(200), { from: "1 second", until: "1600 millis" })
      yield* play(fake, 10)
      yield* track.loop(1)
      yield* play(fake, 60)
      assert.deepStrictEqual(yield* track.awaitEnd, finished)
      assert.deepStrictEqual(fake.taken.map(indexOf), [...numbers(50, 80), ...numbers(50, 80)])
    }))

  it.effect("can seek before its start, but not beyond its end", () =>
    Effect.gen(function*() {
      const fake = yield* FakeConnection.make
      const track = yield* fake.play(sourceOf(500), { from: "4 seconds", until: "6 seconds" })
      const events = yield* Effect.forkScoped(Stream.runCollect(track.events), { startImmediately: true })
      yield* play(fake, 10)
      yield* track.seek("5900 millis")
      yield* play(fake, 3)
      const before = fake.taken.length
      yield* track.seek("3900 millis")
      yield* play(fake, 10)
      assert.deepStrictEqual(
        fake.taken.slice(before).map(indexOf),
        numbers(195, 195 + fake.taken.length - before)
      )
      // the pass ends there, and another one follows
      const again = fake.taken.length
      yield* track.loop(1)
      yield* track.seek("8 seconds")
      yield* play(fake, 10)
      assert.strictEqual(indexOf(fake.taken[again] ?? frameOf(0)), 200)
      yield* track.seek("6 seconds")
      const { length } = fake.taken
      yield* play(fake, 5)
      assert.deepStrictEqual(yield* track.awaitEnd, finished)
      assert.lengthOf(fake.taken, length)
      assert.strictEqual(yield* track.position, 6_000)
      assert.deepStrictEqual(
        (yield* Fiber.join(events)).flatMap((event) => event._tag === "Sought" ? [event.positionMs] : []),
        [5_900, 3_900, 6_000, 6_000]
      )
    }))

  it.effect("reports the remaining time if its end is known, whether from `until` or from the source", () =>
    Effect.gen(function*() {
      const endless: AudioSource = {
        name: "endless",
        open: Effect.succeed({
          format: "opus",
          durationMs: undefined,
          tags: {},
          channels: 2,
          pull: Effect.succeed([frameOf(0)])
        })
      }
      const left = Effect.fnUntraced(function*(source: AudioSource, options: Track.TrackOptions) {
        const fake = yield* FakeConnection.make
        const attached: Array<Parameters<Place["attach"]>[1]> = []
        const place = fake.place()
        const attach = place.attach.bind(place)
        const spy = Object.assign<Place, Partial<Place>>(place, {
          attach: (media, attachOptions) => {
            attached.push(attachOptions)
            return attach(media, attachOptions)
          }
        })
        yield* Track.make(source, spy, options)
        yield* play(fake, 10)
        assert.lengthOf(fake.taken, 10)
        return attached[0]?.remainingMs()
      })
      assert.strictEqual(yield* left(sourceOf(200), { from: 1_000, until: 3_000 }), 1_800)
      assert.strictEqual(yield* left(sourceOf(200), { until: 9_000 }), 3_800)
      assert.strictEqual(yield* left(endless, { from: 1_000, until: 3_000 }), 1_800)
      assert.isUndefined(yield* left(endless, { from: 1_000 }))
      assert.isUndefined(yield* left(sourceOf(200), { until: 3_000, loop: 1 }))
    }))

  it.effect("fails to be made if its source cannot seek to the start", () =>
    Effect.gen(function*() {
      const fake = yield* FakeConnection.make
      const { source } = seekable(500)
      const broken: AudioSource = {
        name: "broken",
        open: Effect.map(source.open, (opened) => ({ ...opened, seek: () => Effect.die("not there") }))
      }
      const exit = yield* Effect.exit(fake.play(broken, { from: "1 second" }))
      assert.strictEqual(exit._tag, "Failure")
      assert.deepStrictEqual(fake.log, [])
    }))

  it.effect("limits a seek of its source by the starve timeout, and then plays on where it is", () =>
    Effect.gen(function*() {
      const fake = yield* FakeConnection.make
      const { source } = seekable(500)
      const hanging: AudioSource = {
        name: "hanging",
        open: Effect.map(source.open, (opened) => ({ ...opened, seek: () => Effect.never }))
      }
      const options = { starveTimeout: "5 seconds" } as const
      const track = yield* fake.play(hanging, options)
      for (const opening of [track.seek("2 seconds"), fake.play(hanging, { ...options, from: "1 second" })]) {
        const waiting = yield* Effect.forkScoped(Effect.flip(opening), { startImmediately: true })
        yield* TestClock.adjust("5 seconds")
        assert.match((yield* Fiber.join(waiting)).message, /hanging .* did not seek to [12] s within 5000 ms/)
      }
      yield* play(fake, 10)
      assert.strictEqual(yield* track.position, 200)
    }))

  it.effect("fails `loop` if its source cannot be opened again, and plays on to the end", () =>
    Effect.gen(function*() {
      const fake = yield* FakeConnection.make
      const source = sourceOf(30)
      const gone = VoiceError.make(
        new VoiceError.SourceFailed({ source: "once", kind: "NotFound", positionMs: 0, detail: "it is gone" })
      )
      let opened = 0
      const once: AudioSource = {
        name: "once",
        open: Effect.suspend(() => opened++ === 0 ? source.open : Effect.fail(gone))
      }
      const track = yield* fake.play(once)
      yield* play(fake, 10)
      assert.strictEqual(yield* Effect.flip(track.loop(2)), gone)
      assert.strictEqual(yield* track.loopsLeft, 0)
      yield* play(fake, 40)
      assert.deepStrictEqual(yield* track.awaitEnd, { _tag: "Finished" })
      assert.deepStrictEqual(fake.taken.map(indexOf), numbers(0, 30))
    }))

  it.effect("refuses invalid positions, and an end that is not after the start", () =>
    Effect.gen(function*() {
      let opened = 0
      const source: AudioSource = {
        name: "counted",
        open: Effect.suspend(() => {
          opened++
          return sourceOf(500).open
        })
      }
      const none: ReadonlyArray<Track.TrackOptions> = [
        { from: NaN },
        { from: -1 },
        { from: "Infinity" },
        { until: NaN },
        { until: -1 },
        { until: Infinity },
        { until: 0 },
        { from: "2 seconds", until: "2 seconds" },
        { from: "2 seconds", until: "1 second" }
      ]
      for (const options of none) {
        const fake = yield* FakeConnection.make
        const { reason } = yield* Effect.flip(fake.play(source, options))
        assert.strictEqual(reason._tag, "Unsupported")
      }
      assert.strictEqual(opened, 0)
      const fake = yield* FakeConnection.make
      const error = yield* Effect.flip(fake.play(source, { from: "2 seconds", until: 1_500 }))
      assert.include(error.message, "An end of 1500 is not supported: it must be after the start, 2 seconds.")
    }))
})
