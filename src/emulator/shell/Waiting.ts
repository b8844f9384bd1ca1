/**
 * Waits for something to happen in the emulator's core.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Core from "../core/Core.ts"
import type { Driver } from "./Driver.ts"
import type { EmulatorError } from "./EmulatorError.ts"

/**
 * Calls `look` immediately, and after each thing that `watch` reports, until it has found something or says why that will not
 * come any more. Fails with `closed` when the emulator closes, and dies of what `look` throws.
 *
 * @category combinators
 * @since 0.1.0
 */
export const until = <A>(
  driver: Pick<Driver, "run" | "closed">,
  watch: (core: Core.Core) => (f: () => void) => () => void,
  look: (core: Core.Core) => { readonly found: A } | { readonly failure: EmulatorError } | undefined,
  closed: () => EmulatorError
): Effect.Effect<A, EmulatorError> =>
  Effect.callback<A, EmulatorError>((resume) => {
    let unwatch: (() => void) | undefined
    const end = (effect: Effect.Effect<A, EmulatorError>) => {
      unwatch?.()
      resume(effect)
    }
    driver.run((core) => {
      const lookOnce = () => {
        try {
          const result = look(core)
          if (result !== undefined) {
            end("failure" in result ? Effect.fail(result.failure) : Effect.succeed(result.found))
          }
        } catch (cause) {
          // it runs inside the bot's request, and is not the emulator's fault
          end(Effect.die(cause))
        }
      }
      unwatch = watch(core)(lookOnce)
      lookOnce()
    })
    return Effect.sync(() => unwatch?.())
  }).pipe(
    Effect.raceFirst(Effect.flatMap(driver.closed, () => Effect.fail(closed())))
  )

/**
 * The same for at most `timeout`. After that `late` describes the failure, given the duration.
 *
 * @category combinators
 * @since 0.1.0
 */
export const within = <A>(
  driver: Pick<Driver, "call">,
  wait: Effect.Effect<A, EmulatorError>,
  timeout: Duration.Input,
  late: (core: Core.Core, time: string) => EmulatorError
): Effect.Effect<A, EmulatorError> =>
  Effect.suspend(() => {
    const duration = Duration.fromInputUnsafe(timeout)
    const tooLate = driver.call((core) => late(core, Duration.format(duration)))
    return Effect.timeoutOrElse(wait, { duration, orElse: () => Effect.flatMap(tooLate, Effect.fail) })
  })
