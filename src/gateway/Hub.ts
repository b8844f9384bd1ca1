/**
 * The part of the {@link Gateway} service that does not depend on the connection to Discord: the bot's id, the subscribers,
 * earlier voice states of the bot, and the final error, which pending and later calls receive.
 *
 * @since 0.1.0
 */
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as PubSub from "effect/PubSub"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type * as Take from "effect/Take"
import type * as GatewayPayload from "../protocol/GatewayPayload.ts"
import type { ChannelId, GuildId, UserId } from "../protocol/Identifier.ts"
import * as VoiceError from "../VoiceError.ts"
import * as Occupant from "./Occupant.ts"
import type { GatewayEvent, Lifecycle, ShardLifecycle } from "./Service.ts"

const waitingEvents = 4096
const waitingLifecycles = 64
const guildPatience = Duration.seconds(5)

const nobody: ReadonlyMap<UserId, Occupant.Occupant> = new Map()

/**
 * The parts of READY that voice needs.
 *
 * @category models
 * @since 0.1.0
 */
export interface Ready {
  readonly user: { readonly id: UserId }
  readonly guilds: ReadonlyArray<{ readonly id: GuildId }>
  /** Shard id and number of shards; absent if there is one. */
  readonly shard?: readonly [number, number]
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Hub {
  /** Sets the bot's id, and completes the calls that wait for it. Only the first call has an effect. */
  readonly learn: (userId: UserId) => Effect.Effect<void>
  /** The bot's id, if it is known. */
  readonly self: () => UserId | undefined
  /** Notes that the connection was up before we listened: the next READY is then not its first. */
  readonly missedReady: () => void
  /** A session has begun on a shard: what was known of its guilds is no longer valid. */
  readonly onReady: (ready: Ready) => Effect.Effect<void>
  readonly onGuildCreate: (guild: GatewayPayload.GuildCreate) => Effect.Effect<void>
  /**
   * A guild is gone: it sends no more events and answers nothing, unless this is an outage, which leaves everything as it is.
   */
  readonly onGuildDelete: (guild: GatewayPayload.GuildDelete) => Effect.Effect<void>
  /** An outage of a guild begins or ends, as reported by something other than Discord. */
  readonly onAvailability: (guildId: GuildId, isAvailable: boolean) => Effect.Effect<void>
  /** A guild sends no more events and answers nothing. */
  readonly onDetached: (guildId: GuildId, error: VoiceError.VoiceError) => Effect.Effect<void>
  /** A member may have a new name. */
  readonly onMember: (member: GatewayPayload.GuildMemberUpdate) => Effect.Effect<void>
  readonly onVoiceState: (state: GatewayPayload.VoiceState) => Effect.Effect<void>
  readonly publish: (event: GatewayEvent) => Effect.Effect<void>
  readonly publishLifecycle: (lifecycle: Lifecycle | ShardLifecycle) => Effect.Effect<void>
  /** Ends the hub with an error. Only the first call has an effect. */
  readonly finish: (error: VoiceError.VoiceError) => Effect.Effect<void>
  /** Fails with the error of `finish` once there is one. */
  readonly unlessFinished: <A>(
    effect: Effect.Effect<A, VoiceError.VoiceError>
  ) => Effect.Effect<A, VoiceError.VoiceError>
  readonly userId: Effect.Effect<UserId, VoiceError.VoiceError>
  readonly subscribe: Effect.Effect<Stream.Stream<GatewayEvent, VoiceError.VoiceError>, never, Scope.Scope>
  readonly lifecycle: Effect.Effect<Stream.Stream<Lifecycle | ShardLifecycle>, never, Scope.Scope>
  /** Whether a guild has an outage. */
  readonly isUnavailable: (guildId: GuildId) => boolean
  readonly initialVoiceState: (guildId: GuildId) => Effect.Effect<Option.Option<GatewayPayload.VoiceState>>
  /** The number of other users in a channel, as far as it was reported. */
  readonly occupants: (guildId: GuildId, channelId: ChannelId) => number
  readonly others: Occupant.Occupants
}

/**
 * The shard that gets the events of a guild (Discord docs, Gateway, Sharding). The first one gets all if there is one, or if
 * a gateway reports that there are none.
 *
 * @category sharding
 * @since 0.1.0
 */
export const shardOf = (guildId: GuildId, shards: number): number =>
  shards <= 1 ? 0 : Number((BigInt(guildId) >> 22n) % BigInt(shards))

/**
 * Makes a hub. A subscriber that falls 4096 events behind loses the oldest.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make: Effect.Effect<Hub> = Effect.gen(function*() {
  const events = yield* PubSub.sliding<Take.Take<GatewayEvent, VoiceError.VoiceError>>(waitingEvents)
  const lifecycles = yield* PubSub.sliding<Take.Take<Lifecycle | ShardLifecycle>>(waitingLifecycles)
  const self = yield* Deferred.make<UserId, VoiceError.VoiceError>()
  const voiceStates = new Map<GuildId, GatewayPayload.VoiceState>()
  /** Which channels the others are in, and how they are shown there. */
  const others = new Map<GuildId, Map<UserId, Occupant.Occupant>>()
  const watchers = new Set<(guildId: GuildId) => void>()
  const awaitedGuilds = new Map<GuildId, Deferred.Deferred<void>>()
  /** The guilds that are unavailable because of an outage. */
  const outages = new Set<GuildId>()
  /** The shards that have had a READY. */
  const begun = new Set<number>()
  let upBefore = false
  let finalError: VoiceError.VoiceError | undefined
  let ownId: UserId | undefined

  const learn: Hub["learn"] = (userId) =>
    Effect.suspend(() => {
      ownId ??= userId
      return Effect.asVoid(Deferred.succeed(self, ownId))
    })

  const publish: Hub["publish"] = (event) => Effect.asVoid(PubSub.publish(events, [event]))
  const publishLifecycle: Hub["publishLifecycle"] = (lifecycle) =>
    Effect.asVoid(PubSub.publish(lifecycles, [lifecycle]))

  const rememberOther = (guildId: GuildId, state: GatewayPayload.VoiceState, member?: unknown) => {
    const { channel_id: channelId, user_id: userId } = state
    const guild = others.get(guildId) ?? new Map<UserId, Occupant.Occupant>()
    if (channelId === null) guild.delete(userId)
    else guild.set(userId, Occupant.of(state, channelId, guild.get(userId), member))
    if (guild.size === 0) others.delete(guildId)
    else others.set(guildId, guild)
  }

  const remember = (guildId: GuildId, state: GatewayPayload.VoiceState, member?: unknown) => {
    if (state.user_id !== ownId) return rememberOther(guildId, state, member)
    if (state.channel_id === null) voiceStates.delete(guildId)
    else voiceStates.set(guildId, { ...state, guild_id: guildId })
  }

  const outage = (guildId: GuildId) => {
    if (outages.has(guildId)) return Effect.void
    outages.add(guildId)
    return publish({ _tag: "Availability", guildId, isAvailable: false })
  }

  /** Ends an outage. `tell` runs before its end is announced. */
  const outageOver = (guildId: GuildId, tell: Effect.Effect<void>) =>
    outages.delete(guildId)
      ? Effect.andThen(tell, publish({ _tag: "Availability", guildId, isAvailable: true }))
      : Effect.void

  const onDetached: Hub["onDetached"] = (guildId, error) =>
    Effect.suspend(() => {
      outages.delete(guildId)
      return publish({ _tag: "Detached", guildId, error })
    })

  const arrived = (guildId: GuildId) => {
    const awaited = awaitedGuilds.get(guildId)
    awaitedGuilds.delete(guildId)
    if (awaited !== undefined) Deferred.doneUnsafe(awaited, Exit.void)
  }

  const onReady: Hub["onReady"] = Effect.fnUntraced(function*(ready) {
    const [shard, shards] = ready.shard ?? [0, 1]
    const isFirst = !begun.has(shard) && !(upBefore && shards === 1)
    begun.add(shard)
    const isItsOwn = (guildId: GuildId) => shardOf(guildId, shards) === shard
    for (const guildId of voiceStates.keys()) if (isItsOwn(guildId)) voiceStates.delete(guildId)
    for (const guildId of others.keys()) if (isItsOwn(guildId)) others.delete(guildId)
    for (const guildId of awaitedGuilds.keys()) if (isItsOwn(guildId)) arrived(guildId)
    for (const guild of ready.guilds) awaitedGuilds.set(guild.id, Deferred.makeUnsafe())
    yield* learn(ready.user.id)
    if (!isFirst) {
      yield* publishLifecycle(shards === 1 ? "NewSession" : { lifecycle: "NewSession", concerns: isItsOwn })
    }
    // guilds that are still unavailable are reported again
    for (const guildId of outages) if (isItsOwn(guildId)) yield* outageOver(guildId, Effect.void)
  })

  const finish: Hub["finish"] = Effect.fnUntraced(function*(error) {
    if (finalError !== undefined) return
    finalError = error
    yield* Deferred.fail(self, error)
    yield* PubSub.end(events, Exit.fail(error))
    yield* PubSub.end(lifecycles, Exit.void)
    for (const guildId of awaitedGuilds.keys()) arrived(guildId)
  })

  const unlessFinished: Hub["unlessFinished"] = (effect) =>
    Effect.suspend(() => finalError === undefined ? effect : Effect.fail(finalError))

  return {
    learn,
    self: () => ownId,
    missedReady: () => {
      upBefore = true
    },
    onReady,
    onGuildCreate: (guild) =>
      Effect.suspend(() => {
        // an outage may also be reported here (discord/discord-api-docs#5054)
        if (guild.unavailable === true) {
          arrived(guild.id)
          return outage(guild.id)
        }
        others.delete(guild.id)
        // the state after an outage counts, not the one before
        if (guild.voice_states !== undefined) voiceStates.delete(guild.id)
        const members = Occupant.membersOf(guild)
        for (const state of guild.voice_states ?? []) remember(guild.id, state, members.get(state.user_id))
        arrived(guild.id)
        for (const look of watchers) look(guild.id)
        const own = guild.voice_states === undefined ? undefined : voiceStates.get(guild.id)
        return outageOver(guild.id, own === undefined ? Effect.void : publish({ _tag: "VoiceState", state: own }))
      }),
    onGuildDelete: ({ id: guildId, unavailable }) =>
      Effect.suspend(() => {
        arrived(guildId)
        if (unavailable === true) return outage(guildId)
        voiceStates.delete(guildId)
        others.delete(guildId)
        return onDetached(guildId, VoiceError.make(new VoiceError.RemovedFromGuild({ guildId })))
      }),
    onAvailability: (guildId, isAvailable) =>
      Effect.suspend(() => isAvailable ? outageOver(guildId, Effect.void) : outage(guildId)),
    onDetached,
    onMember: (member) =>
      Effect.suspend(() => {
        const { guild_id: guildId, user: { id: userId } } = member
        const guild = others.get(guildId)
        const former = guild?.get(userId)
        if (guild === undefined || former === undefined) return Effect.void
        const occupant = Occupant.renamed(former, member)
        if (occupant === former) return Effect.void
        guild.set(userId, occupant)
        return publish({ _tag: "Occupant", guildId, userId, occupant })
      }),
    onVoiceState: (state) =>
      Effect.suspend(() => {
        if (state.guild_id !== undefined) remember(state.guild_id, state)
        return publish({ _tag: "VoiceState", state })
      }),
    publish,
    publishLifecycle,
    finish,
    unlessFinished,
    userId: unlessFinished(Deferred.await(self)),
    subscribe: Effect.map(
      PubSub.subscribe(events),
      (subscription) => Stream.flattenTake(Stream.fromSubscription(subscription))
    ),
    lifecycle: Effect.map(
      PubSub.subscribe(lifecycles),
      (subscription) => Stream.flattenTake(Stream.fromSubscription(subscription))
    ),
    isUnavailable: (guildId) => outages.has(guildId),
    initialVoiceState: Effect.fnUntraced(function*(guildId: GuildId) {
      yield* Effect.ignore(Deferred.await(self))
      const awaited = awaitedGuilds.get(guildId)
      if (awaited !== undefined) yield* Effect.timeoutOption(Deferred.await(awaited), guildPatience)
      return Option.fromNullishOr(voiceStates.get(guildId))
    }),
    occupants: (guildId, channelId) => {
      let count = 0
      for (const where of others.get(guildId)?.values() ?? []) if (where.channelId === channelId) count++
      return count
    },
    others: {
      of: (guildId) => others.get(guildId) ?? nobody,
      watch: (look) => {
        watchers.add(look)
        return () => void watchers.delete(look)
      }
    }
  }
})
