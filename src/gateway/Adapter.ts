/**
 * A {@link Gateway} over the voice adapters of another Discord library: one adapter per guild, created when the guild is
 * first asked for, and given back when the bot has left it.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as GatewayPayload from "../protocol/GatewayPayload.ts"
import { GuildId } from "../protocol/Identifier.ts"
import * as VoiceError from "../VoiceError.ts"
import * as Callback from "./Callback.ts"
import * as HostOccupants from "./HostOccupants.ts"
import * as Hub from "./Hub.ts"
import type { AdapterCreator, AdapterHost, AdapterMethods, AdapterOptions } from "./Options.ts"
import * as Sending from "./Sending.ts"
import type { Gateway, LifecycleListener, VoiceStateRequest } from "./Service.ts"

/** How long to wait after a request to leave: Discord does not answer it if the bot was in no channel. */
const farewell = Duration.seconds(5)

const readState = Schema.decodeUnknownResult(GatewayPayload.VoiceState)
const isGuildId = Schema.is(GuildId)
const readServer = Schema.decodeUnknownResult(GatewayPayload.VoiceServerUpdate)

/** An adapter in use. */
interface Held {
  readonly guildId: GuildId
  host: AdapterHost | undefined
  isHeld: boolean
  /** How many requests were sent, or attempted. */
  requests: number
  /** What the last request that was taken asked for. */
  wanted: "channel" | "nothing" | undefined
  /** Whether Discord has answered that request with a channel. */
  isPresent: boolean
}

/** If `concerns` throws, all guilds are concerned: a session that rejoins needlessly is better than one that is left behind. */
const orConcerned = (concerns: (guildId: GuildId) => boolean) => (guildId: GuildId): boolean => {
  try {
    return concerns(guildId)
  } catch {
    return true
  }
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*(
  find: (guildId: GuildId) => AdapterCreator | undefined,
  options: AdapterOptions
) {
  const hub = yield* Hub.make
  const scope = yield* Effect.scope
  const run = yield* Callback.makeRun("Handling a voice event failed")
  const { isHeldBack, send } = yield* Sending.make(options)
  const held = new Map<GuildId, Held>()
  if (options.userId !== undefined) yield* hub.learn(options.userId)
  const others = yield* HostOccupants.make(options.occupants, hub, run)
  const { lifecycle } = options
  const onLifecycle: LifecycleListener = (change, concerns) => {
    const isConcerned = concerns === undefined ? () => true : orConcerned(concerns)
    // nobody reports what happened in between
    if (change === "NewSession") run(others.renew(isConcerned))
    run(hub.publishLifecycle(concerns === undefined ? change : { lifecycle: change, concerns: isConcerned }))
  }
  const hasLifecycle = lifecycle !== undefined && (yield* Callback.listen(() => lifecycle(onLifecycle), {
    begin: "The gateway's option `lifecycle` threw",
    end: "The function returned by the gateway's option `lifecycle` threw"
  }))

  const { availability } = options
  const onAvailability = (guildId: unknown, isAvailable: boolean) =>
    run(
      isGuildId(guildId)
        ? hub.onAvailability(guildId, isAvailable)
        : Effect.logWarning(
          `The gateway's option \`availability\` reported ${String(guildId)}, which is not a guild id`
        )
    )
  if (availability !== undefined) {
    yield* Callback.listen(() => availability(onAvailability), {
      begin: "The gateway's option `availability` threw",
      end: "The function returned by the gateway's option `availability` threw"
    })
  }

  const guarded = <A>(what: string, f: () => A): Effect.Effect<A, VoiceError.VoiceError> =>
    Effect.try({
      try: f,
      catch: (thrown) =>
        VoiceError.make(new VoiceError.GatewayFailed({ detail: `${what} threw: ${Sending.describe(thrown)}` }))
    })

  /** Gives the adapter back to the host, which may be shutting down. */
  const letGo = (host: AdapterHost) =>
    guarded("destroy", () => host.destroy()).pipe(Effect.catch((error) => Effect.logWarning(error.message)))

  /** Gives an adapter back. The host's map forgets it; nothing that arrives afterwards is processed. */
  const giveBack = (one: Held): Effect.Effect<void> =>
    Effect.suspend(() => {
      if (!one.isHeld) return Effect.void
      one.isHeld = false
      held.delete(one.guildId)
      others.forget(one.guildId)
      return one.host === undefined ? Effect.void : letGo(one.host)
    })

  const dropped = (name: string, guildId: GuildId, error: Schema.SchemaError) =>
    Effect.logWarning(`A ${name} for guild ${guildId} is malformed and was dropped: ${error.message}`)

  const onState = Effect.fnUntraced(function*(one: Held, data: unknown) {
    const decoded = readState(data)
    if (Result.isFailure(decoded)) return yield* dropped("VOICE_STATE_UPDATE", one.guildId, decoded.failure)
    const state = { ...decoded.success, guild_id: decoded.success.guild_id ?? one.guildId }
    if (state.guild_id !== one.guildId) return
    // without the option, hosts hand over only the bot's own states
    const self = hub.self() ?? options.userId ?? state.user_id
    if (state.user_id === self) {
      // before it is published: a listener may request the next place at once
      if (state.channel_id !== null) one.isPresent = true
      // an answer to an earlier request, while a later one is under way, is not a reason to give the adapter back
      else if (one.wanted !== "channel" || one.isPresent) yield* giveBack(one)
    }
    yield* hub.learn(self)
    yield* hub.onVoiceState(state)
  })

  const onServer = Effect.fnUntraced(function*(one: Held, data: unknown) {
    const decoded = readServer(data)
    if (Result.isFailure(decoded)) return yield* dropped("VOICE_SERVER_UPDATE", one.guildId, decoded.failure)
    if (decoded.success.guild_id !== one.guildId) return
    yield* hub.publish({ _tag: "VoiceServer", server: decoded.success })
  })

  const detached = (guildId: GuildId) => VoiceError.make(new VoiceError.GatewayDetached({ guildId }))

  const methodsOf = (one: Held): AdapterMethods => ({
    onVoiceStateUpdate: (data) => {
      if (one.isHeld) run(onState(one, data))
    },
    onVoiceServerUpdate: (data) => {
      if (one.isHeld) run(onServer(one, data))
    },
    destroy: () => {
      if (!one.isHeld) return
      const { guildId } = one
      run(Effect.andThen(giveBack(one), hub.onDetached(guildId, detached(guildId))))
    }
  })

  const take = Effect.fnUntraced(function*(guildId: GuildId) {
    const present = held.get(guildId)
    if (present !== undefined) return present
    const creator = yield* guarded("looking up the adapter of a guild", () => find(guildId))
    if (creator === undefined) {
      return yield* VoiceError.fail(
        new VoiceError.GatewayFailed({
          detail:
            `the Discord library has no voice adapter for guild ${guildId}: it is not ready yet, the bot is not a ` +
            "member of the guild, or the id is wrong"
        })
      )
    }
    const one: Held = {
      guildId,
      host: undefined,
      isHeld: true,
      wanted: undefined,
      isPresent: false,
      requests: 0
    }
    held.set(guildId, one)
    // if it throws, the request fails, which gives back an adapter that nobody wants
    const host = yield* guarded("creating an adapter", () => creator(methodsOf(one)))
    one.host = host
    if (one.isHeld) return one
    // the host has taken it back while it was being created
    yield* letGo(host)
    return yield* detached(guildId)
  })

  /** Gives the adapter of a guild back if Discord does not confirm a request to leave. */
  const part = (one: Held) => {
    const { requests } = one
    return Effect.sleep(farewell).pipe(
      Effect.andThen(Effect.suspend(() => one.requests === requests ? giveBack(one) : Effect.void)),
      Effect.forkIn(scope)
    )
  }

  const attempt = (request: VoiceStateRequest) =>
    hub.unlessFinished(Effect.gen(function*() {
      const one = yield* take(request.guild_id)
      const { host } = one
      if (host === undefined) return false
      const { isPresent, wanted } = one
      // before it is sent: the answer may arrive while it is being sent
      one.requests++
      one.wanted = request.channel_id === null ? "nothing" : "channel"
      one.isPresent = false
      const isTaken = yield* guarded("sendPayload", () => host.sendPayload(Sending.payload(request)) !== false).pipe(
        Effect.onError(() =>
          Effect.sync(() => {
            one.wanted = wanted
            one.isPresent = isPresent
          })
        )
      )
      if (!isTaken) {
        one.wanted = wanted
        one.isPresent = isPresent
      } else if (one.wanted === "nothing" && one.isHeld) yield* part(one)
      return isTaken
    }))

  const updateVoiceState = (request: VoiceStateRequest) =>
    send(
      request.guild_id,
      attempt(request),
      (isTakenBack) =>
        Effect.suspend(() => {
          const one = held.get(request.guild_id)
          // a guild that is not left after all keeps its adapter
          const isNeeded = one?.wanted !== undefined && (isTakenBack || request.channel_id !== null)
          return one === undefined || isNeeded ? Effect.void : giveBack(one)
        })
    )

  yield* Effect.addFinalizer(() =>
    Effect.andThen(
      hub.finish(
        VoiceError.make(
          new VoiceError.NotConnected({ operation: "The voice adapter gateway", isLayerClosed: true })
        )
      ),
      Effect.suspend(() => Effect.forEach(Array.from(held.values()), giveBack, { discard: true }))
    )
  )

  const gateway: Gateway["Service"] = {
    userId: hub.userId,
    updateVoiceState,
    subscribe: hub.subscribe,
    lifecycle: hasLifecycle ? Option.some(hub.lifecycle) : Option.none(),
    isHeldBack,
    isUnavailable: hub.isUnavailable,
    ...Callback.obstacle(options),
    initialVoiceState: Option.none(),
    occupants: others.occupants
  }
  return gateway
})
