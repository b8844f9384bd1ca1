/** The default values, as the docs and docstrings state them. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schedule, Stream } from "effect"
import * as AudioSource from "../../src/audio/AudioSource.ts"
import * as OpusEncoder from "../../src/OpusEncoder.ts"
import * as Station from "../../src/Station.ts"
import * as Rig from "../integration/rig.ts"
import { packet } from "./samples.ts"

/** Yields until only the clock can make anything else happen. */
const settle = Effect.forEach(Array.from({ length: 50 }), () => Effect.yieldNow, { discard: true })

describe("by default", () => {
  it.effect("a source that delivers nothing is waited for for 30 seconds", () =>
    Rig.run(Effect.gen(function*() {
      const session = yield* Rig.join("lobby")
      const frames = Stream.concat(Stream.fromIterable(Rig.frames(50)), Stream.never)
      const track = yield* session.play(AudioSource.fromFrames(frames))
      const [end, ms] = yield* Rig.timed(track.awaitEnd)
      assert.strictEqual(end._tag, "Starved")
      // one second of sound comes first, and the check runs only now and then
      assert.isAtLeast(ms, 30_000)
      assert.isAtMost(ms, 32_500)
    })).pipe(Effect.provide(Rig.memory())))

  it.effect("a server that sends nothing is given up after ten seconds", () =>
    Rig.run(Effect.gen(function*() {
      const source = AudioSource.fromUrl("http://a.invalid/song.ogg", {
        fetch: () => new Promise(() => {}),
        reconnect: Schedule.recurs(0)
      })
      const [{ message }, ms] = yield* Rig.timed(Effect.flip(source.open))
      assert.strictEqual(ms, 10_000)
      assert.match(message, /nothing for 10\.0 s/)
    })).pipe(Effect.provide(Rig.memory())))

  it.effect("a live source keeps two seconds", () =>
    Effect.gen(function*() {
      const packets = Array.from({ length: 250 }, (_, i) => packet(i))
      const source = AudioSource.live(AudioSource.fromFrames(Stream.fromIterable(packets)))
      yield* source.open
      yield* settle
      assert.deepStrictEqual(yield* source.statistics, { receivedMs: 5_000, droppedMs: 3_000, overflows: 150 })
    }).pipe(Effect.scoped))

  it.effect("a listener of a station may lag two seconds behind", () =>
    Rig.run(Effect.gen(function*() {
      const station = yield* Station.make()
      yield* station.source.open
      const track = yield* station.play(Rig.source(150))
      yield* track.awaitEnd
      yield* Effect.sleep("1 second")
      // including the silence that closes it
      assert.strictEqual(station.dropped(), 155 - 100)
    })).pipe(Effect.provide(Rig.memory())))

  it.effect("at most 16 MiB are preloaded into memory", () =>
    Effect.gen(function*() {
      const data = new Uint8Array(1_276)
      data[0] = 0xfc
      // plus twelve bytes each, which record the frame's place
      const kept = data.length + 12
      const most = 16 * 1024 * 1024
      const of = (count: number) =>
        AudioSource.preloaded(AudioSource.fromFrames(Array.from({ length: count }, () => ({ data, samples: 960 }))))
      const count = Math.floor(most / kept)
      assert.strictEqual((yield* of(count)).bytes, count * kept)
      const { reason } = yield* Effect.flip(of(count + 1))
      assert.deepInclude(reason, { _tag: "SourceFailed", kind: "TooLarge" })
    }).pipe(Effect.provide(OpusEncoder.layer)))
})
