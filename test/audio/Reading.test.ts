import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect } from "effect"
import { TestClock } from "effect/testing"
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
})
