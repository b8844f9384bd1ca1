/**
 * The main gateway, as far as voice needs it: who we are, a way to say which channel we want, and the two events that
 * answer. Any Discord library can be one; `layer` is our own small client, which needs only a bot token.
 *
 * @since 0.1.0
 */
import * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"
import type * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import * as Adapter from "./gateway/Adapter.ts"
import * as Client from "./gateway/Client.ts"
import * as Dispatch from "./gateway/Dispatch.ts"
import { Dispatches } from "./gateway/Dispatches.ts"
import type { Occupants } from "./gateway/Occupant.ts"
import type { VoiceStatePayload } from "./gateway/Sending.ts"
import type * as GatewayPayload from "./protocol/GatewayPayload.ts"
import type { ChannelId, GuildId, UserId } from "./protocol/Identifier.ts"
import type { WebSocketTransport } from "./Transport.ts"
import type { Obstacle, VoiceError } from "./VoiceError.ts"

/**
 * What the main gateway says about voice, in the order of arrival. `VoiceState` is our own or another member's. `Detached`:
 * nothing that was asked for in this guild is answered any more, because we are no member of it now, or because the Discord
 * library that stands for the gateway does not serve it any longer. `error` says which.
 *
 * @category models
 * @since 0.1.0
 */
export type GatewayEvent =
  | { readonly _tag: "VoiceState"; readonly state: GatewayPayload.VoiceState }
  | { readonly _tag: "VoiceServer"; readonly server: GatewayPayload.VoiceServerUpdate }
  | { readonly _tag: "Detached"; readonly guildId: GuildId; readonly error: VoiceError }

/**
 * What happens to the gateway connection itself: `Resumed` leaves voice alone, `NewSession` means that every voice
 * session of ours is gone at Discord's side, `Lost` that the connection is down at the moment.
 *
 * @category models
 * @since 0.1.0
 */
export type Lifecycle = "Resumed" | "NewSession" | "Lost"

/**
 * The same of one connection among several, a shard: it is about the guilds of which `concerns`, plain code, says so, and about
 * no others.
 *
 * @category models
 * @since 0.1.0
 */
export interface ShardLifecycle {
  readonly lifecycle: Lifecycle
  readonly concerns: (guildId: GuildId) => boolean
}

/**
 * Is told of the connection of a library. With several shards, `concerns`, plain code, says whether a guild is of the shard to which
 * it happened. Without it, or where it throws, all guilds are taken to be, and all sessions join anew when one shard has a new one.
 *
 * @category models
 * @since 0.1.0
 */
export type LifecycleListener = (lifecycle: Lifecycle, concerns?: (guildId: GuildId) => boolean) => void

/**
 * Says which channel of a guild we want to be in (op 4). `channel_id: null` leaves.
 *
 * @category models
 * @since 0.1.0
 */
export type VoiceStateRequest = GatewayPayload.UpdateVoiceState

export type { Occupant, Occupants } from "./gateway/Occupant.ts"

export type { VoiceStatePayload } from "./gateway/Sending.ts"

export {
  /**
   * @category models
   * @since 0.1.0
   */
  type Dispatch,
  Dispatches
} from "./gateway/Dispatches.ts"

/**
 * Our part in a stage: to speak, which needs the permission Mute Members or the invitation of somebody who has it; to listen; or to
 * ask to speak.
 *
 * @category models
 * @since 0.1.0
 */
export type StagePart = "speaker" | "audience" | "request"

/**
 * @category models
 * @since 0.1.0
 */
export interface StageRequest {
  readonly guildId: GuildId
  /** The stage that we are in. */
  readonly channelId: ChannelId
  readonly part: StagePart
}

/**
 * @category services
 * @since 0.1.0
 */
export class Gateway extends Context.Service<Gateway, {
  /** Our own user id; waits until it is known. Some gateways learn it from the answer to the first request. */
  readonly userId: Effect.Effect<UserId, VoiceError>
  readonly updateVoiceState: (request: VoiceStateRequest) => Effect.Effect<void, VoiceError>
  /** Subscribes: from the moment this effect completes on, no event is missed. */
  readonly subscribe: Effect.Effect<Stream.Stream<GatewayEvent, VoiceError>, never, Scope.Scope>
  /** Optional. Without it a session cannot tell a lost main session from a kick. */
  readonly lifecycle: Option.Option<Effect.Effect<Stream.Stream<Lifecycle | ShardLifecycle>, never, Scope.Scope>>
  /** Optional: the round trip of the last heartbeat that was answered, in milliseconds, once there is one. */
  readonly roundTripMs?: Effect.Effect<number | undefined> | undefined
  /**
   * Optional: whether requests wait at the moment, or did within the last 5 seconds, for Discord's limit of messages on a
   * connection (120 a minute). Who asks for a place then is not yet waiting for Discord. Plain code.
   */
  readonly isHeldBack?: (() => boolean) | undefined
  /**
   * Optional: what keeps us out of a channel, if it can be found out. Asked when Discord has left a request unanswered for 2
   * seconds.
   */
  readonly obstacle?:
    | ((guildId: GuildId, channelId: ChannelId) => Effect.Effect<Obstacle | undefined>)
    | undefined
  /** Optional: asks Discord for a part in a stage. Fails with `GatewayFailed` where it does not give it to us. */
  readonly setStage?: ((request: StageRequest) => Effect.Effect<void, VoiceError>) | undefined
  /** Optional: our voice state in a guild as it was when the gateway connected, to find a ghost of an earlier process. */
  readonly initialVoiceState: Option.Option<
    (guildId: GuildId) => Effect.Effect<Option.Option<GatewayPayload.VoiceState>>
  >
  /** Optional: who else is in voice. Without it a session knows what is said of others while it is there, and nothing of before. */
  readonly occupants?: Occupants | undefined
}>()("effect-discord-voice/Gateway") {}

/**
 * What {@link layerConfig} can read from the environment.
 *
 * @category models
 * @since 0.1.0
 */
export interface GatewayConfig {
  /** The bot token, without "Bot " in front. */
  readonly token: Redacted.Redacted
  /** Where the gateway is, for another than Discord's. Without it `GET /gateway/bot` is asked. */
  readonly url?: string | undefined
  /**
   * Where the REST API is. Default `https://discord.com/api/v10`, or none where `url` is given. It is asked for the gateway's
   * URL, for what keeps us out of a channel that Discord does not let us into ({@link VoiceError.NotAdmitted}), and for our part
   * in a stage.
   */
  readonly restUrl?: string | undefined
  /** Default 129: `Guilds` and `GuildVoiceStates`. */
  readonly intents?: number | undefined
  /** Shard id and number of shards. Default: not sharded. */
  readonly shard?: readonly [number, number] | undefined
}

/**
 * What else can be replaced.
 *
 * @category models
 * @since 0.1.0
 */
export interface GatewayClientOptions {
  /** How to ask the REST API. Default: Node's `fetch`. */
  readonly fetch?: typeof globalThis.fetch | undefined
  /** What Identify says about us. Default: the platform and this library's name. */
  readonly properties?:
    | { readonly os: string; readonly browser: string; readonly device: string }
    | undefined
  /**
   * Delays between attempts to connect, by what went wrong; the client gives up when it ends, and the layer is of no use any
   * more. It starts anew after a connection that was up for a minute. Default: 1 second, doubling up to 2 minutes, with jitter,
   * without end.
   */
  readonly reconnect?: Schedule.Schedule<unknown, VoiceError> | undefined
}

/**
 * Options of {@link layer}.
 *
 * @category models
 * @since 0.1.0
 */
export interface GatewayOptions extends GatewayConfig, GatewayClientOptions {}

/**
 * Our own small client of the main gateway, version 10 in JSON. {@link Dispatches} has all that it hears, a bot's commands
 * included.
 *
 * The layer itself never fails and does not wait: it connects in the background, and what goes wrong for good (a wrong
 * token, forbidden intents, a schedule `reconnect` that has ended) is the typed error of `userId`, `updateVoiceState` and the
 * subscribed streams: `GatewayClosed`, `GatewayUnreachable`, `GatewayFailed`, or `NotConnected` once the layer's scope has
 * closed. Until then lost connections are resumed, or begun anew where Discord says so, and a network that is away is waited for.
 *
 * While the connection is down, up to 4096 voice state requests wait for the next one; interruption withdraws a request. A
 * subscriber that falls 4096 events behind loses the oldest. `NewSession` is every READY but the first. The initial voice
 * state follows our later ones; where READY names the guild, it waits up to 5 seconds for the guild to arrive.
 *
 * **Example** (A bot with its token in the environment)
 *
 * ```ts
 * import { Config, Effect, Layer } from "effect"
 * import { Gateway, Transport } from "effect-discord-voice"
 *
 * const GatewayLive = Gateway.layerConfig({ token: Config.Redacted("DISCORD_TOKEN") }).pipe(
 *   Layer.provide(Transport.layerWebSocket)
 * )
 *
 * const program = Effect.gen(function*() {
 *   const gateway = yield* Gateway.Gateway
 *   yield* Effect.log(yield* gateway.userId)
 * }).pipe(Effect.provide(GatewayLive))
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: GatewayOptions): Layer.Layer<Gateway | Dispatches, never, WebSocketTransport> =>
  Layer.effectContext(
    Effect.map(
      Client.make(options),
      ({ dispatches, gateway }) => Context.make(Gateway, gateway).pipe(Context.add(Dispatches, dispatches))
    )
  )

/**
 * {@link layer} with options from `Config`.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerConfig = (
  config: Config.Wrap<GatewayConfig>,
  options: GatewayClientOptions = {}
): Layer.Layer<Gateway | Dispatches, Config.ConfigError, WebSocketTransport> =>
  Layer.unwrap(Effect.map(Config.unwrap(config), (values) => layer({ ...options, ...values })))

/**
 * What we hand to a Discord library for a guild: it calls the first two with the bodies of the dispatches, and `destroy` when
 * it serves the guild no longer.
 *
 * @category adapters
 * @since 0.1.0
 */
export interface AdapterMethods {
  onVoiceServerUpdate(data: unknown): void
  onVoiceStateUpdate(data: unknown): void
  destroy(): void
}

/**
 * What the library hands back: a way to send op 4 (`false`: not now), and one to say that we need the guild no longer.
 *
 * @category adapters
 * @since 0.1.0
 */
export interface AdapterHost {
  sendPayload(payload: VoiceStatePayload): boolean
  destroy(): void
}

/**
 * The convention of discord.js, which Oceanic and others follow: what their guilds have as `voiceAdapterCreator`.
 *
 * @category adapters
 * @since 0.1.0
 */
export type AdapterCreator = (methods: AdapterMethods) => AdapterHost

/**
 * What another Discord library knows of its guilds, as far as it helps here.
 *
 * @category models
 * @since 0.1.0
 */
export interface ObstacleOptions {
  /**
   * What keeps us out of a channel, as the library knows guild, channel and permissions; asked when Discord has left a request
   * unanswered for 2 seconds. Then a join fails with `NotAdmitted`, which says so, and otherwise with `JoinTimedOut` when its time is
   * over. What it throws is logged, and means that it does not know.
   */
  readonly obstacle?: ((guildId: GuildId, channelId: ChannelId) => Obstacle | undefined) | undefined
}

/**
 * @category adapters
 * @since 0.1.0
 */
export interface AdapterOptions extends ObstacleOptions {
  /**
   * Our own user id. Without it the first voice state that the library hands over says who we are: libraries that follow the
   * convention hand over no others. One that hands over those of all members needs it.
   */
  readonly userId?: UserId | undefined
  /**
   * When to ask again after `sendPayload` has returned false. Default: 100 ms, doubling up to 1 second, for 10 seconds.
   */
  readonly retry?: Schedule.Schedule<unknown, VoiceError> | undefined
  /**
   * How to hear of the library's own connection, which adapters do not tell: calls `listener` from now on, until what it
   * returns is called. A library says "NewSession" for each READY after the first. Without it there is no `lifecycle`, and a
   * session cannot tell a lost main session from a kick.
   */
  readonly lifecycle?: ((listener: LifecycleListener) => () => void) | undefined
  /** Shards of the library. Each may have a hundred requests a minute, and more of them wait. Default 1. */
  readonly shards?: number | undefined
}

/**
 * A gateway over the voice adapters of another Discord library. `find` gives what makes the adapter of a guild, or nothing
 * if the library does not know the guild, which fails the request with `GatewayFailed`, as does whatever the library throws.
 *
 * An adapter is made when a guild is first asked for. It is given back (`destroy`) when Discord says that we are in no
 * channel of the guild, 5 seconds after a request to leave that is not answered, after a first request or one to leave that
 * failed, and when the layer's scope closes. A library that takes its adapter back first (the shard is gone for good, the bot was removed from the
 * guild) tells all subscribers `Detached`, and fails joins there with `GatewayDetached`; the next
 * request asks `find` again.
 *
 * `userId` waits for the first voice state, unless the option says it. Payloads that break their schema are dropped with a
 * warning. There is no `lifecycle` without the option, and no initial voice state.
 *
 * **Example** (Inside a bot on discord.js)
 *
 * ```ts
 * import { Gateway } from "effect-discord-voice"
 *
 * const GatewayLive = Gateway.layerAdapter((guildId) => client.guilds.cache.get(guildId)?.voiceAdapterCreator)
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layerAdapter = (
  find: (guildId: GuildId) => AdapterCreator | undefined,
  options: AdapterOptions = {}
): Layer.Layer<Gateway> => Layer.effect(Gateway, Adapter.make(find, options))

/**
 * What {@link layerDispatch} and {@link layerCallbacks} share.
 *
 * @category dispatches
 * @since 0.1.0
 */
export interface DispatchOptions extends ObstacleOptions {
  /** Our own user id. Needed if the layer may be built after READY has passed by; otherwise READY says it. */
  readonly userId?: UserId | undefined
  /** When to ask again after `send` has answered false. Default: 100 ms, doubling up to 1 second, for 10 seconds. */
  readonly retry?: Schedule.Schedule<unknown, VoiceError> | undefined
  /** Shards of the connection. Each may have a hundred requests a minute, and more of them wait. Default 1. */
  readonly shards?: number | undefined
}

/**
 * Options of {@link layerDispatch}.
 *
 * @category dispatches
 * @since 0.1.0
 */
export interface DispatchStreamOptions<E, E2, R> extends DispatchOptions {
  /**
   * The dispatches as they come: `{ t, d }` and whatever else, of any kind. A stream is run once, from when the layer is
   * built; an effect that subscribes is waited for.
   */
  readonly dispatches: Stream.Stream<unknown, E, R> | Effect.Effect<Stream.Stream<unknown, E, R>, E, R | Scope.Scope>
  /** Sends op 4 on the shard of the guild. `false` means not now; any other answer that it was sent. */
  readonly send: (payload: VoiceStatePayload, guildId: GuildId) => Effect.Effect<unknown, E2, R>
}

/**
 * A gateway over a stream of dispatches and a way to send: for whoever has a connection to Discord of their own.
 *
 * READY says who we are, and every READY of a shard but its first is `NewSession`, as is the first one that follows other
 * dispatches; RESUMED is `Resumed`. GUILD_CREATE has our initial voice state. The two voice events are passed on in order.
 * Anything else is ignored, and what breaks its schema is dropped with a warning. `Lost` cannot be seen. In a stream of
 * several shards a new session is told to those guilds alone that are of its shard, as READY says which that is.
 *
 * The end of the stream, or its failure, is the `GatewayFailed` of everybody who waits or asks later; so is a failed `send`
 * to whoever asked.
 *
 * **Example** (A connection of one's own)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Gateway } from "effect-discord-voice"
 *
 * const GatewayLive = Gateway.layerDispatch({
 *   dispatches: connection.dispatches,
 *   send: (payload) => connection.send(JSON.stringify(payload))
 * })
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layerDispatch = <E, E2, R = never>(
  options: DispatchStreamOptions<E, E2, R>
): Layer.Layer<Gateway, never, Exclude<R, Scope.Scope>> => Layer.effect(Gateway, Dispatch.fromStream(options))

/**
 * Options of {@link layerCallbacks}.
 *
 * @category dispatches
 * @since 0.1.0
 */
export interface CallbackOptions extends DispatchOptions {
  /**
   * Registers a listener, once, when the layer is built. It is called with each dispatch (`{ t, d }` and whatever else) and
   * never throws; `ended` says that nothing will come any more. What is returned is called when the layer's scope closes.
   */
  readonly listen: (onDispatch: (dispatch: unknown) => void, ended: (reason?: unknown) => void) => void | (() => void)
  /** Sends op 4 on the shard of the guild. `false` means not now; whatever it throws or rejects with fails the request. */
  readonly send: (payload: VoiceStatePayload, guildId: GuildId) => unknown
}

/**
 * {@link layerDispatch} over plain functions: for a gateway that is written without Effect, on another version of it, or in
 * another process.
 *
 * **Example** (An event emitter)
 *
 * ```ts
 * import { Gateway } from "effect-discord-voice"
 *
 * const GatewayLive = Gateway.layerCallbacks({
 *   listen: (onDispatch) => {
 *     emitter.on("dispatch", onDispatch)
 *     return () => emitter.off("dispatch", onDispatch)
 *   },
 *   send: (payload) => emitter.send(payload)
 * })
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layerCallbacks = (options: CallbackOptions): Layer.Layer<Gateway> =>
  Layer.effect(Gateway, Dispatch.fromCallbacks(options))

/**
 * The parts of dfx's `DiscordGateway` that voice needs.
 *
 * @category dispatches
 * @since 0.1.0
 */
export interface DfxGateway {
  readonly dispatch: Stream.Stream<unknown>
  readonly shards: Effect.Effect<
    ReadonlySet<{
      readonly id: readonly [id: number, count: number]
      readonly write: (payload: VoiceStatePayload) => Effect.Effect<void>
    }>
  >
}

/**
 * A gateway over dfx's `DiscordGateway`, on the shard of each guild. It needs a dfx that runs on the Effect of this package,
 * which 1.0.13 does not; {@link layerCallbacks} bridges to one in another process. dfx replays nothing: give `userId` unless
 * the layer is built before dfx has connected.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerDfx = (gateway: DfxGateway, options: DispatchOptions = {}): Layer.Layer<Gateway> =>
  layerDispatch({
    ...options,
    dispatches: gateway.dispatch,
    // not `gateway.send`: all shards take from its one queue
    send: (payload, guildId) =>
      Effect.flatMap(gateway.shards, (shards) => {
        for (const { id: [id, count], write } of shards) {
          if (Dispatch.shardOf(guildId, count) === id) return Effect.as(write(payload), true)
        }
        return Effect.succeed(false)
      })
  })
