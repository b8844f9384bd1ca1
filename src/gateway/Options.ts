/**
 * The options of the gateway layers: the client of this library, adapters of other libraries, and dispatches from elsewhere.
 * Exported through `Gateway`.
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"
import type * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import type { ChannelId, GuildId, UserId } from "../protocol/Identifier.ts"
import type { Obstacle, VoiceError } from "../VoiceError.ts"
import type { VoiceStatePayload } from "./Sending.ts"
import type { LifecycleListener } from "./Service.ts"

/**
 * The options that `layerConfig` can read from the environment.
 *
 * @category models
 * @since 0.1.0
 */
export interface GatewayConfig {
  /** The bot token, without "Bot " in front. */
  readonly token: Redacted.Redacted
  /** The URL of a gateway other than Discord's. By default, `GET /gateway/bot` says where the gateway is. */
  readonly url?: string | undefined
  /**
   * The base URL of the REST API. Default `https://discord.com/api/v10`, or none if `url` is given. It is asked for the
   * gateway's URL, for what keeps the bot out of a channel (`VoiceError.NotAdmitted`), and for the bot's part in a stage.
   */
  readonly restUrl?: string | undefined
  /** The gateway intents. Default 129: `Guilds` and `GuildVoiceStates`. */
  readonly intents?: number | undefined
  /**
   * Shard id and number of shards. Default: not sharded. The shards of one bot in a process begin their sessions one after
   * another, 5.5 seconds apart.
   */
  readonly shard?: readonly [number, number] | undefined
}

/**
 * Further options of the client.
 *
 * @category models
 * @since 0.1.0
 */
export interface GatewayClientOptions {
  /** The function that sends requests to the REST API. Default: Node's `fetch`. */
  readonly fetch?: typeof globalThis.fetch | undefined
  /** The client properties that Identify sends. Default: the platform and this library's name. */
  readonly properties?:
    | { readonly os: string; readonly browser: string; readonly device: string }
    | undefined
  /**
   * The delays between attempts to connect, given what went wrong. When the schedule ends, the client gives up, and the layer
   * can no longer be used. The schedule starts over after a connection that was up for 10 seconds, if its session began at
   * least 2 minutes ago: resuming a session costs nothing, but Discord allows only a thousand new sessions a day. Default: 1
   * second, doubling up to 2 minutes, with jitter, without end.
   */
  readonly reconnect?: Schedule.Schedule<unknown, VoiceError> | undefined
}

/**
 * Options of `layer`.
 *
 * @category models
 * @since 0.1.0
 */
export interface GatewayOptions extends GatewayConfig, GatewayClientOptions {}

/**
 * The callbacks that this library hands to a Discord library for a guild. The library calls the first two with the bodies of
 * the dispatches, and `destroy` when it no longer serves the guild.
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
 * The object that the library hands back: a way to send op 4 (`false`: not now), and a way to say that the guild is no longer
 * needed.
 *
 * @category adapters
 * @since 0.1.0
 */
export interface AdapterHost {
  sendPayload(payload: VoiceStatePayload): boolean
  destroy(): void
}

/**
 * The convention of discord.js, which Oceanic and others follow: the `voiceAdapterCreator` of their guilds.
 *
 * @category adapters
 * @since 0.1.0
 */
export type AdapterCreator = (methods: AdapterMethods) => AdapterHost

/**
 * What another Discord library can say about its guilds to explain a failed join.
 *
 * @category models
 * @since 0.1.0
 */
export interface ObstacleOptions {
  /**
   * What keeps the bot out of a channel, given the library's knowledge of guild, channel and permissions. It is called when
   * Discord has left a request unanswered for 2 seconds. A join then fails with `NotAdmitted`, which names the obstacle;
   * otherwise it fails with `JoinTimedOut` when its time is over. An error that it throws is logged and counts as
   * `undefined`.
   */
  readonly obstacle?: ((guildId: GuildId, channelId: ChannelId) => Obstacle | undefined) | undefined
}

/**
 * A user in voice, as the library knows them. Flags that are absent or null are not set. If `bot` or `name` is absent, the
 * value from before stays.
 *
 * @category adapters
 * @since 0.1.0
 */
export interface AdapterOccupant {
  readonly userId: string
  /** The voice channel; null or undefined if the user has left. */
  readonly channelId: string | null | undefined
  /** Set by the user. */
  readonly selfMute?: boolean | null | undefined
  readonly selfDeaf?: boolean | null | undefined
  /** Set by a moderator. */
  readonly mute?: boolean | null | undefined
  readonly deaf?: boolean | null | undefined
  /** In the audience of a stage, or without permission to speak. */
  readonly suppress?: boolean | null | undefined
  /** Whether the camera is on. */
  readonly video?: boolean | null | undefined
  /** Whether the user shares a screen or a game. */
  readonly streaming?: boolean | null | undefined
  readonly bot?: boolean | null | undefined
  /** The name that the guild shows: the nickname there, else the display name of the user, else the name of the account. */
  readonly name?: string | null | undefined
}

/**
 * Called when someone joins voice in a guild, leaves it, changes the channel, or is shown differently. Without `occupant`,
 * everyone in voice there may have changed. It does not throw.
 *
 * @category adapters
 * @since 0.1.0
 */
export type OccupantListener = (guildId: string, occupant?: AdapterOccupant) => void

/**
 * The users in voice, as the library tracks them.
 *
 * @category adapters
 * @since 0.1.0
 */
export interface AdapterOccupants {
  /**
   * Everyone who is in voice in a guild at the moment; undefined if the library does not know the guild. The bot may be among
   * them.
   */
  readonly of: (guildId: GuildId) => Iterable<AdapterOccupant> | undefined
  /**
   * Calls `listener` with all changes in all guilds, in order, until the returned function is called. The library calls it
   * without `occupant` when it has learned again who is in a guild, as after an outage. `of` is then called again, as it is
   * for all guilds that a "NewSession" of `lifecycle` concerns.
   */
  readonly watch: (listener: OccupantListener) => () => void
}

/**
 * Called when a guild becomes unavailable because of an outage at Discord, and when it is available again. The latter may be
 * said of any guild at any time. It does not throw.
 *
 * @category adapters
 * @since 0.1.0
 */
export type AvailabilityListener = (guildId: string, isAvailable: boolean) => void

/**
 * The options of `layerAdapter`.
 *
 * @category adapters
 * @since 0.1.0
 */
export interface AdapterOptions extends ObstacleOptions {
  /**
   * The bot's user id. Without it, the first voice state that the library hands over says who the bot is, since libraries
   * that follow the convention hand over no others. It is required for a library that hands over the voice states of all
   * members.
   */
  readonly userId?: UserId | undefined
  /** When to try again after `sendPayload` has returned false. Default: 100 ms, doubling up to 1 second, for 10 seconds. */
  readonly retry?: Schedule.Schedule<unknown, VoiceError> | undefined
  /**
   * Subscribes to the library's own connection, about which adapters say nothing. Calls `listener` until the returned
   * function is called. A library reports "NewSession" for each READY after the first. Without this option there is no
   * `lifecycle`, and a session cannot tell a lost main session from a kick. If it throws, the error is logged, and the effect
   * is the same.
   */
  readonly lifecycle?: ((listener: LifecycleListener) => () => void) | undefined
  /**
   * Who else is in voice, about which adapters say nothing. Without it, `session.members` has only what the voice gateway
   * reports. `of` is called when a session first needs its guild. If `of` throws, the error is logged, and the guild counts
   * as unknown; if `watch` throws, all guilds do.
   */
  readonly occupants?: AdapterOccupants | undefined
  /**
   * Subscribes to outages of guilds, about which adapters say nothing. Calls `listener` until the returned function is
   * called. During an outage nobody reports that the voice server has changed. Without this option, a session that lost its
   * server ends after 5 seconds without news. If it throws, the error is logged, and the effect is the same.
   */
  readonly availability?: ((listener: AvailabilityListener) => () => void) | undefined
  /** The number of shards of the library. Each may send a hundred requests a minute; more than that wait. Default 1. */
  readonly shards?: number | undefined
}

/**
 * The options that `layerDispatch` and `layerCallbacks` share.
 *
 * @category dispatches
 * @since 0.1.0
 */
export interface DispatchOptions extends ObstacleOptions {
  /** The bot's user id. It is required if the layer may be built after READY has arrived; otherwise READY says it. */
  readonly userId?: UserId | undefined
  /** When to try again after `send` has answered false. Default: 100 ms, doubling up to 1 second, for 10 seconds. */
  readonly retry?: Schedule.Schedule<unknown, VoiceError> | undefined
  /** The number of shards of the connection. Each may send a hundred requests a minute; more than that wait. Default 1. */
  readonly shards?: number | undefined
}

/**
 * The options of `layerDispatch`.
 *
 * @category dispatches
 * @since 0.1.0
 */
export interface DispatchStreamOptions<E, E2, R> extends DispatchOptions {
  /**
   * The dispatches as they arrive: `{ t, d }` with any other fields, of any kind. A stream is run once, when the layer is
   * built. An effect that subscribes is waited for.
   */
  readonly dispatches: Stream.Stream<unknown, E, R> | Effect.Effect<Stream.Stream<unknown, E, R>, E, R | Scope.Scope>
  /** Sends op 4 on the shard of the guild. `false` means not now; any other answer means that it was sent. */
  readonly send: (payload: VoiceStatePayload, guildId: GuildId) => Effect.Effect<unknown, E2, R>
}

/**
 * The options of `layerCallbacks`.
 *
 * @category dispatches
 * @since 0.1.0
 */
export interface CallbackOptions extends DispatchOptions {
  /**
   * Registers a listener, once, when the layer is built. `onDispatch` takes each dispatch (`{ t, d }` with any other fields)
   * and never throws. Call `ended` when no more will come. The returned function is called when the layer's scope closes.
   */
  readonly listen: (onDispatch: (dispatch: unknown) => void, ended: (reason?: unknown) => void) => void | (() => void)
  /**
   * Sends op 4 on the shard of the guild. `false` means not now; an error that it throws, or rejects with, fails the request.
   */
  readonly send: (payload: VoiceStatePayload, guildId: GuildId) => unknown
}
