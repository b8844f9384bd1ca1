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
import * as Client from "./gateway/Client.ts"
import type * as GatewayPayload from "./protocol/GatewayPayload.ts"
import type { GuildId, UserId } from "./protocol/Identifier.ts"
import type { WebSocketTransport } from "./Transport.ts"
import type { VoiceError } from "./VoiceError.ts"

/**
 * What the main gateway says about voice, in the order of arrival. `VoiceState` is our own or another member's. `Detached`
 * comes from gateways that stand on another Discord library: it serves this guild no longer, so that nothing that was asked
 * for there is answered any more.
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
 * Says which channel of a guild we want to be in (op 4). `channel_id: null` leaves.
 *
 * @category models
 * @since 0.1.0
 */
export type VoiceStateRequest = GatewayPayload.UpdateVoiceState

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
  readonly lifecycle: Option.Option<Effect.Effect<Stream.Stream<Lifecycle>, never, Scope.Scope>>
  /** Optional: our voice state in a guild as it was when the gateway connected, to find a ghost of an earlier process. */
  readonly initialVoiceState: Option.Option<
    (guildId: GuildId) => Effect.Effect<Option.Option<GatewayPayload.VoiceState>>
  >
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
  /** Where the REST API is. Default `https://discord.com/api/v10`. */
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
   * Delays between attempts to connect, by what went wrong; the client gives up when it ends. It starts anew after a
   * connection that was up for a minute. Default: 1 second, doubling up to 1 minute, with jitter, 10 times.
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
 * Our own small client of the main gateway, version 10 in JSON.
 *
 * The layer itself never fails and does not wait: it connects in the background, and what goes wrong for good (a wrong
 * token, forbidden intents, a network that stays away) is the typed error of `userId`, `updateVoiceState` and the
 * subscribed streams: `GatewayClosed`, `GatewayUnreachable`, `GatewayFailed`, or `NotConnected` once the layer's scope has
 * closed. Until then lost connections are resumed, or begun anew where Discord says so.
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
export const layer = (options: GatewayOptions): Layer.Layer<Gateway, never, WebSocketTransport> =>
  Layer.effect(Gateway, Client.make(options))

/**
 * {@link layer} with options from `Config`.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerConfig = (
  config: Config.Wrap<GatewayConfig>,
  options: GatewayClientOptions = {}
): Layer.Layer<Gateway, Config.ConfigError, WebSocketTransport> =>
  Layer.unwrap(Effect.map(Config.unwrap(config), (values) => layer({ ...options, ...values })))
