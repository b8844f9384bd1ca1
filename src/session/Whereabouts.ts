/**
 * Where Discord has the bot in a guild, according to the main gateway, and the two things that can be said to it: which
 * channel the bot wants, and that it leaves.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import { during } from "../driver/During.ts"
import type * as Gateway from "../Gateway.ts"
import type * as GatewayPayload from "../protocol/GatewayPayload.ts"
import type { ChannelId, GuildId, UserId } from "../protocol/Identifier.ts"
import * as VoiceDriver from "../VoiceDriver.ts"
import type * as VoiceError from "../VoiceError.ts"
import * as Arrival from "./Arrival.ts"
import type { Deadline } from "./Deadline.ts"
import * as Farewell from "./Farewell.ts"
import * as GuildEvents from "./GuildEvents.ts"
import type { Flags, Known, Now, Place } from "./Known.ts"
import * as LeaveLater from "./LeaveLater.ts"
import * as Leaves from "./Leaves.ts"
import * as Restrictions from "./Restrictions.ts"

export type { Flags, Now, Place } from "./Known.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Whereabouts extends Known, Arrival.Arrival {
  /** Like `announce`, unless that was the last thing that was sent. */
  readonly show: Known["announce"]
  /**
   * Leaves permanently, and waits until Discord has taken note, for 2 seconds at most, also for an unavailable gateway. Does
   * not wait if that is pointless, because the gateway is at its limit of messages, or has failed to confirm another
   * session's leaving. Never fails.
   */
  readonly leave: Effect.Effect<void>
  /**
   * The session goes to a place that it did not ask for: withdraws a request to leave that still waits to be sent. Returns whether
   * the bot is in that place: not if the request was sent and none followed, because Discord then takes the bot out of it. Never
   * fails.
   */
  readonly stay: Effect.Effect<boolean>
  /** Has everything that waits look again: the target of a move has changed. Plain code. */
  readonly look: () => void
}

/** How long after a request the voice state that grants it may come, for a session that leaves in the meantime. */
const grantWait = Duration.seconds(1)

/** The two events of one move arrive close together, in any order. */
const companionWait = Duration.millis(100)

const unknown: Now = {
  channelId: undefined,
  sessionId: undefined,
  restrictions: Restrictions.none,
  shown: undefined,
  states: 0,
  server: undefined,
  servers: 0,
  newSessions: 0,
  resumes: 0,
  isOut: false,
  outages: 0,
  returns: 0,
  returnedAtNanos: 0n,
  isAway: false,
  failure: undefined,
  detached: undefined
}

const isSame = (one: Flags | undefined, other: Flags | undefined): boolean =>
  one?.deaf === other?.deaf && one?.mute === other?.mute

/** Listens to one guild, and asks for channels of it. */
class Guild implements Whereabouts, GuildEvents.Listener {
  readonly #gateway: Gateway.Gateway["Service"]
  readonly guildId: GuildId
  readonly #clock: Clock.Clock
  readonly #leaves: Leaves.Leaves
  #now = unknown
  #userId: UserId | undefined
  /** The last voice state of each member, while the bot may be any of them. */
  #candidates: Map<UserId, GatewayPayload.VoiceState> | undefined
  #watchers: ReadonlyArray<() => void> = []
  /** Whether the gateway has given up the guild, and nothing has arrived or was requested since. */
  #isDetached = false
  /**
   * The last request for a channel while the bot was in none: the channel, the time, and how many voice states had arrived by
   * then.
   */
  #requested: { atNanos: bigint; readonly channelId: ChannelId; readonly states: number } | undefined
  #told: Flags | undefined
  /** Discord was told that the bot leaves, has not answered yet, and was asked for no channel since. */
  #isLeaving = false
  #farewell: Farewell.Farewell | undefined

  constructor(gateway: Gateway.Gateway["Service"], guildId: GuildId, clock: Clock.Clock) {
    this.#gateway = gateway
    this.guildId = guildId
    this.#clock = clock
    this.#leaves = Leaves.make(gateway, guildId, () => clock.monotonicTimeNanosUnsafe())
  }

  now(): Now {
    return this.#now
  }

  /** Called if there is an outage already. */
  comeInOutage(): void {
    if (!this.#now.isOut) this.onEvent({ _tag: "Availability", guildId: this.guildId, isAvailable: false })
  }

  #set(change: Partial<Now>): void {
    this.#now = { ...this.#now, ...change }
    for (const look of this.#watchers) look()
  }

  watch(look: () => void): () => void {
    this.#watchers = [...this.#watchers, look]
    return () => {
      this.#watchers = this.#watchers.filter((other) => other !== look)
    }
  }

  until<A>(look: (now: Now) => A | undefined): Effect.Effect<A> {
    return Effect.callback((resume) => {
      const watch = () => {
        const found = look(this.#now)
        if (found === undefined) return
        stop()
        resume(Effect.succeed(found))
      }
      const stop = this.watch(watch)
      watch()
      return Effect.sync(stop)
    })
  }

  #onOwnState(state: GatewayPayload.VoiceState): void {
    this.#isDetached = false
    const { channel_id: channelId, session_id: sessionId } = state
    const { states } = this.#now
    if (channelId === null) {
      this.#isLeaving = false
      const isEcho = this.#leaves.answered()
      return this.#set({ channelId, sessionId, states: isEcho ? states : states + 1 })
    }
    this.#leaves.granted(channelId)
    const shown = { mute: state.self_mute, deaf: state.self_deaf }
    this.#set({ channelId, sessionId, restrictions: Restrictions.of(state), shown, states: states + 1 })
  }

  onEvent(event: Gateway.GatewayEvent): void {
    switch (event._tag) {
      case "VoiceState":
        if (this.#userId === undefined) {
          this.#candidates ??= new Map()
          this.#candidates.set(event.state.user_id, event.state)
          this.#set({})
        } else if (event.state.user_id === this.#userId) this.#onOwnState(event.state)
        return
      case "VoiceServer": {
        const { endpoint, token } = event.server
        return this.#set({ server: { endpoint, token }, servers: this.#now.servers + 1 })
      }
      case "Detached":
        this.#isDetached = true
        this.#candidates = undefined
        return this.#set({
          channelId: null,
          states: this.#now.states + 1,
          detached: { times: (this.#now.detached?.times ?? 0) + 1, error: event.error }
        })
      case "Availability":
        return event.isAvailable ? this.#onReturn() : this.#onOutage()
    }
  }

  #onOutage(): void {
    this.#leaves.out()
    this.#set({ isOut: true, outages: this.#now.outages + 1 })
  }

  #onReturn(): void {
    this.#leaves.back()
    this.#reconsider()
    this.#set({
      isOut: false,
      returns: this.#now.returns + 1,
      returnedAtNanos: this.#clock.monotonicTimeNanosUnsafe(),
      resumes: this.#now.resumes + 1
    })
  }

  /** Discord has repeated what was missed: a request that has had no effect by now was lost. */
  #reconsider(): void {
    const { shown } = this.#now
    if (shown !== undefined && !isSame(this.#told, shown)) this.#told = undefined
  }

  onLifecycle(lifecycle: Gateway.Lifecycle): void {
    switch (lifecycle) {
      case "Lost":
        this.#leaves.lost()
        return this.#set({ isAway: true })
      case "Resumed":
        this.#leaves.resumed()
        this.#reconsider()
        return this.#set({ isAway: false, resumes: this.#now.resumes + 1 })
      case "NewSession":
        this.#leaves.newSession()
        // the id of the former session is no longer ours: until a voice state brings another, there is no place
        return this.#set({ isAway: false, newSessions: this.#now.newSessions + 1, sessionId: undefined })
    }
  }

  onEnd(failure: VoiceError.VoiceError): void {
    this.#set({ failure })
  }

  /** The gateway says who the bot is. */
  recognize(userId: UserId): void {
    this.#userId = userId
    const state = this.#candidates?.get(userId)
    this.#candidates = undefined
    if (state !== undefined) this.#onOwnState(state)
    else this.#set({})
  }

  tell(channelId: ChannelId | null, flags: Flags): Effect.Effect<void, VoiceError.VoiceError> {
    return Effect.suspend(() => {
      const atNanos = this.#clock.monotonicTimeNanosUnsafe()
      const former = this.#requested?.states === this.#now.states ? this.#requested.channelId : undefined
      const isInVoice = this.#isInVoice()
      const leave = channelId === null && (isInVoice || former !== undefined)
        ? this.#leaves.say(former)
        : undefined
      if (channelId !== null) {
        this.#isDetached = false
        this.#leaves.asked()
        if (!isInVoice) this.#requested = { atNanos, channelId, states: this.#now.states }
      }
      const before = this.#told
      this.#told = flags
      const { deaf, mute } = flags
      return Effect.onExit(
        this.#gateway.updateVoiceState({
          guild_id: this.guildId,
          channel_id: channelId,
          self_mute: mute,
          self_deaf: deaf
        }),
        // it may have waited for the limit of messages, or for an unavailable gateway
        (exit) =>
          Effect.sync(() => {
            if (Exit.isFailure(exit)) {
              // a bot that does not leave after all is shown as before
              if (this.#told === flags) this.#told = channelId === null ? before : undefined
              return leave?.failed()
            }
            leave?.sent()
            this.#isLeaving = leave !== undefined
            if (channelId !== null && this.#requested?.atNanos === atNanos) {
              this.#requested.atNanos = this.#clock.monotonicTimeNanosUnsafe()
            }
          })
      )
    })
  }

  announce(movingTo: () => ChannelId | undefined, flags: () => Flags): Effect.Effect<void, VoiceError.VoiceError> {
    return Effect.suspend(() => {
      const { channelId: here } = this.#now
      const channelId = movingTo() ?? here
      if (here === undefined || here === null || channelId === undefined || channelId === null) return Effect.void
      // the target of a move that has failed would be asked for once more, and perhaps granted
      const isOutdated = (now: Now) => now.channelId !== here || (channelId !== here && movingTo() !== channelId)
      const elsewhere = this.until((now) => isOutdated(now) ? this.announce(movingTo, flags) : undefined)
      return Effect.flatten(Effect.raceFirst(Effect.as(this.tell(channelId, flags()), Effect.void), elsewhere))
    })
  }

  show(movingTo: () => ChannelId | undefined, flags: () => Flags): Effect.Effect<void, VoiceError.VoiceError> {
    return Effect.suspend(() => isSame(this.#told, flags()) ? Effect.void : this.announce(movingTo, flags))
  }

  place(): Place | undefined {
    const { channelId, server, sessionId } = this.#now
    const userId = this.#userId
    if (
      userId === undefined || sessionId === undefined || channelId === undefined || channelId === null ||
      server === undefined || server.endpoint === null
    ) return undefined
    const { endpoint, token } = server
    const info = new VoiceDriver.ConnectionInfo({
      endpoint,
      serverId: this.guildId,
      channelId,
      userId,
      sessionId: Redacted.make(sessionId),
      token: Redacted.make(token)
    })
    return { info, since: this.#now }
  }

  #isInVoice(): boolean {
    return this.#userId === undefined
      ? Array.from(this.#candidates?.values() ?? []).some(({ channel_id }) => channel_id !== null)
      : this.#now.channelId !== undefined && this.#now.channelId !== null
  }

  /** A recent request may still be granted: only then can it be taken back. */
  #granted() {
    return Effect.suspend(() => {
      if (this.#requested === undefined) return Effect.void
      const { atNanos, states } = this.#requested
      const elapsed = Duration.nanos(this.#clock.monotonicTimeNanosUnsafe() - atNanos)
      return this.until((now) => now.states > states || now.failure !== undefined ? true : undefined).pipe(
        Effect.timeoutOption(Duration.max(Duration.zero, Duration.subtract(grantWait, elapsed)))
      )
    })
  }

  /** Created when the bot leaves. */
  #leaving(): Farewell.Farewell {
    return this.#farewell ??= Farewell.make({
      gateway: this.#gateway,
      guildId: this.guildId,
      clock: this.#clock,
      say: this.tell(null, { mute: false, deaf: false }),
      awaitGone: Effect.andThen(
        this.#granted(),
        this.until(({ failure }) => failure !== undefined || !this.#isInVoice() ? true : undefined)
      ),
      isAway: () => this.#now.isAway,
      resumes: () => this.#now.resumes,
      isOut: () => this.#now.isOut,
      leaveAfterOutage: Effect.suspend(() =>
        this.#isInVoice() ? LeaveLater.afterOutage(this.#gateway, this.guildId) : Effect.void
      ),
      isDetached: () => this.#isDetached
    })
  }

  get leave(): Effect.Effect<void> {
    return Effect.suspend(() => this.#leaving().leave)
  }

  get stay(): Effect.Effect<boolean> {
    return Effect.suspend(() => this.#farewell?.takeBack ?? Effect.void).pipe(Effect.map(() => !this.#isLeaving))
  }

  look(): void {
    this.#set({})
  }

  #arriving(): Arrival.Arrival {
    return Arrival.make({
      gateway: this.#gateway,
      guildId: this.guildId,
      clock: this.#clock,
      known: this,
      isUnrecognized: () => this.#userId === undefined && this.#isInVoice(),
      goAway: Effect.suspend(() => this.#leaving().goAway),
      settle: this.#leaves.settle
    })
  }

  request(wanted: Arrival.Wanted): Effect.Effect<Place, VoiceError.VoiceError> {
    return Effect.suspend(() => this.#arriving().request(wanted))
  }

  refused(...asked: Parameters<Arrival.Arrival["refused"]>): Effect.Effect<never, VoiceError.VoiceError> {
    return Effect.suspend(() => this.#arriving().refused(...asked))
  }

  deadline(timeout: Duration.Duration): Deadline {
    return this.#arriving().deadline(timeout)
  }

  handOver(): void {
    this.#leaves.handOver()
  }
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
  const guild = new Guild(gateway, guildId, yield* Clock.Clock)
  yield* during(() => () => guild.handOver())
  yield* GuildEvents.listen(gateway, guildId, guild)
  if (gateway.isUnavailable?.(guildId) === true) guild.comeInOutage()
  yield* gateway.userId.pipe(
    Effect.flatMap((userId) => Effect.sync(() => guild.recognize(userId))),
    Effect.catch((failure) => Effect.sync(() => guild.onEnd(failure))),
    Effect.forkScoped({ startImmediately: true })
  )
  return guild
})

/**
 * Waits a moment for the other of two events that belong together.
 *
 * @category combinators
 * @since 0.1.0
 */
export const companion = (whereabouts: Whereabouts, since: Now): Effect.Effect<void> =>
  whereabouts.until(({ states }) => states > since.states ? true : undefined).pipe(
    Effect.timeoutOption(companionWait),
    Effect.asVoid
  )
