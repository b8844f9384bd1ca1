/**
 * How a session enters a channel: it asks Discord for a place, and waits a limited time for both answers. If Discord stays
 * silent, the gateway may know why.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import type * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Gateway from "../Gateway.ts"
import type { ChannelId, GuildId } from "../protocol/Identifier.ts"
import * as VoiceError from "../VoiceError.ts"
import { Deadline } from "./Deadline.ts"
import type { Flags, Known, Now, Place } from "./Known.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Options {
  readonly gateway: Gateway.Gateway["Service"]
  readonly guildId: GuildId
  readonly clock: Clock.Clock
  readonly known: Pick<Known, "now" | "until" | "place" | "tell">
  /** Whether someone in voice may be the bot: the gateway does not know which user the bot is. */
  readonly isUnrecognized: () => boolean
  /** Leaves in order to come again. Never fails. */
  readonly goAway: Effect.Effect<void>
  /** Run before a request: waits until no earlier request to leave is waiting to be sent. Never fails. */
  readonly settle: Effect.Effect<void>
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Wanted {
  readonly channelId: ChannelId
  readonly flags: Flags
  /** Whether to leave first, so that Discord gives out new credentials. */
  readonly anew: Effect.Effect<boolean>
  readonly timeout: Duration.Duration
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Arrival {
  /**
   * Asks for a place in a channel and waits for both answers. Fails with `NotAdmitted` if the gateway can tell why there are
   * none, with `JoinTimedOut`, which says what did not arrive, and as the gateway fails.
   */
  readonly request: (wanted: Wanted) => Effect.Effect<Place, VoiceError.VoiceError>
  /**
   * Fails with `NotAdmitted` when Discord has left a request unanswered for 2 seconds and the gateway can tell why. Never
   * succeeds. `unansweredSince`: when Discord was asked, in nanoseconds of the clock, if both answers are missing.
   */
  readonly refused: (
    channelId: ChannelId,
    unansweredSince: () => bigint | undefined
  ) => Effect.Effect<never, VoiceError.VoiceError>
  /** The deadline of a request that begins now. */
  readonly deadline: (timeout: Duration.Duration) => Deadline
}

/**
 * If there is a voice state but no voice server for this long, Discord will not send one: the session leaves and comes again.
 */
const stuckAfter = Duration.seconds(5)

/** Discord grants a request within a second at most; after this long a silence, the gateway is asked why. */
const obstacleWait = Duration.seconds(2)

/**
 * Which answers to a request for a channel have not arrived since `before`; `undefined` if all have.
 *
 * @category getters
 * @since 0.1.0
 */
export const missing = (
  before: Now,
  now: Now,
  channelId: ChannelId,
  hadState = false
): "both" | "VOICE_STATE_UPDATE" | "VOICE_SERVER_UPDATE" | "endpoint" | undefined => {
  const hasState = hadState || (now.states > before.states && now.channelId === channelId)
  const hasServer = now.servers > before.servers
  if (!hasState) return hasServer ? "VOICE_STATE_UPDATE" : "both"
  if (!hasServer) return "VOICE_SERVER_UPDATE"
  return now.server?.endpoint === null ? "endpoint" : undefined
}

/**
 * Why a request was not answered in time.
 *
 * @category getters
 * @since 0.1.0
 */
export const cause = (
  missing: VoiceError.JoinTimedOut["missing"],
  now: Pick<Now, "isOut">
): VoiceError.JoinTimedOut["missing"] => missing === "both" && now.isOut ? "guild" : missing

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  { clock, gateway, goAway, guildId, isUnrecognized, known, settle }: Options
): Arrival => {
  const isHeldBack = () => gateway.isHeldBack?.() === true

  const startDeadline: Arrival["deadline"] = (timeout) => new Deadline(clock, timeout, isHeldBack)

  const refused: Arrival["refused"] = Effect.fnUntraced(function*(channelId, unansweredSince) {
    const { obstacle: find } = gateway
    if (find === undefined) return yield* Effect.never
    const question = Effect.catchCause(
      Effect.suspend(() => find(guildId, channelId)),
      (cause) =>
        Cause.hasInterruptsOnly(cause)
          ? Effect.interrupt
          : Effect.as(Effect.logWarning("Could not find out why Discord does not let the bot in", cause), undefined)
    )
    /** The time of the request for which the gateway was asked and found no obstacle. */
    let cleared: bigint | undefined
    while (true) {
      const since = unansweredSince()
      if (since === undefined || since === cleared || known.now().isAway || known.now().isOut || isHeldBack()) {
        yield* Effect.sleep(obstacleWait)
        continue
      }
      const left = Duration.subtract(obstacleWait, Duration.nanos(clock.monotonicTimeNanosUnsafe() - since))
      if (Duration.isGreaterThan(left, Duration.zero)) {
        yield* Effect.sleep(left)
        continue
      }
      const obstacle = yield* question
      if (unansweredSince() !== since) continue
      if (obstacle !== undefined) {
        return yield* VoiceError.fail(new VoiceError.NotAdmitted({ guildId, channelId, obstacle }))
      }
      cleared = since
    }
  })

  const request: Arrival["request"] = ({ anew, channelId: wanted, flags, timeout }) =>
    Effect.gen(function*() {
      let channelId = wanted
      const deadline = startDeadline(timeout)
      let wasStuck = false
      /** Whether Discord has let the bot in, wherever a moderator has moved it since. */
      let wasGranted = false
      let before = known.now()

      const whatIsMissing = (): VoiceError.JoinTimedOut["missing"] => {
        if (deadline.askedAt === undefined) return "gateway"
        if (isUnrecognized()) return "userId"
        const current = known.now()
        return missing(before, current, channelId, wasStuck || (wasGranted && current.channelId !== null)) ?? "endpoint"
      }

      const answered = (current: Now): Effect.Effect<Place, VoiceError.VoiceError> | undefined => {
        if (current.failure !== undefined) return Effect.fail(current.failure)
        if (current.detached !== undefined && current.detached.times > (before.detached?.times ?? 0)) {
          return Effect.fail(current.detached.error)
        }
        if (current.states > before.states && current.channelId === channelId) wasGranted = true
        if (current.servers === before.servers || !wasGranted) return undefined
        const found = known.place()
        return found === undefined ? undefined : Effect.succeed(found)
      }

      const ask = Effect.gen(function*() {
        deadline.asking()
        // whatever arrives before that answers an earlier caller
        yield* settle
        wasGranted = false
        before = known.now()
        yield* known.tell(channelId, flags)
        deadline.asked()
        // it may have waited to be sent: only what comes after that can have lost it
        const { newSessions, resumes, returns } = known.now()
        before = { ...before, newSessions, resumes, returns }
      })

      const isStuck = ({ channelId: current, servers, states }: Now) =>
        deadline.askedAt !== undefined && states > before.states && current === channelId && servers === before.servers
          ? true
          : undefined

      const run = Effect.gen(function*() {
        if (yield* anew) yield* goAway
        yield* ask
        const stuck = Effect.gen(function*() {
          while (true) {
            yield* known.until(isStuck)
            yield* Effect.sleep(stuckAfter)
            if (isStuck(known.now()) === true) return "stuck" as const
          }
        })
        // a new session knows nothing of requests to the former one, and requests during an outage are lost. Where the main
        // gateway resumes, all answers were repeated: without any, the request was lost with the connection
        const isForgotten = known.until((now) =>
          now.newSessions > before.newSessions
            ? "forgotten" as const
            : now.returns > before.returns
            ? "lost" as const
            : now.resumes > before.resumes && missing(before, now, channelId, wasGranted) === "both"
            ? "forgotten" as const
            : undefined
        )
        while (true) {
          // if Discord has the bot in the channel already, it may send no voice server: leave, and come again
          const next = yield* Effect.raceAllFirst([
            known.until(answered),
            isForgotten,
            wasStuck ? Effect.never : stuck
          ])
          if (Effect.isEffect(next)) return yield* next
          if (next === "stuck") {
            wasStuck = true
            yield* Effect.logDebug("Discord named no voice server for the channel; leaving and joining again")
            yield* goAway
          }
          if (next === "lost") {
            // someone may have moved the bot in the meantime
            const { channelId: from } = before
            const { channelId: where } = known.now()
            if (typeof from === "string" && typeof where === "string" && where !== from) channelId = where
            // the bot may have left in the meantime, too
            if (yield* anew) yield* goAway
          }
          yield* ask
        }
      })

      const expired = Effect.flatMap(deadline.expiry, () =>
        VoiceError.fail(
          new VoiceError.JoinTimedOut({
            guildId,
            channelId,
            missing: cause(whatIsMissing(), known.now()),
            elapsedMs: deadline.elapsedMs()
          })
        ))
      const unansweredSince = () => channelId === wanted && whatIsMissing() === "both" ? deadline.askedAt : undefined
      return yield* Effect.raceAllFirst([run, expired, refused(wanted, unansweredSince)])
    })

  return { request, refused, deadline: startDeadline }
}
