/**
 * How long a track waits for a source that gives nothing.
 *
 * @since 0.1.0
 */
import type * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

/**
 * @category models
 * @since 0.1.0
 */
export interface Options {
  readonly clock: Clock.Clock
  readonly scope: Scope.Scope
  /** How long it may take, in milliseconds. */
  readonly limitMs: number
  /** Nobody wants anything of it at the moment, or ever again. */
  readonly isExcused: () => boolean
  /** It has given something that nobody takes. */
  readonly hasFrames: () => boolean
  /** What it has given so far, in milliseconds. While that grows, it is not silent, though nothing may have begun yet. */
  readonly givenMs: () => number
  readonly onStarved: (silentMs: number) => Effect.Effect<void>
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Hunger {
  /** It waits from now on. */
  readonly begin: Effect.Effect<void>
  readonly end: () => void
  readonly isHungry: () => boolean
}

/** How often it is looked at, in a share of the limit, and in milliseconds at least. */
const looks = 20
const leastLookMs = 20

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = ({ clock, givenMs, hasFrames, isExcused, limitMs, onStarved, scope }: Options): Hunger => {
  /** Of the monotonic clock, while it waits. */
  let sinceMs: number | undefined
  let isWatched = false
  let lastMs = 0
  const nowMs = () => Number(clock.monotonicTimeNanosUnsafe()) / 1_000_000
  const isStarving = () => sinceMs !== undefined && !isExcused()

  /** There is nothing to watch, and no timer, while something comes. */
  const watch = Effect.gen(function*() {
    while (isStarving()) {
      yield* Effect.sleep(Duration.millis(Math.max(leastLookMs, limitMs / looks)))
      if (sinceMs === undefined || !isStarving()) continue
      const given = givenMs()
      // frames that nobody takes, because there is no connection, are no fault of the source
      if (hasFrames() || given !== lastMs) sinceMs = nowMs()
      lastMs = given
      const silentMs = nowMs() - sinceMs
      if (silentMs >= limitMs) yield* onStarved(silentMs)
    }
  }).pipe(Effect.ensuring(Effect.sync(() => {
    isWatched = false
  })))

  return {
    begin: Effect.suspend(() => {
      sinceMs = nowMs()
      lastMs = givenMs()
      if (isWatched || isExcused()) return Effect.void
      isWatched = true
      return Effect.asVoid(Effect.forkIn(watch, scope, { startImmediately: true }))
    }),
    end: () => {
      sinceMs = undefined
    },
    isHungry: () => sinceMs !== undefined
  }
}
