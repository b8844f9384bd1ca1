/**
 * Where Discord has us in a guild, as the main gateway tells it, and the two things that we can say to it: which channel we
 * want, and that we leave.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import type * as Gateway from "../Gateway.ts"
import type * as GatewayPayload from "../protocol/GatewayPayload.ts"
import type { ChannelId, GuildId, UserId } from "../protocol/Identifier.ts"
import * as VoiceDriver from "../VoiceDriver.ts"
import type * as VoiceError from "../VoiceError.ts"
import * as Arrival from "./Arrival.ts"
import * as Farewell from "./Farewell.ts"
import * as GuildEvents from "./GuildEvents.ts"
import type { Flags, Known, Now, Place } from "./Known.ts"
import * as Leaves from "./Leaves.ts"
import * as Restrictions from "./Restrictions.ts"

export type { Flags, Now, Place } from "./Known.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Whereabouts extends Known, Arrival.Arrival {
  /** Says how we are shown where we are, unless that was the last thing said. */
  readonly show: (channelId: () => ChannelId, flags: () => Flags) => Effect.Effect<void, VoiceError.VoiceError>
  /**
   * Leaves for good, and waits until Discord has taken note, for 2 seconds at most; not at all where that is in vain, because
   * the gateway is away, at its limit of messages, or has not answered another one who left. Never fails.
   */
  readonly leave: Effect.Effect<void>
}

/** How long after a request the voice state that grants it may come, for whoever leaves meanwhile. */
const grantWait = Duration.seconds(1)

/** The two events of one move come close together, in any order. */
const companionWait = Duration.millis(100)

const unknown: Now = {
  channelId: undefined,
  sessionId: undefined,
  restrictions: Restrictions.none,
  states: 0,
  server: undefined,
  servers: 0,
  newSessions: 0,
  isAway: false,
  failure: undefined,
  detached: undefined
}

/**
 * Follows a guild until the scope closes.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*(
  gateway: Gateway.Gateway["Service"],
  guildId: GuildId
): Effect.fn.Return<Whereabouts, never, Scope.Scope> {
  const clock = yield* Clock.Clock
  let now = unknown
  let userId: UserId | undefined
  /** The last voice state of each member, as long as we may be any of them. */
  const candidates = new Map<UserId, GatewayPayload.VoiceState>()
  const watchers = new Set<() => void>()

  const set = (change: Partial<Now>): void => {
    now = { ...now, ...change }
    for (const watch of Array.from(watchers)) watch()
  }

  const watch: Whereabouts["watch"] = (look) => {
    watchers.add(look)
    return () => void watchers.delete(look)
  }

  const until: Whereabouts["until"] = (look) =>
    Effect.callback((resume) => {
      const watch = () => {
        const found = look(now)
        if (found === undefined) return
        watchers.delete(watch)
        resume(Effect.succeed(found))
      }
      watchers.add(watch)
      watch()
      return Effect.sync(() => watchers.delete(watch))
    })

  const leaves = Leaves.make(gateway, guildId, () => clock.monotonicTimeNanosUnsafe())
  yield* Effect.addFinalizer(() => Effect.sync(leaves.handOver))

  /** Whether the gateway has given the guild up, and nothing has come or was asked for since. */
  let isDetached = false

  const onOwnState = (state: GatewayPayload.VoiceState): void => {
    isDetached = false
    const { channel_id: channelId, session_id: sessionId } = state
    const restrictions = channelId === null ? now.restrictions : Restrictions.of(state)
    const states = channelId === null && leaves.answered() ? now.states : now.states + 1
    set({ channelId, sessionId, restrictions, states })
  }

  yield* GuildEvents.listen(gateway, guildId, {
    onEvent: (event) => {
      switch (event._tag) {
        case "VoiceState":
          if (userId === undefined) {
            candidates.set(event.state.user_id, event.state)
            set({})
          } else if (event.state.user_id === userId) onOwnState(event.state)
          return
        case "VoiceServer": {
          const { endpoint, token } = event.server
          return set({ server: { endpoint, token }, servers: now.servers + 1 })
        }
        case "Detached":
          isDetached = true
          candidates.clear()
          return set({
            channelId: null,
            states: now.states + 1,
            detached: { times: (now.detached?.times ?? 0) + 1, error: event.error }
          })
      }
    },
    onLifecycle: (lifecycle) => {
      switch (lifecycle) {
        case "Lost":
          leaves.lost()
          return set({ isAway: true })
        case "Resumed":
          leaves.resumed()
          return set({ isAway: false })
        case "NewSession":
          leaves.newSession()
          // the id of the former session is no longer ours: until a voice state brings another, there is no place
          return set({ isAway: false, newSessions: now.newSessions + 1, sessionId: undefined })
      }
    },
    onEnd: (failure) => set({ failure })
  })

  yield* gateway.userId.pipe(
    Effect.flatMap((id) =>
      Effect.sync(() => {
        userId = id
        const state = candidates.get(id)
        candidates.clear()
        if (state !== undefined) onOwnState(state)
        else set({})
      })
    ),
    Effect.catch((failure) => Effect.sync(() => set({ failure }))),
    Effect.forkScoped({ startImmediately: true })
  )

  /** The last request for a channel while we were in none: when it was made, and how many voice states had come by then. */
  let requested: { atNanos: bigint; readonly states: number } | undefined
  let told: Flags | undefined

  const tell: Whereabouts["tell"] = (channelId, flags) =>
    Effect.suspend(() => {
      const atNanos = clock.monotonicTimeNanosUnsafe()
      const leave = channelId === null && (isInVoice() || requested?.states === now.states)
        ? leaves.say()
        : undefined
      if (channelId !== null) {
        isDetached = false
        leaves.asked()
        if (!isInVoice()) requested = { atNanos, states: now.states }
      }
      told = flags
      const { deaf, mute } = flags
      return Effect.onExit(
        gateway.updateVoiceState({ guild_id: guildId, channel_id: channelId, self_mute: mute, self_deaf: deaf }),
        // it may have waited for the limit of messages, or for a gateway that was away
        (exit) =>
          Effect.sync(() => {
            if (Exit.isFailure(exit)) return leave?.failed()
            leave?.sent()
            if (channelId !== null && requested?.atNanos === atNanos) {
              requested.atNanos = clock.monotonicTimeNanosUnsafe()
            }
          })
      )
    })

  const show: Whereabouts["show"] = (channelId, flags) =>
    Effect.suspend(() => {
      const wanted = flags()
      return told?.deaf === wanted.deaf && told.mute === wanted.mute ? Effect.void : tell(channelId(), wanted)
    })

  const place = (): Place | undefined => {
    const { channelId, server, sessionId } = now
    if (
      userId === undefined || sessionId === undefined || channelId === undefined || channelId === null ||
      server === undefined || server.endpoint === null
    ) return undefined
    const { endpoint, token } = server
    const info = new VoiceDriver.ConnectionInfo({
      endpoint,
      serverId: guildId,
      channelId,
      userId,
      sessionId: Redacted.make(sessionId),
      token: Redacted.make(token)
    })
    return { info, since: now }
  }

  const isInVoice = () =>
    userId === undefined
      ? Array.from(candidates.values()).some(({ channel_id }) => channel_id !== null)
      : now.channelId !== undefined && now.channelId !== null

  const isGone = ({ failure }: Now) => failure !== undefined || !isInVoice() ? true : undefined

  /** What was asked for a moment ago may still be granted: it can only be taken back then. */
  const granted = Effect.suspend(() => {
    if (requested === undefined) return Effect.void
    const { atNanos, states } = requested
    const elapsed = Duration.nanos(clock.monotonicTimeNanosUnsafe() - atNanos)
    return until((current) => current.states > states || current.failure !== undefined ? true : undefined).pipe(
      Effect.timeoutOption(Duration.max(Duration.zero, Duration.subtract(grantWait, elapsed)))
    )
  })

  const farewell = yield* Farewell.make({
    gateway,
    guildId,
    say: tell(null, { mute: false, deaf: false }),
    awaitGone: Effect.andThen(granted, until(isGone)),
    isAway: () => now.isAway,
    isDetached: () => isDetached
  })

  const { refused, request } = Arrival.make({
    gateway,
    guildId,
    clock,
    now: () => now,
    until,
    place,
    isUnrecognized: () => userId === undefined && isInVoice(),
    say: tell,
    goAway: farewell.goAway,
    settle: leaves.settle
  })

  return { guildId, now: () => now, watch, until, place, request, refused, tell, show, leave: farewell.leave }
})

/**
 * Waits a moment for the other one of two events that belong together.
 *
 * @category combinators
 * @since 0.1.0
 */
export const companion = (whereabouts: Whereabouts, since: Now): Effect.Effect<void> =>
  whereabouts.until(({ states }) => states > since.states ? true : undefined).pipe(
    Effect.timeoutOption(companionWait),
    Effect.asVoid
  )
