/**
 * A source that arrives in real time. It is read as fast as it arrives, into a bounded buffer; sound that is not taken in
 * time is dropped by a stated policy, and counted.
 *
 * @since 0.1.0
 */
import type * as Cause from "effect/Cause"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import type * as Scope from "effect/Scope"
import type { VoiceError } from "../../VoiceError.ts"
import type { OpenOpus, OpenPcm, OpenSource, OpusFrame } from "../OpenSource.ts"

/**
 * The options of `AudioSource.live`.
 *
 * @category models
 * @since 0.1.0
 */
export interface LiveOptions {
  /** How much sound may wait: up to 10 minutes, and effectively at least 20 ms. Default 2 seconds. */
  readonly buffer?: Duration.Input | undefined
  /**
   * What to drop if there is no room: the oldest sound, so that the listener is never further behind than the buffer is long
   * ("drop-oldest", the default), or the sound that has just arrived ("drop-newest").
   */
  readonly overflow?: "drop-oldest" | "drop-newest" | undefined
}

/**
 * What all openings of a live source have received and lost so far.
 *
 * @category models
 * @since 0.1.0
 */
export interface LiveStatistics {
  /** The sound that was received, in milliseconds. */
  readonly receivedMs: number
  readonly droppedMs: number
  /** How often the buffer was full. */
  readonly overflows: number
}

/** The counts, which all openings of a source update. */
interface Counts {
  receivedMs: number
  droppedMs: number
  overflows: number
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const counts = (): Counts => ({ receivedMs: 0, droppedMs: 0, overflows: 0 })

/** The options, checked. */
interface Settings extends Pick<LiveOptions, "overflow"> {
  readonly bufferMs: number
}

/** A queue of items, each of which lasts for some milliseconds. */
const buffer = <A>(options: Settings, numbers: Counts, lengthMs: (item: A) => number) => {
  const limitMs = Math.max(20, options.bufferMs)
  const items: Array<A> = []
  let heldMs = 0
  return {
    offer: (item: A): void => {
      const ms = lengthMs(item)
      numbers.receivedMs += ms
      if (heldMs + ms > limitMs) numbers.overflows++
      if (options.overflow === "drop-newest" && heldMs + ms > limitMs) {
        numbers.droppedMs += ms
        return
      }
      while (heldMs + ms > limitMs) {
        const oldest = items.shift()
        if (oldest === undefined) break
        const gone = lengthMs(oldest)
        heldMs -= gone
        numbers.droppedMs += gone
      }
      items.push(item)
      heldMs += ms
    },
    takeAll: (): Array<A> => {
      heldMs = 0
      return items.splice(0)
    },
    takeOne: (): A | undefined => {
      const item = items.shift()
      if (item !== undefined) heldMs -= lengthMs(item)
      return item
    },
    isEmpty: (): boolean => items.length === 0
  }
}

/** The properties that differ for every live source. */
const live = { durationMs: undefined, seek: undefined, leadMs: undefined, live: true }

type Pull<A> = Effect.Effect<A, VoiceError | Cause.Done>

/** Reads everything that arrives, in a fiber of the scope. Waiting sound is given before the end. */
const relay = <In, Out>(
  pull: Pull<In>,
  offer: (pulled: In) => void,
  take: () => Out | undefined
): Effect.Effect<Pull<Out>, never, Scope.Scope> =>
  Effect.gen(function*() {
    const latch = yield* Latch.make()
    let end: Cause.Cause<VoiceError | Cause.Done> | undefined
    yield* pull.pipe(
      Effect.tap((pulled) =>
        Effect.suspend(() => {
          offer(pulled)
          return latch.open
        })
      ),
      Effect.forever,
      Effect.catchCause((cause) =>
        Effect.suspend(() => {
          end = cause
          return latch.open
        })
      ),
      Effect.forkScoped({ startImmediately: true })
    )
    return Effect.gen(function*() {
      while (true) {
        // before looking: whatever arrives afterwards opens the latch again
        yield* latch.close
        const out = take()
        if (out !== undefined) return out
        if (end !== undefined) return yield* Effect.failCause(end)
        yield* latch.await
      }
    })
  })

/**
 * Makes an open source live.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  opened: OpenSource,
  options: Settings,
  numbers: Counts
): Effect.Effect<OpenSource, never, Scope.Scope> =>
  opened.format === "opus" ? opus(opened, options, numbers) : pcm(opened, options, numbers)

const opus = (opened: OpenOpus, options: Settings, numbers: Counts) => {
  const frames = buffer<OpusFrame>(options, numbers, (frame) => frame.samples / 48)
  const pull = relay(
    opened.pull,
    (pulled) => {
      for (const frame of pulled) frames.offer(frame)
    },
    () => frames.isEmpty() ? undefined : frames.takeAll()
  )
  return Effect.map(pull, (pull): OpenOpus => ({ ...opened, ...live, pull }))
}

/** 20 ms of both channels together. A burst in one piece may be longer than the buffer; only a part of it is then dropped. */
const pieceSamples = 1_920

const pcm = (opened: OpenPcm, options: Settings, numbers: Counts) => {
  const pieces = buffer<Float32Array>(options, numbers, (samples) => samples.length / 96)
  const pull = relay(
    opened.pull,
    (samples) => {
      // copies: they wait here while more is pulled, and a filter may return the same array each time
      for (let at = 0; at < samples.length; at += pieceSamples) pieces.offer(samples.slice(at, at + pieceSamples))
    },
    pieces.takeOne
  )
  return Effect.map(pull, (pull): OpenPcm => ({ ...opened, ...live, pull }))
}
