/**
 * How a session ends. If its scope closes, it leaves. If it is permanently lost, it closes its scope itself, so that the
 * guild is free again.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import type { GuildId } from "../protocol/Identifier.ts"
import type * as VoiceError from "../VoiceError.ts"
import { type Lifetime, notConnected } from "./Lifetime.ts"
import type { Parts } from "./Parts.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Options {
  readonly guildId: GuildId
  readonly lifetime: Lifetime
  readonly parts: Pick<Parts, "conduit" | "playing" | "supervisor">
  /** The session's own scope. */
  readonly scope: Scope.Closeable
  /** The caller's scope. */
  readonly outer: Scope.Scope
}

/**
 * Prepares for the end, whichever comes.
 *
 * @category combinators
 * @since 0.1.0
 */
export const prepare = Effect.fnUntraced(function*(
  { guildId, lifetime, outer, parts, scope }: Options
): Effect.fn.Return<void> {
  const { conduit, playing, supervisor } = parts

  const onLost = (exit: Exit.Exit<never, VoiceError.VoiceError>) =>
    Effect.gen(function*() {
      // the scope is closing already
      if (lifetime.isOver() || Exit.isSuccess(exit)) return
      const failure = Cause.findErrorOption(exit.cause)
      if (Option.isNone(failure)) {
        lifetime.die(Cause.die(Cause.squash(exit.cause)))
        yield* Effect.logError(`The voice session in guild ${guildId} died`, exit.cause)
      }
      const error = Option.getOrElse(failure, () => notConnected("The voice session"))
      yield* lifetime.end(error)
      yield* conduit.end(error, true)
      if (playing.made !== undefined) yield* playing.made.awaitEnds
      // observers of the session learn of its end before those who wait for it
      yield* Effect.yieldNow
      yield* Scope.close(scope, Exit.void)
    })

  // This fiber runs outside of the session's own scope, because it closes that scope; by then, a track has reported its own
  // end.
  const fork = Effect.runForkWith(yield* Effect.context<never>())
  supervisor.addObserver((exit) => void fork(Effect.forkIn(onLost(exit), outer, { startImmediately: true })))
  yield* Scope.addFinalizer(
    scope,
    Effect.suspend(() => Effect.andThen(conduit.end(notConnected("The voice session"), false), lifetime.end()))
  )
})
