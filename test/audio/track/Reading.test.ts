import { assert, describe, it } from "@effect/vitest"
import { Cause, Clock, Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import type * as AudioSource from "../../../src/audio/AudioSource.ts"
import * as FrameSource from "../../../src/audio/source/FrameSource.ts"
import * as Reading from "../../../src/audio/track/Reading.ts"

describe("Reading", () => {
  it.effect("reads ahead up to the buffer size and no further, and refills what was taken", () =>
    Effect.gen(function*() {
      for (const bufferMs of [200, 400, 1_000, 3_000]) {
        const frame = { data: Uint8Array.of(0xfc, 1, 2, 3), samples: 960 }
        const endless: Iterable<typeof frame> = {
          [Symbol.iterator]: () => ({ next: () => ({ done: false, value: frame }) })
        }
        const open = FrameSource.open<never, never>(endless, "endless")
        const reading = Reading.make({
          clock: yield* Clock.Clock,
          name: "endless",
          opened: yield* open,
          openAgain: Effect.map(open, (again) => ({ opened: again, landedMs: 0 })),
          fromMs: 0,
          landedMs: 0,
          untilMs: Infinity,
          againMs: 0,
          bufferMs,
          leadMs: undefined,
          heardMs: () => undefined,
          onReady: Effect.void,
          again: Effect.succeed(false)
        })
        yield* Effect.forkScoped(reading.run, { startImmediately: true })
        const { media } = reading
        assert(media.format === "opus")
        const { ring } = media
        for (let i = 0; i < 200; i++) {
          yield* TestClock.adjust("20 millis")
          assert.isTrue(ring.bufferedMs() <= bufferMs, `${ring.bufferedMs()} of ${bufferMs} ms`)
          assert.isAtLeast(ring.bufferedMs(), Math.min(bufferMs, 1_000) * 0.2)
          ring.discard()
        }
      }
    }).pipe(Effect.scoped))

  it.effect("refills Opus once half of the buffer is taken, and the smaller PCM buffer once a quarter is", () =>
    Effect.gen(function*() {
      const frame = { data: Uint8Array.of(0xfc, 1, 2, 3), samples: 960 }
      const samples = new Float32Array(1_920)
      const opus: AudioSource.OpenOpus = {
        format: "opus",
        channels: 2,
        durationMs: undefined,
        tags: {},
        pull: Effect.succeed([frame])
      }
      const pcm: AudioSource.OpenPcm = { format: "pcm", durationMs: undefined, tags: {}, pull: Effect.succeed(samples) }
      for (const [opened, leastMs] of [[opus, 200], [pcm, 300]] as const) {
        // each one refills at a different time at first, so that tracks that begin together do not refill together
        for (let i = 0; i < 5; i++) {
          const reading = Reading.make({
            clock: yield* Clock.Clock,
            name: "endless",
            opened,
            openAgain: Effect.succeed({ opened, landedMs: 0 }),
            fromMs: 0,
            landedMs: 0,
            untilMs: Infinity,
            againMs: 0,
            bufferMs: 400,
            leadMs: undefined,
            heardMs: () => undefined,
            onReady: Effect.void,
            again: Effect.succeed(false)
          })
          yield* Effect.forkScoped(reading.run, { startImmediately: true })
          const { media } = reading
          const left: Array<number> = []
          for (let at = 0; at < 100; at++) {
            yield* TestClock.adjust("20 millis")
            if (media.format === "opus") media.ring.discard()
            else media.ring.read(samples, 0, 960)
            if (at > 30) left.push(media.ring.bufferedMs())
          }
          assert.closeTo(Math.min(...left), leastMs, 40, opened.format)
        }
      }
    }).pipe(Effect.scoped))

  it.effect("refills more often if it plays faster, or if some sound is taken before it is heard", () =>
    Effect.gen(function*() {
      const frame = { data: Uint8Array.of(0xfc, 1, 2, 3), samples: 960 }
      const opened: AudioSource.OpenOpus = {
        format: "opus",
        channels: 2,
        durationMs: undefined,
        tags: {},
        pull: Effect.succeed([frame])
      }
      for (const [pace, heldMs, leastMs] of [[4, 0, 400], [1, 200, 500]] as const) {
        const reading = Reading.make({
          clock: yield* Clock.Clock,
          name: "endless",
          opened,
          openAgain: Effect.succeed({ opened, landedMs: 0 }),
          fromMs: 0,
          landedMs: 0,
          untilMs: Infinity,
          againMs: 0,
          bufferMs: 800,
          leadMs: undefined,
          heardMs: () => undefined,
          onReady: Effect.void,
          again: Effect.succeed(false),
          pace: () => pace,
          heldMs: () => heldMs
        })
        yield* Effect.forkScoped(reading.run, { startImmediately: true })
        const { ring } = reading.media
        assert("discard" in ring)
        const left: Array<number> = []
        for (let at = 0; at < 100; at++) {
          yield* TestClock.adjust("20 millis")
          for (let frames = 0; frames < pace; frames++) ring.discard()
          if (at > 30) left.push(ring.bufferedMs())
        }
        assert.closeTo(Math.min(...left), leastMs, 40 * pace)
      }
    }).pipe(Effect.scoped))

  it.effect("does not reduce its lead if it plays slower", () =>
    Effect.gen(function*() {
      const frame = { data: Uint8Array.of(0xfc, 1, 2, 3), samples: 960 }
      const opened: AudioSource.OpenOpus = {
        format: "opus",
        channels: 2,
        durationMs: undefined,
        tags: {},
        pull: Effect.delay(Effect.succeed([frame]), "20 millis")
      }
      let isReady = false
      const reading = Reading.make({
        clock: yield* Clock.Clock,
        name: "slow",
        opened,
        openAgain: Effect.succeed({ opened, landedMs: 0 }),
        fromMs: 0,
        landedMs: 0,
        untilMs: Infinity,
        againMs: 0,
        bufferMs: undefined,
        leadMs: 200,
        heardMs: () => undefined,
        onReady: Effect.sync(() => {
          isReady = true
        }),
        again: Effect.succeed(false),
        pace: () => 0.5
      })
      yield* Effect.forkScoped(reading.run, { startImmediately: true })
      yield* TestClock.adjust("199 millis")
      assert.isFalse(isReady)
      yield* TestClock.adjust("1 millis")
      assert.isTrue(isReady)
    }).pipe(Effect.scoped))

  it.effect("ends if another pass delivers nothing, however many passes remain", () =>
    Effect.gen(function*() {
      const frame = { data: Uint8Array.of(0xfc, 1), samples: 960 }
      const opened = yield* FrameSource.open<never, never>([frame], "frame")
      let passes = 0
      const reading = Reading.make({
        clock: yield* Clock.Clock,
        name: "frame",
        opened,
        // it was read to its end
        openAgain: Effect.sync(() => {
          passes++
          return { opened, landedMs: 0 }
        }),
        fromMs: 0,
        landedMs: 0,
        untilMs: Infinity,
        againMs: 0,
        bufferMs: 1_000,
        leadMs: undefined,
        heardMs: () => undefined,
        onReady: Effect.void,
        again: Effect.sync(() => passes < 100)
      })
      yield* reading.run
      assert.strictEqual(passes, 1)
      assert.isTrue(reading.isComplete())
    }).pipe(Effect.scoped))

  it.effect("has no position beyond the end of its source", () =>
    Effect.gen(function*() {
      const clock = yield* Clock.Clock
      const frame = { data: Uint8Array.of(0xfc, 1), samples: 960 }
      /** The positions from frame to frame, for a source that states this duration. */
      const places = Effect.fnUntraced(function*(durationMs: number, frames: number, fromMs: number, landedMs: number) {
        const open = FrameSource.open<never, never>(Array.from({ length: frames }, () => frame), "frames")
        const opened = { ...yield* open, durationMs }
        const reading = Reading.make({
          clock,
          name: "frames",
          opened,
          openAgain: Effect.succeed({ opened, landedMs: 0 }),
          fromMs,
          landedMs,
          untilMs: Infinity,
          againMs: 0,
          bufferMs: 1_000,
          leadMs: undefined,
          heardMs: () => undefined,
          onReady: Effect.void,
          again: Effect.succeed(false)
        })
        const before = reading.positionMs()
        yield* reading.run
        const at = [before, reading.positionMs()]
        for (let i = 0; i < frames; i++) {
          if (reading.media.format === "opus") reading.media.ring.discard()
          at.push(reading.positionMs())
        }
        return at
      })
      // the last frame is sent whole, although only 5 ms of it count
      assert.deepStrictEqual(yield* places(45, 3, 0, 0), [0, 0, 20, 40, 45])
      // a seek beyond the end, with a source that cannot tell
      assert.deepStrictEqual(yield* places(45, 0, 1_000, 1_000), [45, 45])
      // there is more than was stated
      assert.deepStrictEqual(yield* places(20, 3, 1_000, 1_000), [20, 20, 1_020, 1_040, 1_060])
    }).pipe(Effect.scoped))

  it.effect("reads a source that plays faster between its bounds in source time", () =>
    Effect.gen(function*() {
      const frames = Array.from({ length: 100 }, (_, i) => ({ data: Uint8Array.of(0xfc, i), samples: 960 }))
      const open = FrameSource.open<never, never>(frames, "fast")
      const opened = { ...yield* open, speed: 2 }
      const reading = Reading.make({
        clock: yield* Clock.Clock,
        name: "fast",
        opened,
        openAgain: Effect.succeed({ opened, landedMs: 0 }),
        fromMs: 210,
        landedMs: 0,
        untilMs: 1_000,
        againMs: 210,
        bufferMs: 5_000,
        leadMs: undefined,
        heardMs: () => undefined,
        onReady: Effect.void,
        again: Effect.succeed(false)
      })
      yield* reading.run
      const { media } = reading
      assert(media.format === "opus")
      assert.deepStrictEqual([media.ring.bufferedMs(), reading.positionMs()], [400, 200])
      // 5 frames precede the one that contains the start
      const into = new Uint8Array(2)
      media.ring.read(into, 0)
      assert.strictEqual(into[1], 5)
      for (let i = 1; i < 20; i++) media.ring.discard()
      assert.strictEqual(reading.positionMs(), 1_000)
    }).pipe(Effect.scoped))

  it.effect("is ready once the requested lead is there, or the one that the source wants", () =>
    Effect.gen(function*() {
      const clock = yield* Clock.Clock
      /** When it is ready, with a source that delivers 20 ms of sound every 20 ms from now on. */
      const readyMs = Effect.fnUntraced(function*(
        format: "opus" | "pcm",
        leadMs: number | undefined,
        hints: { readonly leadMs?: number; readonly live?: boolean } = {},
        bufferMs?: number,
        pieces = 100
      ) {
        let given = 0
        const wait = Effect.andThen(
          Effect.sleep("20 millis"),
          Effect.suspend(() => given++ < pieces ? Effect.void : Cause.done())
        )
        const base = { durationMs: undefined, tags: {}, ...hints }
        const opened: AudioSource.OpenSource = format === "opus"
          ? { ...base, format, channels: 2, pull: Effect.as(wait, [{ data: Uint8Array.of(0xfc, 1), samples: 960 }]) }
          : { ...base, format, pull: Effect.map(wait, () => new Float32Array(1_920)) }
        const fromMs = Number(clock.monotonicTimeNanosUnsafe()) / 1e6
        const readyAtMs: Array<number> = []
        const reading = Reading.make({
          clock,
          name: "speech",
          opened,
          openAgain: Effect.succeed({ opened, landedMs: 0 }),
          fromMs: 0,
          landedMs: 0,
          untilMs: Infinity,
          againMs: 0,
          bufferMs,
          leadMs,
          heardMs: () => undefined,
          onReady: Effect.sync(() => {
            readyAtMs.push(Number(clock.monotonicTimeNanosUnsafe()) / 1e6 - fromMs)
          }),
          again: Effect.succeed(false)
        })
        const fiber = yield* Effect.forkScoped(reading.run, { startImmediately: true })
        for (let i = 0; i < 1_000 && readyAtMs.length === 0; i++) yield* TestClock.adjust("20 millis")
        yield* Fiber.interrupt(fiber)
        return readyAtMs[0]
      })
      for (const format of ["opus", "pcm"] as const) {
        for (
          const [leadMs, expected] of [[0, 20], [20, 20], [50, 60], [120, 120], [900, 900], [undefined, 200]] as const
        ) {
          assert.strictEqual(yield* readyMs(format, leadMs), expected)
        }
        // a requested lead takes precedence over that of the source, and the buffer grows to hold it
        assert.strictEqual(yield* readyMs(format, undefined, { leadMs: 120 }), 120)
        assert.strictEqual(yield* readyMs(format, 40, { leadMs: 120 }), 40)
        assert.strictEqual(yield* readyMs(format, undefined, { live: true }), format === "opus" ? 60 : 80)
        assert.strictEqual(yield* readyMs(format, 1_500, {}, 300), 1_500)
        // at most 10 seconds, and never more than there is
        assert.strictEqual(yield* readyMs(format, Infinity, {}, undefined, 1_000), 10_000)
        assert.strictEqual(yield* readyMs(format, 400, {}, undefined, 3), 80)
      }
    }).pipe(Effect.scoped))

  describe("of PCM", () => {
    /** Samples whose value is their index, in chunks of 100 ms. */
    const counting = (totalMs: number, landedMs: number): AudioSource.OpenPcm => {
      let atMs = landedMs
      return {
        format: "pcm",
        durationMs: totalMs,
        tags: {},
        pull: Effect.suspend(() => {
          if (atMs >= totalMs) return Cause.done()
          const from = atMs * 48
          atMs += 100
          return Effect.succeed(Float32Array.from({ length: 9_600 }, (_, i) => from + (i >> 1)))
        })
      }
    }

    const read = (
      opened: AudioSource.OpenSource,
      fromMs: number,
      landedMs: number,
      passes = 0,
      { againMs = 0, untilMs = Infinity }: { readonly againMs?: number; readonly untilMs?: number } = {}
    ) =>
      Effect.gen(function*() {
        let left = passes
        const reading = Reading.make({
          clock: yield* Clock.Clock,
          name: "counting",
          opened,
          openAgain: Effect.sync(() => ({ opened: counting(500, 0), landedMs: 0 })),
          fromMs,
          landedMs,
          untilMs,
          againMs,
          bufferMs: 300,
          leadMs: undefined,
          heardMs: () => undefined,
          onReady: Effect.void,
          again: Effect.sync(() => left-- > 0)
        })
        yield* Effect.forkScoped(reading.run, { startImmediately: true })
        const { media } = reading
        assert(media.format === "pcm")
        const { ring } = media
        const firstMs = reading.positionMs()
        const values: Array<number> = []
        const into = new Float32Array(1_920)
        while (!ring.isDrained()) {
          assert.isAtMost(ring.bufferedMs(), 300)
          const count = ring.read(into, 0, 960)
          for (let i = 0; i < count; i++) {
            assert.strictEqual(into[i * 2], into[i * 2 + 1])
            values.push(into[i * 2] ?? NaN)
          }
          yield* TestClock.adjust("20 millis")
        }
        return { reading, firstMs, values }
      })

    it.effect("begins with the sample at the requested position, and continues without a gap", () =>
      Effect.gen(function*() {
        const { firstMs, reading, values } = yield* read(counting(1_000, 200), 315, 200)
        assert.strictEqual(firstMs, 315)
        assert.deepStrictEqual(values, Array.from({ length: 685 * 48 }, (_, i) => 315 * 48 + i))
        assert.strictEqual(reading.positionMs(), 1_000)
        assert.isTrue(reading.isComplete())
      }).pipe(Effect.scoped))

    it.effect("is at the end of a source that is shorter than the requested position", () =>
      Effect.gen(function*() {
        const { firstMs, values } = yield* read(counting(500, 0), 2_000, 0)
        assert.deepStrictEqual([firstMs, values.length], [500, 0])
        // also if the source does not state its duration
        const untold = yield* read({ ...counting(500, 0), durationMs: undefined }, 2_000, 0)
        assert.deepStrictEqual([untold.reading.positionMs(), untold.values.length], [500, 0])
      }).pipe(Effect.scoped))

    it.effect("ends with the sample before its end, and begins each further pass at its start", () =>
      Effect.gen(function*() {
        const places = (fromMs: number, untilMs: number) =>
          Array.from({ length: (untilMs - fromMs) * 48 }, (_, i) => fromMs * 48 + i)
        let pulls = 0
        const counted = counting(1_000, 0)
        const opened: AudioSource.OpenPcm = {
          ...counted,
          pull: Effect.andThen(Effect.sync(() => void pulls++), counted.pull)
        }
        const one = yield* read(opened, 115, 0, 0, { againMs: 115, untilMs: 330 })
        assert.deepStrictEqual(one.values, places(115, 330))
        assert.strictEqual(one.reading.positionMs(), 330)
        assert.isTrue(one.reading.isComplete())
        // nothing after the end is requested
        assert.strictEqual(pulls, 4)

        const three = yield* read(counting(500, 0), 50, 0, 2, { againMs: 115, untilMs: 330 })
        assert.deepStrictEqual(three.values, [...places(50, 330), ...places(115, 330), ...places(115, 330)])
        assert.strictEqual(three.reading.positionMs(), 330)

        // at the end of a chunk, beyond the end of the source, and beyond its own end
        assert.deepStrictEqual((yield* read(counting(500, 0), 0, 0, 0, { untilMs: 200 })).values, places(0, 200))
        assert.deepStrictEqual((yield* read(counting(500, 0), 0, 0, 0, { untilMs: 700 })).values, places(0, 500))
        assert.strictEqual((yield* read(counting(500, 0), 400, 0, 0, { untilMs: 200 })).firstMs, 200)
        const behind = yield* read(counting(500, 0), 400, 0, 1, { againMs: 100, untilMs: 200 })
        assert.deepStrictEqual([behind.firstMs, behind.values], [100, places(100, 200)])
      }).pipe(Effect.scoped))

    it.effect("starts its positions over in each pass", () =>
      Effect.gen(function*() {
        const { reading, values } = yield* read(counting(500, 0), 200, 0, 2)
        assert.strictEqual(values.length, 1_300 * 48)
        const start = values.lastIndexOf(0)
        assert.strictEqual(start, 800 * 48)
        assert.strictEqual(reading.positionMs(), 500)
      }).pipe(Effect.scoped))

    it.effect("fails for samples that are not stereo, and for another format in the next pass", () =>
      Effect.gen(function*() {
        const odd: AudioSource.OpenPcm = { ...counting(500, 0), pull: Effect.succeed(new Float32Array(961)) }
        const { reading } = yield* read(odd, 0, 0)
        assert.match(String(reading.failure()), /961 samples cannot belong to two channels/)
        assert.isFalse(reading.isComplete())
        const opus: AudioSource.OpenOpus = {
          format: "opus",
          channels: 2,
          durationMs: undefined,
          tags: {},
          pull: Cause.done()
        }
        const other = Reading.make({
          clock: yield* Clock.Clock,
          name: "changing",
          opened: opus,
          openAgain: Effect.sync(() => ({ opened: counting(500, 0), landedMs: 0 })),
          fromMs: 0,
          landedMs: 0,
          untilMs: Infinity,
          againMs: 0,
          bufferMs: undefined,
          leadMs: undefined,
          heardMs: () => undefined,
          onReady: Effect.void,
          again: Effect.succeed(true)
        })
        yield* other.run
        assert.match(String(other.failure()), /it was opus before and is now pcm/)
      }).pipe(Effect.scoped))
  })
})
