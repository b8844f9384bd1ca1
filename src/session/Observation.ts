/**
 * A hook that runs for every session that is joined, while it lives. It does nothing, unless a layer sets it.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { VoiceSession } from "./VoiceSession.ts"

/**
 * Runs when a session has been joined, in a scope that closes before the session leaves. It must not wait.
 *
 * @category models
 * @since 0.1.0
 */
export type Observation = (session: VoiceSession) => Effect.Effect<void, never, Scope.Scope>

/**
 * @category references
 * @since 0.1.0
 */
export const Observation = Context.Reference<Observation>("effect-discord-voice/session/Observation", {
  defaultValue: () => () => Effect.void
})
