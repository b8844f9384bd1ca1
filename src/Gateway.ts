/**
 * The main gateway, as far as voice needs it: the bot's user id, a way to say which channel the bot wants to be in, and the
 * two events that answer. Any Discord library can serve as one; `layer` is a small client of our own that needs only a bot
 * token.
 *
 * @since 0.1.0
 */
import * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import * as Adapter from "./gateway/Adapter.ts"
import * as Client from "./gateway/Client.ts"
import * as Dispatch from "./gateway/Dispatch.ts"
import { Dispatches } from "./gateway/Dispatches.ts"
import type {
  AdapterCreator,
  AdapterOptions,
  CallbackOptions,
  DispatchOptions,
  DispatchStreamOptions,
  GatewayClientOptions,
  GatewayConfig,
  GatewayOptions
} from "./gateway/Options.ts"
import { Rest } from "./gateway/RestApi.ts"
import type { VoiceStatePayload } from "./gateway/Sending.ts"
import { Gateway } from "./gateway/Service.ts"
import type { GuildId } from "./protocol/Identifier.ts"
import type { WebSocketTransport } from "./Transport.ts"

export {
  Gateway,
  type GatewayEvent,
  type Lifecycle,
  type LifecycleListener,
  type ShardLifecycle,
  type StagePart,
  type StageRequest,
  type VoiceStateRequest
} from "./gateway/Service.ts"

export type {
  AdapterCreator,
  AdapterHost,
  AdapterMethods,
  AdapterOccupant,
  AdapterOccupants,
  AdapterOptions,
  AvailabilityListener,
  CallbackOptions,
  DispatchOptions,
  DispatchStreamOptions,
  GatewayClientOptions,
  GatewayConfig,
  GatewayOptions,
  ObstacleOptions,
  OccupantListener
} from "./gateway/Options.ts"

export type { Occupant, Occupants } from "./gateway/Occupant.ts"

export type { VoiceStatePayload } from "./gateway/Sending.ts"

export { Rest, type RestOptions } from "./gateway/RestApi.ts"

export {
  /**
   * @category models
   * @since 0.1.0
   */
  type Dispatch,
  Dispatches
} from "./gateway/Dispatches.ts"

/**
 * Our own small client of the main gateway, version 10 in JSON. {@link Dispatches} has everything that it receives, including
 * the bot's commands, and {@link Rest} answers them.
 *
 * The layer itself never fails and does not wait: it connects in the background. Permanent failures (a wrong token, forbidden
 * intents, a `reconnect` schedule that has ended) are typed errors of `userId`, `updateVoiceState` and the subscribed
 * streams: `GatewayClosed`, `GatewayUnreachable`, `GatewayFailed`, or `NotConnected` once the layer's scope has closed. Until
 * then, a lost connection is resumed, or begun again if Discord says so, and the client waits while the network is
 * unavailable.
 *
 * While the connection is down, up to 4096 voice state requests wait for the next one; interruption withdraws a request. A
 * subscriber that falls 4096 events behind loses the oldest. `NewSession` is every READY except the first. The initial voice
 * state is kept up to date with the bot's later ones. If READY names the guild, `initialVoiceState` waits up to 5 seconds for
 * the guild to arrive.
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
export const layer = (options: GatewayOptions): Layer.Layer<Gateway | Dispatches | Rest, never, WebSocketTransport> =>
  Layer.effectContext(
    Effect.map(
      Client.make(options),
      ({ dispatches, gateway, rest }) =>
        Context.make(Gateway, gateway).pipe(Context.add(Dispatches, dispatches), Context.add(Rest, rest))
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
): Layer.Layer<Gateway | Dispatches | Rest, Config.ConfigError, WebSocketTransport> =>
  Layer.unwrap(Effect.map(Config.unwrap(config), (values) => layer({ ...options, ...values })))

/**
 * A gateway over the voice adapters of another Discord library. `find` returns the adapter creator of a guild, or `undefined`
 * if the library does not know the guild. The request then fails with `GatewayFailed`, as it does when the library throws.
 *
 * The adapter of a guild is created by the first request for that guild. It is given back (`destroy`):
 *
 * - when Discord says that the bot is in no channel of the guild,
 * - 5 seconds after a request to leave that was not answered,
 * - after a first request, or a request to leave, that failed, and
 * - when the layer's scope closes.
 *
 * If the library takes its adapter back first (the shard is permanently gone, the bot was removed from the guild), all
 * subscribers receive `Detached`, and joins in the guild fail with `GatewayDetached`. The next request calls `find` again.
 *
 * `userId` waits for the first voice state unless it is given as an option. Payloads that do not match their schema are
 * dropped with a warning. `lifecycle`, `occupants` and word of outages exist only with their options (`lifecycle`,
 * `occupants`, `availability`), and there is no initial voice state.
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
 * A gateway over a stream of dispatches and a function that sends, for programs that have their own connection to Discord.
 *
 * - READY says who the bot is. Every READY of a shard except its first is `NewSession`, and so is a first READY that follows
 *   other dispatches. RESUMED is `Resumed`. `Lost` cannot be observed.
 * - With several shards, a new session concerns only the guilds of its shard, which READY names.
 * - GUILD_CREATE has the bot's initial voice state.
 * - The two voice events are passed on in order, and GUILD_MEMBER_UPDATE becomes an `Occupant` when someone in voice has a
 *   new name.
 * - Everything else is ignored. A dispatch that does not match its schema is dropped with a warning.
 *
 * When the stream ends or fails, every pending and later call fails with `GatewayFailed`. A failed `send` fails the request
 * that caused it in the same way.
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
 * {@link layerDispatch} over plain functions, for a gateway that is written without Effect, uses another version of it, or
 * runs in another process.
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
 * A gateway over dfx's `DiscordGateway`, which sends on the shard of each guild. It needs a dfx that runs on the same version
 * of Effect as this package, which 1.0.13 does not; use {@link layerCallbacks} to bridge to a dfx in another process. dfx
 * replays nothing: give `userId` unless the layer is built before dfx has connected.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerDfx = (gateway: DfxGateway, options: DispatchOptions = {}): Layer.Layer<Gateway> =>
  layerDispatch({
    ...options,
    dispatches: gateway.dispatch,
    // not `gateway.send`: all shards take from that one queue
    send: (payload, guildId) =>
      Effect.flatMap(gateway.shards, (shards) => {
        for (const { id: [id, count], write } of shards) {
          if (Dispatch.shardOf(guildId, count) === id) return Effect.as(write(payload), true)
        }
        return Effect.succeed(false)
      })
  })
