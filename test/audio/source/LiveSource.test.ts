import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Queue, Stream } from "effect"
import * as AudioSource from "../../../src/audio/AudioSource.ts"
import * as OpusDecoder from "../../../src/OpusDecoder.ts"
import { collect } from "../listen.ts"
import { packet, shown } from "../samples.ts"

describe("live", () => {
  const packets = Array.from({ length: 100 }, (_, i) => packet(i))

  const fed = (options?: Parameters<typeof AudioSource.live>[1]) =>
    Effect.gen(function*() {
      const queue = yield* Queue.make<AudioSource.OpusFrame, Cause.Done>()
      const source = AudioSource.live(AudioSource.fromFrames(Stream.fromQueue(queue), { name: "station" }), options)
      return { queue, source, opened: yield* source.open }
    })

  const settle = Effect.gen(function*() {
    for (let i = 0; i < 20; i++) yield* Effect.yieldNow
  })

  it.effect("delivers what arrives, and is marked as live", () =>
    Effect.gen(function*() {
      const { opened, queue, source } = yield* fed()
      assert.strictEqual(source.name, "station")
      assert.deepStrictEqual([opened.live, opened.durationMs, opened.seek], [true, undefined, undefined])
      assert.strictEqual(opened.format, "opus")
      if (opened.format !== "opus") return
      yield* Queue.offerAll(queue, packets.slice(0, 3))
      yield* settle
      assert.deepStrictEqual(shown(yield* opened.pull), shown(packets.slice(0, 3)))
      yield* Queue.offerAll(queue, packets.slice(3, 5))
      yield* Queue.end(queue)
      yield* settle
      assert.deepStrictEqual(shown(yield* opened.pull), shown(packets.slice(3, 5)))
      assert.isTrue(Cause.isDone(yield* Effect.flip(opened.pull)))
      assert.deepStrictEqual(yield* source.statistics, { receivedMs: 100, droppedMs: 0, overflows: 0 })
    }))

  it.effect("drops the oldest frames of a burst by default, and counts them", () =>
    Effect.gen(function*() {
      const { opened, queue, source } = yield* fed({ buffer: "200 millis" })
      yield* Queue.offerAll(queue, packets)
      yield* settle
      assert.deepStrictEqual(opened.format === "opus" ? shown(yield* opened.pull) : [], shown(packets.slice(-10)))
      assert.deepStrictEqual(yield* source.statistics, { receivedMs: 2000, droppedMs: 1800, overflows: 90 })
    }))

  it.effect("drops the newest frames if requested", () =>
    Effect.gen(function*() {
      const { opened, queue, source } = yield* fed({ buffer: "200 millis", overflow: "drop-newest" })
      yield* Queue.offerAll(queue, packets)
      yield* settle
      assert.deepStrictEqual(opened.format === "opus" ? shown(yield* opened.pull) : [], shown(packets.slice(0, 10)))
      assert.strictEqual((yield* source.statistics).droppedMs, 1800)
    }))

  it.effect("delivers what has arrived before it fails", () =>
    Effect.gen(function*() {
      const frames = Stream.concat(Stream.fromIterable(packets.slice(0, 4)), Stream.fail("the line is dead"))
      const played = yield* collect(AudioSource.live(AudioSource.fromFrames(frames)))
      assert.deepStrictEqual([played.frames.length, played.end, played.live], [4, "Failed", true])
      assert.match(played.message, /the line is dead/)
    }))

  it.effect("buffers PCM, too", () =>
    Effect.gen(function*() {
      const source = AudioSource.live(AudioSource.tone({ frequency: 440, duration: "5 seconds" }), {
        buffer: "1 second"
      })
      const opened = yield* source.open
      for (let i = 0; i < 200; i++) yield* Effect.yieldNow
      const played = yield* collect({ name: "it", open: Effect.succeed(opened) })
      assert.strictEqual(played.pcm.length, 96_000)
      assert.strictEqual((yield* source.statistics).droppedMs, 4000)
    }))

  it.effect("copies samples from a filter that reuses its array", () =>
    Effect.gen(function*() {
      const given = new Float32Array(9_600)
      let value = 0
      const counting = AudioSource.mapPcm(AudioSource.silence("500 millis"), () => () => given.fill(value++))
      const opened = yield* AudioSource.live(counting).open
      for (let i = 0; i < 200; i++) yield* Effect.yieldNow
      const { pcm } = yield* collect({ name: "it", open: Effect.succeed(opened) })
      assert.deepStrictEqual([0, 1, 2, 3, 4].map((at) => pcm[at * 9_600]), [0, 1, 2, 3, 4])
    }).pipe(Effect.provide(OpusDecoder.layer)))

  it.effect("keeps the end of a single chunk that is longer than the buffer", () =>
    Effect.gen(function*() {
      const samples = Float32Array.from({ length: 480_000 }, (_, i) => i / 480_000)
      const source = AudioSource.live({
        name: "burst",
        open: Effect.sync((): AudioSource.OpenPcm => {
          let isOver = false
          return {
            format: "pcm",
            durationMs: undefined,
            tags: {},
            pull: Effect.suspend((): Effect.Effect<Float32Array, Cause.Done> => {
              if (isOver) return Cause.done()
              isOver = true
              return Effect.succeed(samples)
            })
          }
        })
      }, { buffer: "1 second" })
      const played = yield* collect(source)
      assert.deepStrictEqual(played.pcm, samples.slice(-96_000))
      assert.strictEqual(played.pcm.length, 96_000)
      assert.deepStrictEqual(yield* source.statistics, { receivedMs: 5_000, droppedMs: 4_000, overflows: 200 })
    }))
})

describe("silence and tone", () => {
  it.effect("are refused with an invalid frequency or gain", () =>
    Effect.gen(function*() {
      for (
        const options of [{ frequency: NaN }, { frequency: -1 }, { frequency: 30_000 }, { frequency: 1, gain: -1 }]
      ) {
        const { reason } = yield* Effect.flip(Effect.scoped(AudioSource.tone(options).open))
        assert.strictEqual(reason._tag, "Unsupported")
      }
    }))

  it.effect("have the requested length, and seek to the sample", () =>
    Effect.gen(function*() {
      const silence = yield* collect(AudioSource.silence("250 millis"))
      assert.deepStrictEqual([silence.end, silence.pcm.length, silence.durationMs], ["Done", 24_000, 250])
      assert.isTrue(silence.pcm.every((sample) => sample === 0))
      const source = AudioSource.tone({ frequency: 1000, duration: "300 millis", gain: 0.5 })
      const whole = yield* collect(source)
      assert.strictEqual(whole.pcm.length, 28_800)
      assert.isAtMost(Math.abs((whole.pcm[2 * 4812] ?? 0) - 0.5), 1e-6)
      const sought = yield* collect(source, { seekMs: 100.25 })
      assert.strictEqual(sought.soughtMs, 100.25)
      assert.deepStrictEqual(sought.pcm, whole.pcm.subarray(2 * 4812))
      // it begins and ends without a click
      assert.isBelow(Math.abs(whole.pcm[2] ?? 1), 0.01)
      assert.isBelow(Math.abs(whole.pcm.at(-1) ?? 1), 0.01)
    }))

  it.effect("are endless by default", () =>
    Effect.gen(function*() {
      const played = yield* collect(AudioSource.tone({ frequency: 440 }), { limitMs: 60_000 })
      assert.deepStrictEqual([played.durationMs, played.pcm.length], [undefined, 96 * 60_000])
    }))
})
