/**
 * Virtual time for tests that run on the `TestClock`.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"

/** The number of turns for fibers that have been started, so that they reach the point where they wait for time. */
const turns = 64

/**
 * Advances the `TestClock` like `TestClock.adjust`, but first lets newly started fibers run to the point where they wait. A bot
 * that was forked on the line before has then started to connect, and connects while the time passes.
 *
 * @category testing
 * @since 0.1.0
 */
export const advance = (duration: Duration.Input): Effect.Effect<void> =>
  Effect.andThen(Effect.repeat(Effect.yieldNow, { times: turns }), TestClock.adjust(duration))

/**
 * Runs an effect that takes time while time passes: starts it, advances the `TestClock` like {@link advance}, and returns its
 * result or fails with its error. If it is not finished by then, it is awaited, but gets no further time unless something else
 * advances the clock.
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
