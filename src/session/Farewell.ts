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
  /** Says that we leave. */
  readonly say: Effect.Effect<void, VoiceError.VoiceError>
  /** Waits until Discord has us in no channel of the guild. */
  readonly awaitGone: Effect.Effect<unknown>
  /** Whether the main gateway is away at the moment. */
  readonly isAway: () => boolean
  /** Whether there is an outage of the guild: nobody takes note. */
  readonly isOut: () => boolean
  /** Whether the Discord library that stands for the gateway has given the guild up: there is nobody to tell. */
  readonly isDetached: () => boolean
}

/**
 * None of them fails.
 *
 * @category models
 * @since 0.1.0
 */
export interface Farewell {
  /** Leaves, to come again, and waits until Discord has taken note, for 2 seconds at most. */
  readonly goAway: Effect.Effect<void>
  /** The same for good, without waiting where that is in vain. */
  readonly leave: Effect.Effect<void>
  /** We stay: what the gateway has not sent yet is not to be sent any more. */
  readonly takeBack: Effect.Effect<void>
}

/** How long the main gateway may take to take note that we leave. */
const leaveTimeout = Duration.seconds(2)

/** Who leaves does not wait for a gateway that has let down another one who left within this time. */
const silenceWait = Duration.seconds(10)

type Since = WeakMap<Gateway.Gateway["Service"], bigint>

/** When a gateway had not taken note in time that somebody leaves, in nanoseconds. */
const silentSince: Since = new WeakMap()

/** When a gateway that was away had not come back in time, in nanoseconds. */
const absentSince: Since = new WeakMap()

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = ({ awaitGone, clock, gateway, guildId, isAway, isDetached, isOut, say }: Options): Farewell => {
  const isHeldBack = () => gateway.isHeldBack?.() === true
  const isWithin = (marks: Since) => {
    const since = marks.get(gateway)
    return since !== undefined && clock.monotonicTimeNanosUnsafe() - since < Duration.toNanosUnsafe(silenceWait)
  }
  const mark = (marks: Since) => marks.set(gateway, clock.monotonicTimeNanosUnsafe())

  let saying: Fiber.Fiber<void, VoiceError.VoiceError> | undefined
  /** Says it once: a gateway that is away or at its limit of messages says it when it can. */
  const sayOnce = Effect.suspend(() => {
    if (saying !== undefined && saying.pollUnsafe() === undefined) return Effect.succeed(saying)
    return Effect.map(Effect.forkDetach(say, { startImmediately: true }), (fiber) => saying = fiber)
  })

  const goAway = Effect.gen(function*() {
    // only the waiting has a limit
    yield* Fiber.join(yield* sayOnce)
    if (isOut()) return
    yield* awaitGone
    silentSince.delete(gateway)
  }).pipe(
    Effect.timeoutOrElse({
      duration: leaveTimeout,
      orElse: () =>
        Effect.suspend(() => {
          if (isHeldBack() || isOut()) return Effect.void
          if (isAway()) {
            // it is told of by itself
            mark(absentSince)
            return Effect.void
          }
          const wasSilent = isWithin(silentSince)
          mark(silentSince)
          const said = `Discord has not taken note yet that we leave the voice channel of guild ${guildId}.`
          // of a thousand sessions one is enough
          return wasSilent ? Effect.logDebug(said) : Effect.logWarning(said)
        })
    }),
    Effect.catch((error) => Effect.logDebug(`leaving was not announced: ${error.message}`))
  )

  // one that is away is back in a moment, as a rule, and who ends with the program cannot say it later
  const isInVain = () => isOut() || isHeldBack() || isWithin(silentSince) || (isAway() && isWithin(absentSince))

  const leave = Effect.suspend(() => {
    if (isDetached()) return Effect.void
    return isInVain() ? Effect.asVoid(sayOnce) : goAway
  })

  const takeBack = Effect.suspend(() => saying === undefined ? Effect.void : Fiber.interrupt(saying))

  return { goAway, leave, takeBack }
}
