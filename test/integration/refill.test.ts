import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Stream } from "effect"
import type * as AudioSource from "../../src/audio/AudioSource.ts"
import type { TrackOptions } from "../../src/audio/Track.ts"
import * as VoiceError from "../../src/VoiceError.ts"
import * as Hearing from "../mixer/hearing.ts"
import * as Rig from "./rig.ts"

type Format = "opus" | "pcm"

const frames = Rig.frames(400)

/** Sound in pieces of 20 ms, each of which takes `delayMs` to make. */
const slow = (
  format: Format,
  pieces: number,
  delayMs: (piece: number) => number = () => 60,
  options: { readonly failsAt?: number } = {}
): AudioSource.AudioSource => ({
  name: "slow",
  open: Effect.sync(() => {
    let next = 0
    const ends = Effect.suspend((): Effect.Effect<number, VoiceError.VoiceError | Cause.Done> => {
      const piece = next++
      if (piece === options.failsAt) {
        return VoiceError.fail(
          new VoiceError.SourceFailed({ source: "slow", kind: "Failed", positionMs: 0, detail: "cut" })
        )
      }
      const ms = delayMs(piece)
      if (piece >= pieces) return Cause.done()
      return ms === 0 ? Effect.succeed(piece) : Effect.delay(Effect.succeed(piece), ms)
    })
    const seek = (positionMs: number) =>
      Effect.sync(() => {
        next = Math.floor(positionMs / 20)
        return next * 20
      })
    const base = { durationMs: pieces * 20, tags: {}, seek }
    return format === "opus"
      ? { ...base, format, channels: 2, pull: Effect.map(ends, (piece) => frames.slice(piece, piece + 1)) }
      : { ...base, format, pull: Effect.map(ends, (piece) => Hearing.samplesOf(Hearing.sine(440), 20, piece * 20)) }
  })
})

/** The lengths of the stretches that are heard without a gap, in frames. */
const stretches = (heard: Iterable<{ readonly arrivalMs: number; readonly payload: Uint8Array }>) => {
  const found: Array<number> = []
  let last = -Infinity
  for (const { arrivalMs, payload } of heard) {
    if (payload.length <= 3) continue
    if (arrivalMs - last > 30) found.push(0)
    found.push((found.pop() ?? 0) + 1)
    last = arrivalMs
  }
  return found
}

const played = (source: AudioSource.AudioSource, options: TrackOptions) =>
  Rig.run(Effect.gen(function*() {
    const guest = yield* Rig.guest()
    const session = yield* Rig.join("lobby")
    const track = yield* session.play(source, options)
    const end = yield* track.awaitEnd
    const events = yield* Stream.runCollect(track.events)
    const positionMs = yield* track.position
    const metrics = yield* track.metrics
    yield* Effect.sleep("1 second")
    const heard = yield* guest.heard
    yield* Rig.blameless
    return { end, events: events.map(({ _tag }) => _tag), positionMs, metrics, heard, stretches: stretches(heard) }
  })).pipe(Effect.provide(Rig.memory()))

const pairs = (count: number) => Array.from({ length: count }, () => ["Stalled", "Recovered"]).flat()

describe("a source slower than real time", () => {
  it.effect("is heard piece by piece if nothing is refilled", () =>
    Effect.gen(function*() {
      const { end, stretches } = yield* played(slow("opus", 60), { lead: 0 })
      assert.deepStrictEqual(end, { _tag: "Finished" })
      assert.isAbove(stretches.length, 50)
    }))

  it.effect("with a refill is heard in whole stretches, with nothing in between, and to its end", () =>
    Effect.gen(function*() {
      const { end, events, heard, positionMs, stretches } = yield* played(slow("opus", 200), { refill: "1 second" })
      assert.deepStrictEqual(end, { _tag: "Finished" })
      assert.strictEqual(positionMs, 4_000)
      // first the lead, then a second each time with what comes in the meantime, then the rest
      const [first = 0, ...others] = stretches
      const last = others.pop() ?? 0
      assert.isAtMost(first, 16)
      for (const length of others) assert.isTrue(length >= 74 && length <= 76, `${stretches}`)
      assert.isAtMost(last, 76)
      assert.deepStrictEqual(events, ["Started", ...pairs(stretches.length - 1), "Ended"])
      assert.deepStrictEqual(
        heard.filter(({ payload }) => payload.length > 3).map(({ payload }) => payload),
        Rig.payloads(frames.slice(0, 200))
      )
    }))

  it.effect("with a refill is heard in whole stretches also if it is mixed", () =>
    Effect.gen(function*() {
      const { end, events, positionMs, stretches } = yield* played(slow("pcm", 200), { refill: "1 second" })
      assert.deepStrictEqual(end, { _tag: "Finished" })
      assert.strictEqual(positionMs, 4_000)
      const [, ...others] = stretches
      const last = others.pop() ?? 0
      assert.isAbove(others.length, 0)
      for (const length of others) assert.isTrue(length >= 70 && length <= 80, `${stretches}`)
      assert.isAtMost(last, 80)
      assert.deepStrictEqual(events, ["Started", ...pairs(stretches.length - 1), "Ended"])
    }))

  for (const format of ["opus", "pcm"] as const) {
    for (const refill of [0, 1_000]) {
      it.effect(`has as many late frames as there was silence: ${format}, ${refill} ms`, () =>
        Effect.gen(function*() {
          const { heard, metrics: { late, missed, sent } } = yield* played(slow(format, 100), { refill })
          const sound = heard.filter(({ payload }) => payload.length > 3)
          const tookMs = (sound.at(-1)?.arrivalMs ?? 0) - (sound[0]?.arrivalMs ?? 0)
          assert.closeTo(sent, 100, 1)
          // a new frame begins with each stretch
          assert.closeTo(late, tookMs / 20 + 1 - sent, stretches(heard).length)
          assert.strictEqual(missed, 0)
        }))
    }
  }

  it.effect("continues without a refill if a piece is late by less than what is buffered", () =>
    Effect.gen(function*() {
      for (const format of ["opus", "pcm"] as const) {
        const { events } = yield* played(slow(format, 100, (piece) => piece === 50 ? 100 : 20), {
          lead: "300 millis",
          refill: "2 seconds"
        })
        assert.deepStrictEqual(events, ["Started", "Ended"], format)
      }
    }))

  it.effect("does not starve while it still delivers something", () =>
    Effect.gen(function*() {
      for (const format of ["opus", "pcm"] as const) {
        const { end, events } = yield* played(slow(format, 200), { refill: "3 seconds", starveTimeout: "1 second" })
        assert.deepStrictEqual(end, { _tag: "Finished" }, format)
        assert.deepStrictEqual(events, ["Started", ...pairs(1), "Ended"], format)
      }
      const stuck = yield* played(slow("opus", 200, (piece) => piece < 20 ? 60 : Infinity), {
        refill: "3 seconds",
        starveTimeout: "1 second"
      })
      assert.strictEqual(stuck.end._tag, "Starved")
    }))

  it.effect("starves without playing a rest that is smaller than the refill", () =>
    Effect.gen(function*() {
      for (const format of ["opus", "pcm"] as const) {
        const pauses = slow(format, 200, (piece) => piece === 20 ? 1_000 : piece === 30 ? Infinity : 0)
        const { end, events, positionMs } = yield* played(pauses, { refill: "1 second", starveTimeout: "2 seconds" })
        assert.deepStrictEqual([end._tag, positionMs], ["Starved", 400], format)
        assert.deepStrictEqual(events, ["Started", "Stalled", "Ended"], format)
      }
    }))

  it.effect("plays what it has delivered when it fails", () =>
    Effect.gen(function*() {
      for (const format of ["opus", "pcm"] as const) {
        const { end, positionMs } = yield* played(slow(format, 200, undefined, { failsAt: 40 }), { refill: "1 minute" })
        assert(end._tag === "Failed" && end.error.reason._tag === "SourceFailed")
        assert.strictEqual(end.error.reason.positionMs, 800)
        assert.strictEqual(positionMs, 800)
      }
    }))

  it.effect("refills across the end of a pass", () =>
    Effect.gen(function*() {
      const { end, events, heard, stretches } = yield* played(slow("opus", 20), { refill: "1 second", loop: 4 })
      assert.deepStrictEqual(end, { _tag: "Finished" })
      assert.isAtMost(stretches.length, 3)
      assert.deepStrictEqual(events.filter((tag) => tag === "Looped").length, 4)
      const pass = Rig.payloads(frames.slice(0, 20))
      assert.deepStrictEqual(
        heard.filter(({ payload }) => payload.length > 3).map(({ payload }) => payload),
        [...pass, ...pass, ...pass, ...pass, ...pass]
      )
    }))

  for (const format of ["opus", "pcm"] as const) {
    it.effect(`can be paused, sought and stopped while it refills: ${format}`, () =>
      Rig.run(Effect.gen(function*() {
        yield* Rig.guest()
        const session = yield* Rig.join("lobby")
        const track = yield* session.play(slow(format, 400), { refill: "1 second" })
        const stalled = Effect.gen(function*() {
          yield* track.changes.pipe(Stream.filter(({ _tag }) => _tag === "Playing"), Stream.take(1), Stream.runDrain)
          yield* track.changes.pipe(Stream.filter(({ _tag }) => _tag === "Buffering"), Stream.take(1), Stream.runDrain)
        })
        yield* stalled
        const before = yield* track.position
        yield* track.pause
        yield* Effect.sleep("5 seconds")
        assert.strictEqual(yield* track.position, before)
        yield* track.resume
        yield* Effect.sleep("500 millis")
        assert.strictEqual((yield* track.state)._tag, "Playing")
        yield* stalled
        const again = yield* track.position
        assert.isAtLeast(again - before, 1_000)
        yield* Effect.sleep("1 second")
        assert.strictEqual(yield* track.position, again)
        yield* track.seek("4 seconds")
        yield* Effect.sleep("1 second")
        // at a start, the lead has to be there
        assert.isAbove(yield* track.position, 4_000)
        yield* stalled
        yield* track.stop
        assert.deepStrictEqual(yield* track.awaitEnd, { _tag: "Stopped" })
      })).pipe(Effect.provide(Rig.memory())))

    it.effect(`hands over to the next track with a crossfade: ${format}`, () =>
      Rig.run(Effect.gen(function*() {
        const guest = yield* Rig.guest()
        const session = yield* Rig.join("lobby")
        const track = yield* session.play(slow(format, 60), { refill: "600 millis" })
        const next = yield* session.play(Hearing.pcm(Hearing.sine(1_000), 2_000), {
          after: track,
          crossfade: "200 millis"
        })
        assert.deepStrictEqual(yield* track.awaitEnd, { _tag: "Finished" })
        assert.deepStrictEqual(yield* next.awaitEnd, { _tag: "Finished" })
        assert.strictEqual(yield* next.position, 2_000)
        yield* Effect.sleep("1 second")
        assert.isAtMost(stretches(yield* guest.heard).length, 4)
        yield* Rig.blameless
      })).pipe(Effect.provide(Rig.memory())))
  }

  it.effect("changes from passthrough to a mix and back while it refills", () =>
    Rig.run(Effect.gen(function*() {
      const guest = yield* Rig.guest()
      const session = yield* Rig.join("lobby")
      const track = yield* session.play(slow("opus", 200), { refill: "1 second" })
      yield* Effect.sleep("1500 millis")
      yield* track.volume(0.5)
      yield* Effect.sleep("4 seconds")
      yield* track.volume(1)
      assert.deepStrictEqual(yield* track.awaitEnd, { _tag: "Finished" })
      assert.strictEqual(yield* track.position, 4_000)
      yield* Effect.sleep("1 second")
      const heard = yield* guest.heard
      const found = stretches(heard)
      assert.isAtMost(found.length, 6)
      const { late, sent } = yield* track.metrics
      const sound = heard.filter(({ payload }) => payload.length > 3)
      const tookMs = (sound.at(-1)?.arrivalMs ?? 0) - (sound[0]?.arrivalMs ?? 0)
      assert.closeTo(sent + late, tookMs / 20, 2 * found.length)
      yield* Rig.blameless
    })).pipe(Effect.provide(Rig.memory())))

  it.effect("refuses a refill that is invalid or too long", () =>
    Rig.run(Effect.gen(function*() {
      const session = yield* Rig.join("lobby")
      for (const refill of [NaN, -1, Infinity, "11 minutes"] as const) {
        const { reason } = yield* Effect.flip(session.play(slow("opus", 1), { refill }))
        assert.strictEqual(reason._tag, "Unsupported")
        assert.include(reason.message, "A `refill` of")
      }
    })).pipe(Effect.provide(Rig.memory())))
})
