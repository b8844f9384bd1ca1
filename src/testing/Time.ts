/**
 * Virtual time for tests that run on the `TestClock`.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
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

/**
 * Does something that takes time while time passes: starts it, moves the `TestClock` as {@link advance} does, and gives what it gives, or
 * fails as it fails. What it has not done by then is waited for, and has no time any more unless somebody else moves the clock.
 *
 * **Example** (A bot that is far away leaves)
 *
 * ```ts
 * import { Fiber } from "effect"
 * import { Time } from "effect-discord-voice/testing"
 *
 * const left = Time.during(Fiber.interrupt(bot), "1 second")
 * ```
 *
 * @category testing
 * @since 0.1.0
 */
export const during = <A, E, R>(effect: Effect.Effect<A, E, R>, duration: Duration.Input): Effect.Effect<A, E, R> =>
  Effect.flatMap(Effect.forkChild(effect), (fiber) => Effect.andThen(advance(duration), Fiber.join(fiber)))
