/**
 * How a session leaves a guild: Discord is told, and has a moment to take note.
 *
 * @since 0.1.0
 */
import type * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Gateway from "../Gateway.ts"
import type { GuildId } from "../protocol/Identifier.ts"
import type * as VoiceError from "../VoiceError.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Options {
  readonly gateway: Gateway.Gateway["Service"]
  readonly guildId: GuildId
  readonly clock: Clock.Clock
  /** Says that the bot leaves. */
  readonly say: Effect.Effect<void, VoiceError.VoiceError>
  /** Waits until Discord has the bot in no channel of the guild. */
  readonly awaitGone: Effect.Effect<unknown>
  /** Whether the main gateway is unavailable at the moment. */
  readonly isAway: () => boolean
  /** How often what was sent may have been lost with the connection of the main gateway, which has resumed since. */
  readonly resumes: () => number
  /** Whether the guild has an outage: nobody takes note then. */
  readonly isOut: () => boolean
  /** Says that the bot leaves once the outage is over. Never fails. */
  readonly leaveAfterOutage: Effect.Effect<void>
  /** Whether the Discord library beneath the gateway has given up the guild: there is nobody to tell. */
  readonly isDetached: () => boolean
}

/**
 * The ways to leave, and to withdraw that; none of them fails.
 *
 * @category models
 * @since 0.1.0
 */
export interface Farewell {
  /** Leaves in order to come again, and waits until Discord has taken note, for 2 seconds at most. */
  readonly goAway: Effect.Effect<void>
  /** Leaves permanently. Does the same, without waiting if that is pointless. */
  readonly leave: Effect.Effect<void>
  /** The bot stays: withdraws a request to leave that the gateway has not sent yet. */
  readonly takeBack: Effect.Effect<void>
}

/** How long the main gateway may take to confirm that the bot has left. */
const leaveTimeout = Duration.seconds(2)

/** A session does not wait for a gateway that has failed to confirm another one's leaving within this time. */
const silenceWait = Duration.seconds(10)

type Since = WeakMap<Gateway.Gateway["Service"], bigint>

/** When a gateway last failed to confirm in time, in nanoseconds. */
const silentSince: Since = new WeakMap()

/** When an unavailable gateway last failed to come back in time, in nanoseconds. */
const absentSince: Since = new WeakMap()

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  { awaitGone, clock, gateway, guildId, isAway, isDetached, isOut, leaveAfterOutage, resumes, say }: Options
): Farewell => {
  const isHeldBack = () => gateway.isHeldBack?.() === true
  const isWithin = (marks: Since) => {
    const since = marks.get(gateway)
    return since !== undefined && clock.monotonicTimeNanosUnsafe() - since < Duration.toNanosUnsafe(silenceWait)
  }
  const mark = (marks: Since) => marks.set(gateway, clock.monotonicTimeNanosUnsafe())

  let saying: Fiber.Fiber<void, VoiceError.VoiceError> | undefined
  /** Sends it once: a gateway that is unavailable, or at its limit of messages, sends it when it can. */
  const sayOnce = Effect.suspend(() => {
    if (saying !== undefined && saying.pollUnsafe() === undefined) return Effect.succeed(saying)
    return Effect.map(Effect.forkDetach(say, { startImmediately: true }), (fiber) => saying = fiber)
  })

  const untilGone = Effect.gen(function*() {
    // only the waiting has a limit
    yield* Fiber.join(yield* sayOnce)
    if (isOut()) return
    yield* awaitGone
    silentSince.delete(gateway)
  })

  const unconfirmed = (resumesBefore: number) =>
    Effect.suspend(() => {
      if (isHeldBack() || isOut()) return Effect.void
      // the gateway's absence is reported separately
      if (isAway()) mark(absentSince)
      // it may have been lost with the connection, and the bot would stay: if it does not wait to be sent, it is sent again
      if (isAway() || resumes() > resumesBefore) return Effect.asVoid(sayOnce)
      const wasSilent = isWithin(silentSince)
      mark(silentSince)
      const said = `Discord has not confirmed yet that the bot left the voice channel of guild ${guildId}.`
      // one warning is enough for a thousand sessions
      return wasSilent ? Effect.logDebug(said) : Effect.logWarning(said)
    })

  const goAway = Effect.suspend(() => {
    const resumesBefore = resumes()
    const orElse = () => unconfirmed(resumesBefore)
    return Effect.timeoutOrElse(untilGone, { duration: leaveTimeout, orElse })
  }).pipe(
    Effect.catch((error) => Effect.logDebug(`Could not tell Discord that the bot is leaving: ${error.message}`))
  )

  // an unavailable gateway is usually back in a moment, and a program that ends cannot send it later
  const isInVain = () => isOut() || isHeldBack() || isWithin(silentSince) || (isAway() && isWithin(absentSince))

  const leave = Effect.suspend(() => {
    if (isDetached()) return Effect.void
    return Effect.andThen(
      isInVain() ? Effect.asVoid(sayOnce) : goAway,
      Effect.suspend(() => isOut() ? Effect.forkDetach(leaveAfterOutage, { startImmediately: true }) : Effect.void)
    )
  }).pipe(Effect.asVoid)

  const takeBack = Effect.suspend(() => saying === undefined ? Effect.void : Fiber.interrupt(saying))

  return { goAway, leave, takeBack }
}
