import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Queue, Scope, Stream } from "effect"
import { TestClock } from "effect/testing"
import { inspect } from "node:util"
import { type AudioSource, fromFrames, type OpusFrame } from "../../src/audio/AudioSource.ts"
import * as Track from "../../src/audio/Track.ts"
import * as VoiceError from "../../src/VoiceError.ts"
import * as FakeConnection from "./FakeConnection.ts"
import { frameOf, indexOf, liveOf, play, sourceOf } from "./numbers.ts"

const silent: OpusFrame = { data: Uint8Array.of(0xf8, 0xff, 0xfe), samples: 960 }

const failing = (after: number): AudioSource => ({
  name: "broken",
  open: Effect.sync(() => {
    let next = 0
    return {
      format: "opus",
      durationMs: undefined,
      tags: {},
      channels: 2,
      pull: Effect.suspend(() =>
        next < after
          ? Effect.succeed([frameOf(next++)])
          : VoiceError.fail(
            new VoiceError.SourceFailed({ source: "broken", kind: "Truncated", positionMs: after * 20, detail: "cut" })
          )
      )
    }
  })
})

describe("Track", () => {
  it.effect("plays every frame of its source once, in order, and finishes", () =>
    Effect.gen(function*() {
      const fake = yield* FakeConnection.make
      const track = yield* fake.play(sourceOf(200))
      assert.strictEqual(track.durationMs, 4_000)
      assert.isFalse(track.live)
      assert.strictEqual((yield* track.state)._tag, "Buffering")
      const events = yield* track.events.pipe(
        Stream.map(({ _tag }) => _tag),
        Stream.runCollect,
        Effect.forkScoped({ startImmediately: true })
      )
      yield* play(fake, 100)
      assert.strictEqual((yield* track.state)._tag, "Playing")
      assert.strictEqual(yield* track.position, fake.taken.length * 20)
      yield* play(fake, 110)
      assert.deepStrictEqual(yield* track.awaitEnd, { _tag: "Finished" })
      assert.deepStrictEqual(fake.taken.map(indexOf), Array.from({ length: 200 }, (_, i) => i))
      assert.deepStrictEqual(yield* Fiber.join(events), ["Started", "Ended"])
      assert.isTrue(Track.isFinished(yield* track.awaitEnd))
    }))

  it.effect("is printed with its name, state, position, duration and gain", () =>
    Effect.gen(function*() {
      const fake = yield* FakeConnection.make
      const track = yield* fake.play(sourceOf(200))
      yield* play(fake, 100)
      const shown = {
        _id: "Track",
        name: track.name,
        state: { _tag: "Playing" },
        positionMs: yield* track.position,
        durationMs: 4_000,
        gain: 1
      }
      assert.isAbove(shown.positionMs, 0)
      assert.deepStrictEqual(JSON.parse(JSON.stringify(track)), shown)
      assert.strictEqual(inspect(track), inspect(shown))
      assert.strictEqual(`${track}`, JSON.stringify(shown))
      yield* track.stop
      assert.include(inspect(track), "state: { _tag: 'Ended', end: { _tag: 'Stopped' } }")
    }))

  it.effect("reads ahead no further than its buffer", () =>
    Effect.gen(function*() {
      const fake = yield* FakeConnection.make
      let pulled = 0
      const endless: AudioSource = {
        name: "endless",
        open: Effect.succeed({
          format: "opus",
          durationMs: undefined,
          tags: {},
          channels: 2,
          pull: Effect.sync(() => [frameOf(pulled++)])
        })
      }
      const track = yield* fake.play(endless, { buffer: "500 millis" })
      yield* TestClock.adjust("10 seconds")
      assert.isAtMost(pulled, 27)
      yield* play(fake, 100)
      assert.strictEqual(fake.taken.length, 100)
      yield* track.stop
      yield* track.stop
      assert.deepStrictEqual(yield* track.awaitEnd, { _tag: "Stopped" })
      const before = pulled
      yield* play(fake, 50)
      assert.strictEqual(pulled, before)
      assert.strictEqual(fake.taken.length, 100)
    }))

  it.effect("plays however small its buffer is, and refuses an infinite one", () =>
    Effect.gen(function*() {
      for (const buffer of [0, 5, 20]) {
        const fake = yield* FakeConnection.make
        const track = yield* fake.play(sourceOf(50), { buffer, lead: 0 })
        yield* play(fake, 60)
        assert.strictEqual((yield* track.awaitEnd)._tag, "Finished")
        assert.strictEqual(fake.taken.length, 50)
      }
      const fake = yield* FakeConnection.make
      const { reason } = yield* Effect.flip(fake.play(sourceOf(50), { buffer: "Infinity" }))
      assert.strictEqual(reason._tag, "Unsupported")
    }))

  it.effect("reports the position at which a stream of frames fails or dies", () =>
    Effect.gen(function*() {
      for (const breaking of [Effect.fail("gone"), Effect.die(new Error("gone"))]) {
        const fake = yield* FakeConnection.make
        const frames = Stream.concat(
          Stream.fromIterable(Array.from({ length: 30 }, () => silent)),
          Stream.fromEffect(breaking)
        )
        const track = yield* fake.play(fromFrames(frames))
        yield* play(fake, 40)
        const end = yield* track.awaitEnd
        assert(end._tag === "Failed" && end.error.reason._tag === "SourceFailed")
        assert.strictEqual(end.error.reason.positionMs, 600)
        assert.match(end.error.message, /at 0\.60 s/)
      }
    }))

  it.effect("fails to be made if its source cannot be opened", () =>
    Effect.gen(function*() {
      const fake = yield* FakeConnection.make
      const source: AudioSource = {
        name: "none",
        open: VoiceError.fail(
          new VoiceError.SourceFailed({ source: "none", kind: "NotFound", positionMs: 0, detail: "no such file" })
        )
      }
      const error = yield* Effect.flip(fake.play(source))
      assert.strictEqual(error.reason._tag, "SourceFailed")
      assert.deepStrictEqual(fake.log, [])
    }))

  it.effect("plays the frames of a source until it breaks, and then ends with the error", () =>
    Effect.gen(function*() {
      const fake = yield* FakeConnection.make
      const track = yield* fake.play(failing(30))
      yield* play(fake, 40)
      const end = yield* track.awaitEnd
      assert.strictEqual(end._tag, "Failed")
      if (end._tag === "Failed") assert.strictEqual(end.error.reason._tag, "SourceFailed")
      assert.strictEqual(fake.taken.length, 30)
    }))

  it.effect("ends as Failed if its source never delivered a frame", () =>
    Effect.gen(function*() {
      const fake = yield* FakeConnection.make
      const track = yield* fake.play(failing(0))
      yield* play(fake, 2)
      assert.strictEqual((yield* track.awaitEnd)._tag, "Failed")
    }))

  it.effect("treats a source that dies like one that fails", () =>
    Effect.gen(function*() {
      const fake = yield* FakeConnection.make
      let pulls = 0
      const dying: AudioSource = {
        name: "dying",
        open: Effect.succeed({
          format: "opus",
          durationMs: undefined,
          tags: {},
          channels: 2,
          pull: Effect.suspend(() => pulls++ < 20 ? Effect.succeed([frameOf(pulls)]) : Effect.die(new Error("boom")))
        })
      }
      const track = yield* fake.play(dying)
      yield* play(fake, 30)
      const end = yield* track.awaitEnd
      assert(end._tag === "Failed" && end.error.reason._tag === "SourceFailed")
      assert.strictEqual(end.error.reason.kind, "Failed")
      assert.include(end.error.message, "boom")
      assert.strictEqual(fake.taken.length, 20)
    }))

  it.effect("fails a seek if the source cannot be opened again, and plays on", () =>
    Effect.gen(function*() {
      const fake = yield* FakeConnection.make
      const gone = new VoiceError.SourceFailed({ source: "once", kind: "NotFound", positionMs: 0, detail: "gone" })
      let opened = 0
      const once: AudioSource = {
        name: "once",
        open: Effect.suspend(() => opened++ === 0 ? sourceOf(500).open : VoiceError.fail(gone))
      }
      const track = yield* fake.play(once)
      yield* play(fake, 10)
      assert.strictEqual((yield* Effect.flip(track.seek("5 seconds"))).reason._tag, "SourceFailed")
      yield* play(fake, 510)
      assert.strictEqual((yield* track.awaitEnd)._tag, "Finished")
      assert.deepStrictEqual(fake.taken.map(indexOf), Array.from({ length: 500 }, (_, i) => i))
    }))

  it.effect("starves if a source delivers nothing after a seek, and fails if the source never opens", () =>
    Effect.gen(function*() {
      const fake = yield* FakeConnection.make
      let opened = 0
      const silent: AudioSource = {
        name: "silent",
        open: Effect.suspend((): AudioSource["open"] =>
          opened++ === 0
            ? sourceOf(500).open
            : Effect.succeed({ format: "opus", durationMs: undefined, tags: {}, channels: 2, pull: Effect.never })
        )
      }
      const track = yield* fake.play(silent, { starveTimeout: "5 seconds" })
      yield* play(fake, 10)
      yield* track.seek("1 second")
      yield* TestClock.adjust("6 seconds")
      assert.strictEqual((yield* track.awaitEnd)._tag, "Starved")

      const never: AudioSource = { name: "never", open: Effect.never }
      const making = yield* Effect.forkScoped(
        Effect.flip(fake.play(never, { starveTimeout: "5 seconds" })),
        { startImmediately: true }
      )
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual((yield* Fiber.join(making)).reason._tag, "SourceFailed")
    }))

  it.effect("does not stutter with a large buffer", () =>
    Effect.gen(function*() {
      const fake = yield* FakeConnection.make
      const heavy: AudioSource = {
        name: "heavy",
        open: Effect.succeed({
          format: "opus",
          durationMs: undefined,
          tags: {},
          channels: 2,
          pull: Effect.sync(() => [{ data: new Uint8Array(1_275).fill(1), samples: 960 }])
        })
      }
      const track = yield* fake.play(heavy, { buffer: "30 seconds" })
      yield* play(fake, 500)
      assert.strictEqual(fake.taken.length, 500)
      yield* track.stop
    }))

  it.effect("plays on while a seek opens the source, and is unaffected if the seek is interrupted", () =>
    Effect.gen(function*() {
      const fake = yield* FakeConnection.make
      let opened = 0
      const slow: AudioSource = {
        name: "slow",
        open: Effect.suspend(() => opened++ === 0 ? sourceOf(100).open : Effect.never)
      }
      const track = yield* fake.play(slow)
      const seeking = yield* Effect.forkScoped(track.seek("1 second"), { startImmediately: true })
      yield* play(fake, 50)
      assert.isAbove(fake.taken.length, 40)
      yield* Fiber.interrupt(seeking)
      yield* play(fake, 60)
      assert.deepStrictEqual(yield* track.awaitEnd, { _tag: "Finished" })
      assert.deepStrictEqual(fake.taken.map(indexOf), Array.from({ length: 100 }, (_, i) => i))
    }))

  for (const how of ["is", "comes to be"] as const) {
    it.effect(`fails a pending seek if it ends before the source ${how} open there`, () =>
      Effect.gen(function*() {
        const fake = yield* FakeConnection.make
        let opened = 0
        let open = 0
        const opening = yield* Deferred.make<void>()
        const slow: AudioSource = {
          name: "slow",
          open: Effect.gen(function*() {
            yield* Effect.acquireRelease(Effect.sync(() => open++), () => Effect.sync(() => open--))
            if (opened++ > 0) yield* Deferred.await(opening)
            return yield* sourceOf(100).open
          })
        }
        const track = yield* fake.play(slow)
        const events = yield* track.events.pipe(
          Stream.map(({ _tag }) => _tag),
          Stream.runCollect,
          Effect.forkScoped({ startImmediately: true })
        )
        yield* play(fake, 10)
        const seeking = yield* Effect.forkScoped(Effect.flip(track.seek("1 second")), { startImmediately: true })
        const looping = yield* Effect.forkScoped(track.loop(1), { startImmediately: true })
        const detached = yield* Deferred.make<void>()
        if (how === "comes to be") Object.assign(fake.connection, { detach: () => Deferred.await(detached) })
        const stopping = yield* Effect.forkScoped(track.stop, { startImmediately: true })
        yield* Deferred.succeed(opening, undefined)
        yield* Deferred.succeed(detached, undefined)
        yield* Fiber.join(stopping)
        const { reason } = yield* Fiber.join(seeking)
        assert.strictEqual(reason._tag, "Unsupported")
        yield* Fiber.join(looping)
        assert.strictEqual(open, 0)
        assert.strictEqual(yield* track.position, 200)
        assert.deepStrictEqual(yield* Fiber.join(events), ["Started", "Ended"])
      }))
  }

  it.effect("ends a pending loop call if it is stopped before the source is open for the next pass", () =>
    Effect.gen(function*() {
      const fake = yield* FakeConnection.make
      let opened = 0
      const slow: AudioSource = {
        name: "slow",
        open: Effect.suspend(() => opened++ === 0 ? sourceOf(20).open : Effect.never)
      }
      const track = yield* fake.play(slow)
      yield* play(fake, 10)
      const looping = yield* Effect.forkScoped(track.loop(1), { startImmediately: true })
      yield* Effect.yieldNow
      assert.strictEqual(opened, 2)
      yield* track.stop
      yield* Fiber.join(looping)
    }))

  it.effect("reports the start of the frame that holds the position sought", () =>
    Effect.gen(function*() {
      const fake = yield* FakeConnection.make
      const track = yield* fake.play(sourceOf(500), { paused: true })
      yield* track.seek("1015 millis")
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* track.position, 1_000)
    }))

  it.effect("goes to the last of several concurrent seeks", () =>
    Effect.gen(function*() {
      const fake = yield* FakeConnection.make
      const slow: AudioSource = { name: "slow", open: Effect.delay(sourceOf(500).open, "100 millis") }
      const making = yield* Effect.forkScoped(fake.play(slow))
      yield* TestClock.adjust("100 millis")
      const track = yield* Fiber.join(making)
      yield* play(fake, 10)
      const seeks = yield* Effect.forEach([1, 2, 3, 4], (seconds) =>
        Effect.forkScoped(track.seek(`${seconds} seconds`), { startImmediately: true }))
      yield* TestClock.adjust("1 second")
      yield* Effect.forEach(seeks, Fiber.join)
      const before = fake.taken.length
      yield* play(fake, 5)
      assert.strictEqual(indexOf(fake.taken[before] ?? frameOf(0)), 200)
    }))

  it.effect("stalls, recovers, and starves only after the timeout", () =>
    Effect.gen(function*() {
      const fake = yield* FakeConnection.make
      const queue = yield* Queue.unbounded<OpusFrame>()
      const track = yield* fake.play(liveOf(queue), { starveTimeout: "5 seconds" })
      const events = yield* track.events.pipe(
        Stream.map(({ _tag }) => _tag),
        Stream.runCollect,
        Effect.forkScoped({ startImmediately: true })
      )
      yield* Queue.offerAll(queue, Array.from({ length: 20 }, (_, i) => frameOf(i)))
      yield* play(fake, 30)
      assert.strictEqual((yield* track.state)._tag, "Buffering")
      yield* TestClock.adjust("4 seconds")
      yield* Queue.offerAll(queue, Array.from({ length: 20 }, (_, i) => frameOf(20 + i)))
      yield* play(fake, 15)
      assert.strictEqual((yield* track.state)._tag, "Playing")
      yield* play(fake, 10)
      yield* TestClock.adjust("6 seconds")
      assert.strictEqual((yield* track.awaitEnd)._tag, "Starved")
      assert.deepStrictEqual(yield* Fiber.join(events), ["Started", "Stalled", "Recovered", "Stalled", "Ended"])
      assert.strictEqual(fake.taken.length, 40)
    }))

  it.effect("does not starve while it is paused", () =>
    Effect.gen(function*() {
      const fake = yield* FakeConnection.make
      const track = yield* fake.play(sourceOf(100), { starveTimeout: "1 second", paused: true })
      assert.strictEqual((yield* track.state)._tag, "Paused")
      yield* play(fake, 200)
      assert.strictEqual(fake.taken.length, 0)
      yield* track.resume
      yield* play(fake, 110)
      assert.deepStrictEqual(yield* track.awaitEnd, { _tag: "Finished" })
    }))

  it.effect("pauses, and resumes where it was", () =>
    Effect.gen(function*() {
      const fake = yield* FakeConnection.make
      const track = yield* fake.play(sourceOf(100))
      yield* play(fake, 30)
      yield* track.pause
      yield* track.pause
      assert.strictEqual((yield* track.state)._tag, "Paused")
      const position = yield* track.position
      yield* play(fake, 100)
      assert.strictEqual(yield* track.position, position)
      yield* track.resume
      yield* play(fake, 90)
      assert.deepStrictEqual(fake.taken.map(indexOf), Array.from({ length: 100 }, (_, i) => i))
      assert.deepStrictEqual(fake.log, ["attach 1", "pause 1", "resume 1"])
    }))

  it.effect("seeks to the frame, back and forth", () =>
    Effect.gen(function*() {
      const fake = yield* FakeConnection.make
      const track = yield* fake.play(sourceOf(500))
      yield* play(fake, 10)
      yield* track.seek("8 seconds")
      const before = fake.taken.length
      yield* play(fake, 20)
      assert.strictEqual(indexOf(fake.taken[before] ?? frameOf(0)), 400)
      assert.strictEqual(yield* track.position, 8_000 + (fake.taken.length - before) * 20)
      yield* track.seek("1 second")
      const again = fake.taken.length
      yield* play(fake, 20)
      assert.strictEqual(indexOf(fake.taken[again] ?? frameOf(0)), 50)
      const { length } = fake.taken
      assert.strictEqual((yield* Effect.flip(track.seek(NaN))).reason._tag, "Unsupported")
      yield* play(fake, 20)
      assert.strictEqual(indexOf(fake.taken[length] ?? frameOf(0)), indexOf(fake.taken[length - 1] ?? frameOf(0)) + 1)
      yield* track.stop
      assert.strictEqual((yield* Effect.flip(track.seek(0))).reason._tag, "Unsupported")
    }))

  it.effect("refuses to seek or start within a live source, and plays on", () =>
    Effect.gen(function*() {
      const fake = yield* FakeConnection.make
      const live: AudioSource = {
        name: "live",
        open: Effect.map(sourceOf(500).open, (opened) => ({ ...opened, live: true }))
      }
      const track = yield* fake.play(live)
      assert.isTrue(track.live)
      yield* play(fake, 10)
      const { length } = fake.taken
      assert.strictEqual((yield* Effect.flip(track.seek("5 seconds"))).reason._tag, "Unsupported")
      yield* play(fake, 10)
      assert.strictEqual(indexOf(fake.taken[length] ?? frameOf(0)), indexOf(fake.taken[length - 1] ?? frameOf(0)) + 1)
      assert.strictEqual((yield* Effect.flip(fake.play(live, { from: "5 seconds" }))).reason._tag, "Unsupported")
    }))

  it.effect("repeats as often as the loop option says", () =>
    Effect.gen(function*() {
      const fake = yield* FakeConnection.make
      const track = yield* fake.play(sourceOf(30), { loop: "forever" })
      yield* play(fake, 70)
      assert.strictEqual(yield* track.position, (fake.taken.length % 30) * 20)
      assert.strictEqual(yield* track.loopsLeft, Infinity)
      assert.strictEqual((yield* Effect.flip(track.loop(NaN))).reason._tag, "Unsupported")
      assert.strictEqual(yield* track.loopsLeft, Infinity)
      assert.strictEqual((yield* Effect.flip(fake.play(sourceOf(1), { loop: -1 }))).reason._tag, "Unsupported")
      yield* track.loop(0)
      assert.strictEqual(yield* track.loopsLeft, 0)
      yield* play(fake, 200)
      assert.deepStrictEqual(yield* track.awaitEnd, { _tag: "Finished" })
      assert.strictEqual(fake.taken.length % 30, 0)
      fake.taken.forEach((frame, i) => assert.strictEqual(indexOf(frame), i % 30))
    }))

  it.effect("can be destructured and copied", () =>
    Effect.gen(function*() {
      const fake = yield* FakeConnection.make
      const track = yield* fake.play(sourceOf(200))
      const { position, seek } = track
      const copy: Track.Track = { ...track, name: "copy" }
      assert.sameMembers(Object.keys(copy), Object.keys(track))
      yield* play(fake, 10)
      assert.strictEqual(yield* position, 200)
      assert.strictEqual(yield* copy.position, 200)
      yield* seek("1 second")
      assert.strictEqual(yield* copy.position, 1_000)
      yield* copy.pause
      assert.deepStrictEqual(yield* track.state, { _tag: "Paused" })
      yield* copy.stop
      assert.deepStrictEqual(yield* track.awaitEnd, { _tag: "Stopped" })
      assert.deepStrictEqual([copy.name, copy.durationMs, copy.speed], ["copy", 4_000, 1])
    }))

  it.effect("ends with its connection and with its scope", () =>
    Effect.gen(function*() {
      const fake = yield* FakeConnection.make
      const lost = yield* fake.play(sourceOf(100))
      yield* fake.lose(VoiceError.make(new VoiceError.ConnectionLost({ code: 1006, detail: "" })))
      assert.strictEqual((yield* lost.awaitEnd)._tag, "Failed")

      const other = yield* FakeConnection.make
      const scope = yield* Scope.make()
      const scoped = yield* Scope.provide(other.play(sourceOf(100)), scope)
      yield* Scope.close(scope, yield* Effect.exit(Effect.void))
      assert.deepStrictEqual(yield* scoped.awaitEnd, { _tag: "Stopped" })
    }))

  it.effect("refuses invalid gains and times, and fails on packets that are not Opus", () =>
    Effect.gen(function*() {
      const fake = yield* FakeConnection.make
      const track = yield* fake.play(sourceOf(100))
      assert.strictEqual((yield* Effect.flip(track.volume(-1))).reason._tag, "Unsupported")
      yield* track.volume(1)
      assert.strictEqual((yield* Effect.flip(track.fade(NaN, "1 second"))).reason._tag, "Unsupported")
      for (const time of [NaN, -1, Infinity]) {
        assert.strictEqual((yield* Effect.flip(track.fade(0.5, time))).reason._tag, "Unsupported")
      }
      for (const options of [{ lead: -1 }, { lead: NaN }, { starveTimeout: -1 }, { starveTimeout: NaN }]) {
        const refused = yield* Effect.flip((yield* FakeConnection.make).play(sourceOf(100), options))
        assert.strictEqual(refused.reason._tag, "Unsupported")
      }
      const other = yield* FakeConnection.make
      const bad: AudioSource = {
        name: "bad",
        open: Effect.succeed({
          format: "opus",
          durationMs: undefined,
          tags: {},
          channels: 2,
          pull: Effect.succeed([{ data: new Uint8Array(10_000), samples: 960 }])
        })
      }
      const broken = yield* other.play(bad)
      yield* play(other, 2)
      const end = yield* broken.awaitEnd
      assert.strictEqual(end._tag, "Failed")
    }))
})
