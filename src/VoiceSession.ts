/**
 * Voice sessions: join a voice channel, play and listen, leave when the scope closes. A session asks the `Gateway` for a
 * place in the channel, passes the answer to a `VoiceDriver`, and stays connected: it resumes a lost WebSocket, replaces a
 * lost connection and follows moves, while tracks continue where they were. You can subscribe to its state, and every way in
 * which a session can end is a reason of `VoiceError`.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as References from "effect/References"
import * as Scope from "effect/Scope"
import * as Gateway from "./Gateway.ts"
import { Mixer } from "./Mixer.ts"
import * as Ending from "./session/Ending.ts"
import * as JoinBounds from "./session/JoinBounds.ts"
import type { JoinOptions } from "./session/JoinOptions.ts"
import * as Lifetime from "./session/Lifetime.ts"
import { Observation } from "./session/Observation.ts"
import * as Parts from "./session/Parts.ts"
import * as Policy from "./session/Policy.ts"
import * as Session from "./session/VoiceSession.ts"
import * as VoiceDriver from "./VoiceDriver.ts"
import type * as VoiceError from "./VoiceError.ts"

export {
  /**
   * @category schemas
   * @since 0.1.0
   */
  State
} from "./session/State.ts"

export type {
  /**
   * @category models
   * @since 0.1.0
   */
  SentFrame
} from "./driver/media/Tap.ts"

export type {
  /**
   * @category models
   * @since 0.1.0
   */
  Event
} from "./session/Event.ts"

export type {
  /**
   * @category models
   * @since 0.1.0
   */
  JoinOptions
} from "./session/JoinOptions.ts"

export type {
  /**
   * @category models
   * @since 0.1.0
   */
  Member
} from "./receive/Member.ts"

export type {
  /**
   * @category models
   * @since 0.1.0
   */
  Restrictions
} from "./session/Restrictions.ts"

export type {
  /**
   * @category models
   * @since 0.1.0
   */
  DuckOptions,
  /**
   * @category models
   * @since 0.1.0
   */
  Interrupted,
  /**
   * @category models
   * @since 0.1.0
   */
  PlayOptions
} from "./session/Playing.ts"

export type {
  /**
   * @category models
   * @since 0.1.0
   */
  VoiceSession
} from "./session/VoiceSession.ts"

/**
 * The default policy. Reacts to losses as the table of close codes says, with growing delays between attempts.
 *
 * @category constants
 * @since 0.1.0
 */
export const policy: Policy.Policy = Policy.standard

/**
 * A policy that never reconnects: the first loss that cannot be resumed ends the session.
 *
 * @category constants
 * @since 0.1.0
 */
export const policyNever: Policy.Policy = Policy.never

/**
 * Joins a voice channel. The session lives until the scope closes. It then leaves: it ends the audio with silence, tells
 * Discord, and releases every socket and timer, in bounded time even if nothing answers.
 *
 * Fails with:
 *
 * - `AlreadyJoined`,
 * - `NotAdmitted` if Discord does not let the bot in and the gateway knows why,
 * - `JoinTimedOut`, which says what is missing and the likely cause,
 * - `Unsupported` for an invalid option,
 * - an error of the gateway, or
 * - the reason why connecting was given up.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const session = yield* VoiceSession.join({ guildId, channelId })
 *   const track = yield* session.play(AudioSource.fromFile("song.ogg"))
 *   yield* track.awaitEnd
 * }).pipe(Effect.scoped)
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const join = Effect.fn("VoiceSession.join")(function*(
  options: JoinOptions
): Effect.fn.Return<
  Session.VoiceSession,
  VoiceError.VoiceError,
  Gateway.Gateway | Mixer | Scope.Scope | VoiceDriver.VoiceDriver
> {
  yield* JoinBounds.check(options)
  const gateway = yield* Gateway.Gateway
  const mixer = yield* Mixer
  const driver = yield* VoiceDriver.VoiceDriver
  const outer = yield* Effect.scope
  const scope = yield* Scope.fork(outer)
  const { guildId } = options
  const target = { channelId: options.channelId }
  const lifetime = yield* Scope.provide(Lifetime.make(target.channelId), scope)
  const parts = yield* Parts.make({ gateway, mixer, driver, join: options, target, lifetime }).pipe(
    Scope.provide(scope),
    // the fibers outlive this call, and every interruption within them would be annotated with its frame
    Effect.provideService(References.CurrentStackFrame, undefined),
    Effect.onExit((exit) => Exit.isFailure(exit) ? Scope.close(scope, exit) : Effect.void)
  )
  yield* Ending.prepare({ guildId, lifetime, parts, scope, outer })
  const session = Session.make({ guildId, gateway, target, receive: options.receive, lifetime, parts })
  const observe = yield* Observation
  yield* Scope.provide(observe(session), scope)
  return session
})
