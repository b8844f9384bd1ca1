/**
 * What the demo shows about end-to-end encryption.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type * as VoiceDriver from "../../VoiceDriver.ts"
import type * as VoiceSession from "../../VoiceSession.ts"

/** Discord's own limit for a transition is 2 s. */
const patience = "5 seconds"

const isSettled = ({ membership, transitioning, version }: VoiceDriver.E2ee): boolean =>
  version === 0 || (membership !== undefined && !transitioning)

/**
 * Waits until the session is in a group, if it has to be in one, for at most five seconds, and returns the state.
 *
 * @category combinators
 * @since 0.1.0
 */
export const settled = Effect.fnUntraced(function*(session: VoiceSession.VoiceSession) {
  const events = yield* session.events
  const now = yield* session.e2ee
  if (isSettled(now)) return now
  return yield* events.pipe(
    Stream.filter((event) => event._tag === "E2eeChanged"),
    Stream.map(({ e2ee }) => e2ee),
    Stream.filter(isSettled),
    Stream.runHead,
    Effect.timeoutOrElse({ duration: patience, orElse: () => Effect.succeed(Option.none<VoiceDriver.E2ee>()) }),
    Effect.flatMap((found) => Option.isSome(found) ? Effect.succeed(found.value) : session.e2ee)
  )
}, Effect.scoped)
