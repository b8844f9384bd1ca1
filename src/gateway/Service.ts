/**
 * What a main gateway has to be for voice. `Gateway` gives this to users.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import type * as GatewayPayload from "../protocol/GatewayPayload.ts"
import type { ChannelId, GuildId, UserId } from "../protocol/Identifier.ts"
import type { Obstacle, VoiceError } from "../VoiceError.ts"
import type { Occupant, Occupants } from "./Occupant.ts"

/**
 * What the main gateway says about voice, in the order of arrival. `VoiceState` is our own or another member's. `Occupant`
 * is what is known of another member whose voice state itself is not at hand, or who has another name now; without `occupant` they are in no channel. `Detached`:
 * nothing that was asked for in this guild is answered any more, because we are no member of it now, or because the Discord library that
 * stands for the gateway does not serve it any longer. `error` says which. `Availability`: an outage of the guild begins or ends, where the
 * gateway can know of it (Discord docs, Gateway Events, Guild Delete). What happens meanwhile is told by nobody, and what is asked may be lost;
 * where Discord has us at its end comes ahead of it, as a `VoiceState`.
 *
 * @category models
 * @since 0.1.0
 */
export type GatewayEvent =
  | { readonly _tag: "VoiceState"; readonly state: GatewayPayload.VoiceState }
  | { readonly _tag: "VoiceServer"; readonly server: GatewayPayload.VoiceServerUpdate }
  | {
    readonly _tag: "Occupant"
    readonly guildId: GuildId
    readonly userId: UserId
    readonly occupant?: Occupant | undefined
  }
  | { readonly _tag: "Detached"; readonly guildId: GuildId; readonly error: VoiceError }
  | { readonly _tag: "Availability"; readonly guildId: GuildId; readonly isAvailable: boolean }

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
  /**
   * Our own user id; waits until it is known. Some gateways learn it from the answer to the first request. Fails, as the other two do, with
   * the reason for which the gateway has ended: `GatewayClosed`, `GatewayUnreachable`, `GatewayFailed`, or `NotConnected` behind its scope.
   */
  readonly userId: Effect.Effect<UserId, VoiceError>
  /**
   * Says which channel we want to be in, and how we are shown there; what Discord answers comes over `subscribe`. Fails also with
   * `GatewayFailed` where it cannot be said.
   */
  readonly updateVoiceState: (request: VoiceStateRequest) => Effect.Effect<void, VoiceError>
  /** Subscribes: from the moment this effect completes on, no event is missed. The stream fails when the gateway has ended. */
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
  /** Optional: whether there is an outage of a guild, for who subscribes while it lasts. Plain code. */
  readonly isUnavailable?: ((guildId: GuildId) => boolean) | undefined
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
