import { assert, describe, it } from "@effect/vitest"
import { Cause, Clock, Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import type * as AudioSource from "../../src/audio/AudioSource.ts"
import * as FrameSource from "../../src/audio/FrameSource.ts"
import * as Reading from "../../src/audio/Reading.ts"

describe("Reading", () => {
  it.effect("reads ahead as far as it may and no further, and fills up what was taken", () =>
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
          open,
          fromMs: 0,
          landedMs: 0,
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

  it.effect("is ready when as much is there as is wanted, or as the source wants", () =>
    Effect.gen(function*() {
      const clock = yield* Clock.Clock
      /** When it is ready, of a source that gives 20 ms of sound each 20 ms, from now on. */
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
          open: Effect.succeed(opened),
          fromMs: 0,
          landedMs: 0,
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
        // what is asked for goes before what the source wants, and makes room for itself
        assert.strictEqual(yield* readyMs(format, undefined, { leadMs: 120 }), 120)
        assert.strictEqual(yield* readyMs(format, 40, { leadMs: 120 }), 40)
        assert.strictEqual(yield* readyMs(format, undefined, { live: true }), format === "opus" ? 60 : 80)
        assert.strictEqual(yield* readyMs(format, 1_500, {}, 300), 1_500)
        // 10 seconds at most, and never more than there is
        assert.strictEqual(yield* readyMs(format, Infinity, {}, undefined, 1_000), 10_000)
        assert.strictEqual(yield* readyMs(format, 400, {}, undefined, 3), 80)
      }
    }).pipe(Effect.scoped))
})
