/**
 * What the layers of gateways are told: our own client, adapters of other libraries, and dispatches that come from elsewhere.
 * `Gateway` gives these to users.
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
 * What `layerConfig` can read from the environment.
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
   * URL, for what keeps us out of a channel that Discord does not let us into (`VoiceError.NotAdmitted`), and for our part
   * in a stage.
   */
  readonly restUrl?: string | undefined
  /** Default 129: `Guilds` and `GuildVoiceStates`. */
  readonly intents?: number | undefined
  /**
   * Shard id and number of shards. Default: not sharded. Those of one bot in a process begin their sessions one after another, 5.5
   * seconds apart.
   */
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
   * more. It starts anew after a connection that was up for 10 seconds, once its session has begun 2 minutes ago: to resume a session
   * costs nothing, and of those that begin Discord allows a thousand a day. Default: 1 second, doubling up to 2 minutes, with jitter,
   * without end.
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
 * Somebody in voice, as the library has them. Flags that are absent or null are not set; of `bot` and `name`, what was told before holds
 * then.
 *
 * @category adapters
 * @since 0.1.0
 */
export interface AdapterOccupant {
  readonly userId: string
  /** The voice channel; null and undefined are none, where somebody has left. */
  readonly channelId: string | null | undefined
  /** The user's own doing. */
  readonly selfMute?: boolean | null | undefined
  readonly selfDeaf?: boolean | null | undefined
  /** A moderator's doing. */
  readonly mute?: boolean | null | undefined
  readonly deaf?: boolean | null | undefined
  /** In the audience of a stage, or without the permission to speak. */
  readonly suppress?: boolean | null | undefined
  /** The camera is on. */
  readonly video?: boolean | null | undefined
  /** Shows a screen or a game. */
  readonly streaming?: boolean | null | undefined
  readonly bot?: boolean | null | undefined
  /** As the guild shows it: the nickname there, else the name that the user has chosen, else the account's. */
  readonly name?: string | null | undefined
}

/**
 * Is told when somebody has come into voice in a guild, has left it, has gone to another channel, or is shown otherwise; without
 * `occupant` that all who are in voice there may be others than before. It throws nothing.
 *
 * @category adapters
 * @since 0.1.0
 */
export type OccupantListener = (guildId: string, occupant?: AdapterOccupant) => void

/**
 * Who is in voice, as the library keeps it.
 *
 * @category adapters
 * @since 0.1.0
 */
export interface AdapterOccupants {
  /** All who are in voice in a guild at the moment; undefined where the library does not know the guild. We may be among them. */
  readonly of: (guildId: GuildId) => Iterable<AdapterOccupant> | undefined
  /**
   * Calls `listener` from now on, until what it returns is called: with all changes in all guilds, in their order. Without
   * `occupant` where the library has learned anew who is in a guild, as after an outage, and then `of` is asked again, as it is of all
   * guilds that a "NewSession" of `lifecycle` concerns.
   */
  readonly watch: (listener: OccupantListener) => () => void
}

/**
 * Is told that a guild cannot be reached because of an outage at Discord, and that it can be again, which may be said of any guild at any
 * time. It throws nothing.
 *
 * @category adapters
 * @since 0.1.0
 */
export type AvailabilityListener = (guildId: string, isAvailable: boolean) => void

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
   * session cannot tell a lost main session from a kick. What it throws is logged, and means the same.
   */
  readonly lifecycle?: ((listener: LifecycleListener) => () => void) | undefined
  /**
   * Who else is in voice, which adapters do not tell. Without it `session.members` have nothing but what the voice gateway tells
   * of them. `of` is asked when a session first wants to know of its guild. What it throws is logged, and means that it does not
   * know; what `watch` throws means so of all guilds.
   */
  readonly occupants?: AdapterOccupants | undefined
  /**
   * How to hear of outages of guilds, which adapters do not tell: calls `listener` from now on, until what it returns is called. In an
   * outage nobody says that a voice server is another one, and without the option a session that lost its own ends after 5 seconds
   * without a word. What it throws is logged, and means the same.
   */
  readonly availability?: ((listener: AvailabilityListener) => () => void) | undefined
  /** Shards of the library. Each may have a hundred requests a minute, and more of them wait. Default 1. */
  readonly shards?: number | undefined
}

/**
 * What `layerDispatch` and `layerCallbacks` share.
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
 * Options of `layerDispatch`.
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
 * Options of `layerCallbacks`.
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
