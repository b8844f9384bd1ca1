/**
 * Virtual time for tests that run on the `TestClock`.
 *
 * @since 0.1.0
 */
import * as Console from "effect/Console"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"

/** How long an effect may wait after its time has passed, on the machine's clock, before a warning is logged. */
const patience = "2 seconds"

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
 * advances the clock. Because such a test would only time out, a warning is logged after two seconds of the machine's clock.
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
  Effect.gen(function*() {
    const fiber = yield* Effect.forkChild(effect)
    yield* advance(duration)
    const warning = yield* Effect.forkChild(TestClock.withLive(Effect.delay(warn(duration), patience)))
    return yield* Effect.ensuring(Fiber.join(fiber), Fiber.interrupt(warning))
  })

const warn = (duration: Duration.Input) => {
  const given = Duration.format(Duration.fromInputUnsafe(duration))
  return Effect.logWarning(
    `The effect that Time.during runs has not ended within ${given}, and the clock is no longer advancing. ` +
      "If it waits for the clock, give it more time. If it waits for a bot that was forked, the bot may have failed: " +
      "look at `bot.pollUnsafe()`."
  ).pipe(
    // a test has a console of its own, which shows nothing
    Effect.provideService(Console.Console, globalThis.console)
  )
}
