import { Cause, Effect, Queue } from "effect"
import { TestClock } from "effect/testing"
import type { AudioSource, OpusFrame } from "../../src/audio/AudioSource.ts"
import type * as FakeConnection from "./FakeConnection.ts"

/** A frame of 20 ms that contains its own number. */
export const frameOf = (index: number): OpusFrame => ({ data: Uint8Array.of(index & 0xff, index >> 8), samples: 960 })

export const indexOf = ({ data }: { readonly data: Uint8Array }): number => (data[0] ?? 0) + ((data[1] ?? 0) << 8)

/** A source of `count` frames, in batches of `batch`. */
export const sourceOf = (count: number, batch = 4): AudioSource => ({
  name: "numbers",
  open: Effect.sync(() => {
    let next = 0
    return {
      format: "opus",
      durationMs: count * 20,
      tags: {},
      channels: 2,
      pull: Effect.suspend(() => {
        if (next >= count) return Cause.done()
        const frames = Array.from({ length: Math.min(batch, count - next) }, (_, i) => frameOf(next + i))
        next += frames.length
        return Effect.succeed(frames)
      })
    }
  })
})

/** A source that delivers what is put into a queue, and does not end. */
export const liveOf = (queue: Queue.Queue<OpusFrame>): AudioSource => ({
  name: "live",
  open: Effect.succeed({
    format: "opus",
    durationMs: undefined,
    tags: {},
    channels: 2,
    pull: Queue.takeAll(queue)
  })
})

/** Lets time pass in the track and in the driver together. */
export const play = (fake: Effect.Success<typeof FakeConnection.make>, frames: number): Effect.Effect<void> =>
  Effect.forEach(
    Array.from({ length: frames }),
    () => Effect.andThen(fake.steps(1), TestClock.adjust("20 millis")),
    { discard: true }
  )
