/**
 * Our presence in a guild, as the main gateway knows it: taken by one session at a time, asked for, and given up.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import * as SubscriptionRef from "effect/SubscriptionRef"
import type * as Gateway from "../Gateway.ts"
import type { ChannelId, GuildId, UserId } from "../protocol/Identifier.ts"
import * as VoiceDriver from "../VoiceDriver.ts"
import * as VoiceError from "../VoiceError.ts"

/**
 * Where we want to be, and how we are shown there.
 *
 * @category models
 * @since 0.1.0
 */
export interface Request {
  readonly guildId: GuildId
  readonly channelId: ChannelId
  /** Shows us as muted; nothing is sent while it is so. Default false. */
  readonly selfMute?: boolean | undefined
  /** Shows us as deaf; nothing is received while it is so. Default false. */
  readonly selfDeaf?: boolean | undefined
  /** How long the main gateway may take to be ready and to send both voice events. Default 15 seconds. */
  readonly joinTimeout?: Duration.Input | undefined
}

const defaultJoinTimeout = Duration.seconds(15)

/** How long the main gateway may take to take note that we leave. */
const leaveTimeout = Duration.seconds(2)

/** The guilds in which a gateway's user has a session. A bot has one voice connection in a guild. */
const claims = new WeakMap<Gateway.Gateway["Service"], Map<GuildId, ChannelId>>()

/**
 * Takes a guild for a session, until the scope closes. Fails with `AlreadyJoined`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const claim = (gateway: Gateway.Gateway["Service"], guildId: GuildId, channelId: ChannelId) =>
  Effect.acquireRelease(
    Effect.suspend(() => {
      const taken = claims.get(gateway) ?? new Map<GuildId, ChannelId>()
      claims.set(gateway, taken)
      const other = taken.get(guildId)
      if (other !== undefined) {
        return VoiceError.fail(new VoiceError.AlreadyJoined({ guildId, channelId: other }))
      }
      taken.set(guildId, channelId)
      return Effect.succeed(taken)
    }),
    (taken) => Effect.sync(() => taken.delete(guildId))
  )

/**
 * Watches whether Discord has us in a channel of the guild. The result leaves: it says so, and waits until Discord says so
 * too, because what Discord said before must not be taken for an answer to the next join.
 *
 * @category constructors
 * @since 0.1.0
 */
export const makeLeaving = Effect.fnUntraced(function*(gateway: Gateway.Gateway["Service"], guildId: GuildId) {
  const present = yield* SubscriptionRef.make(false)
  const events = yield* gateway.subscribe
  let self: UserId | undefined
  /** Who is in a channel of the guild, as long as we may be any of them. */
  const members = new Set<UserId>()
  yield* gateway.userId.pipe(
    Effect.flatMap((userId) => {
      self = userId
      const isPresent = members.has(userId)
      members.clear()
      return SubscriptionRef.set(present, isPresent)
    }),
    Effect.ignore,
    Effect.forkScoped({ startImmediately: true })
  )
  yield* Stream.runForEach(events, (event) => {
    if (event._tag === "Detached" && event.guildId === guildId) {
      members.clear()
      return SubscriptionRef.set(present, false)
    }
    if (event._tag !== "VoiceState" || event.state.guild_id !== guildId) return Effect.void
    const { channel_id, user_id } = event.state
    if (self === undefined) {
      if (channel_id === null) members.delete(user_id)
      else members.add(user_id)
    }
    return user_id === self ? SubscriptionRef.set(present, channel_id !== null) : Effect.void
  }).pipe(
    Effect.ignore,
    Effect.ensuring(SubscriptionRef.set(present, false)),
    Effect.forkScoped({ startImmediately: true })
  )
  const gone = SubscriptionRef.changes(present).pipe(
    Stream.filter((isPresent) => !isPresent),
    Stream.take(1),
    Stream.runDrain
  )
  const leave = Effect.gen(function*() {
    // Only the waiting has a limit: a gateway that is away or at its send limit says it when it can.
    const saying = yield* Effect.forkDetach(
      gateway.updateVoiceState({ guild_id: guildId, channel_id: null, self_mute: false, self_deaf: false }),
      { startImmediately: true }
    )
    const left = yield* Effect.timeoutOption(Effect.andThen(Fiber.join(saying), gone), leaveTimeout)
    if (Option.isNone(left)) {
      yield* Effect.logWarning(`Discord has not taken note yet that we leave the voice channel of guild ${guildId}.`)
    }
  }).pipe(
    Effect.tapError((error) => Effect.logDebug(`leaving was not announced: ${error.message}`)),
    Effect.ignore
  )
  return { leave }
})

/**
 * Asks for a place in the channel and waits for both answers, in whatever order they come. Our user id is not needed for
 * asking: a gateway may learn it from the answer. Fails with `JoinTimedOut`, which says what did not come, and with what the
 * gateway fails with.
 *
 * @category constructors
 * @since 0.1.0
 */
export const request = Effect.fnUntraced(function*(
  gateway: Gateway.Gateway["Service"],
  options: Request
): Effect.fn.Return<VoiceDriver.ConnectionInfo, VoiceError.VoiceError> {
  const { channelId, guildId } = options
  const clock = yield* Clock.Clock
  const startedAt = clock.monotonicTimeNanosUnsafe()
  let asked = false
  let userId: UserId | undefined
  /** The voice sessions in the channel by user, since whose they are may become known later. */
  const sessionIds = new Map<UserId, string>()
  let server: { readonly token: string; readonly endpoint: string } | undefined
  let withoutEndpoint = false

  const ownSessionId = () => userId === undefined ? undefined : sessionIds.get(userId)

  const missing = (): VoiceError.JoinTimedOut["missing"] => {
    if (!asked) return "gateway"
    if (userId === undefined && sessionIds.size > 0) return "userId"
    if (ownSessionId() !== undefined) return withoutEndpoint ? "endpoint" : "VOICE_SERVER_UPDATE"
    return server === undefined && !withoutEndpoint ? "both" : "VOICE_STATE_UPDATE"
  }

  const ask = Effect.gen(function*() {
    const events = yield* gateway.subscribe
    const answer = yield* Deferred.make<VoiceDriver.ConnectionInfo, VoiceError.VoiceError>()

    const complete = Effect.suspend(() => {
      const sessionId = ownSessionId()
      if (userId === undefined || sessionId === undefined || server === undefined) return Effect.void
      return Deferred.succeed(
        answer,
        new VoiceDriver.ConnectionInfo({
          endpoint: server.endpoint,
          serverId: guildId,
          channelId,
          userId,
          sessionId,
          token: Redacted.make(server.token)
        })
      )
    })

    yield* gateway.userId.pipe(
      Effect.flatMap((id) => {
        userId = id
        return complete
      }),
      Effect.catch((error) => Deferred.fail(answer, error)),
      Effect.forkScoped({ startImmediately: true })
    )

    const fiber = yield* events.pipe(
      Stream.runForEach((event) => {
        switch (event._tag) {
          case "VoiceState": {
            const { state } = event
            if (state.guild_id !== guildId || state.channel_id !== channelId) return Effect.void
            sessionIds.set(state.user_id, state.session_id)
            return complete
          }
          case "VoiceServer": {
            if (event.server.guild_id !== guildId) return Effect.void
            const { endpoint, token } = event.server
            withoutEndpoint = endpoint === null
            // the token beside a null endpoint never fits the endpoint that follows
            server = endpoint === null ? undefined : { endpoint, token }
            return complete
          }
          case "Detached":
            return event.guildId === guildId ? Deferred.fail(answer, event.error) : Effect.void
        }
      }),
      Effect.andThen(
        Effect.suspend(() => VoiceError.fail(new VoiceError.GatewayFailed({ detail: "its events have ended" })))
      ),
      Effect.catch((error) => Deferred.fail(answer, error)),
      Effect.forkScoped({ startImmediately: true })
    )

    yield* gateway.updateVoiceState({
      guild_id: guildId,
      channel_id: channelId,
      self_mute: options.selfMute ?? false,
      self_deaf: options.selfDeaf ?? false
    })
    asked = true
    const info = yield* Deferred.await(answer)
    yield* Fiber.interrupt(fiber)
    return info
  })

  return yield* Effect.timeoutOrElse(Effect.scoped(ask), {
    duration: options.joinTimeout ?? defaultJoinTimeout,
    orElse: () =>
      Effect.suspend(() => {
        const elapsedMs = Number(clock.monotonicTimeNanosUnsafe() - startedAt) / 1_000_000
        return VoiceError.fail(new VoiceError.JoinTimedOut({ guildId, channelId, missing: missing(), elapsedMs }))
      })
  })
})
