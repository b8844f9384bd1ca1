/**
 * Virtual time for tests that run on the `TestClock`.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/testing/TestClock"

/** Turns given to fibers that have just been started, so that they reach the point where they wait for time. */
const turns = 64

/**
 * Moves the `TestClock`, as `TestClock.adjust` does, but first lets fibers that were just started come to the point where
 * they wait. A bot that was forked on the line before has then begun to connect, and connects while the time passes.
 *
 * @category testing
 * @since 0.1.0
 */
export const advance = (duration: Duration.Input): Effect.Effect<void> =>
  Effect.andThen(Effect.repeat(Effect.yieldNow, { times: turns }), TestClock.adjust(duration))
