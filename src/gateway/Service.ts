/**
 * The service that a main gateway provides for voice. Exported through `Gateway`.
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
 * What the main gateway reports about voice, in order of arrival.
 *
 * - `VoiceState`: the voice state of the bot or of another member.
 * - `Occupant`: what is known of another member whose voice state itself is not available, or who has a new name. Without
 *   `occupant`, the member is in no channel.
 * - `Detached`: no request in this guild will be answered any more, because the bot is no longer a member of it, or because
 *   the Discord library beneath the gateway no longer serves it. `error` says which.
 * - `Availability`: an outage of the guild begins or ends, if the gateway can know of it (Discord docs, Gateway Events, Guild
 *   Delete). During an outage nothing is reported, and requests may be lost. At its end, a `VoiceState` that says where
 *   Discord has the bot comes first.
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
 * What happens to the gateway connection itself. `Resumed`: voice is not affected. `NewSession`: all voice sessions of the
 * bot are gone on Discord's side. `Lost`: the connection is down at the moment.
 *
 * @category models
 * @since 0.1.0
 */
export type Lifecycle = "Resumed" | "NewSession" | "Lost"

/**
 * The {@link Lifecycle} of one connection among several (a shard). It concerns only the guilds for which `concerns`, plain
 * code, returns true.
 *
 * @category models
 * @since 0.1.0
 */
export interface ShardLifecycle {
  readonly lifecycle: Lifecycle
  readonly concerns: (guildId: GuildId) => boolean
}

/**
 * Called with changes of a library's connection. With several shards, `concerns`, plain code, says whether a guild belongs to
 * the affected shard. Without it, or if it throws, all guilds are affected, and all sessions rejoin when one shard has a new
 * session.
 *
 * @category models
 * @since 0.1.0
 */
export type LifecycleListener = (lifecycle: Lifecycle, concerns?: (guildId: GuildId) => boolean) => void

/**
 * Says which channel of a guild the bot wants to be in (op 4). `channel_id: null` leaves.
 *
 * @category models
 * @since 0.1.0
 */
export type VoiceStateRequest = GatewayPayload.UpdateVoiceState

/**
 * The bot's part in a stage: to speak, which needs the permission Mute Members or an invitation from someone who has it; to
 * listen; or to ask to speak.
 *
 * @category models
 * @since 0.1.0
 */
export type StagePart = "speaker" | "audience" | "request"

/**
 * A request for a part in a stage.
 *
 * @category models
 * @since 0.1.0
 */
export interface StageRequest {
  readonly guildId: GuildId
  /** The stage that the bot is in. */
  readonly channelId: ChannelId
  readonly part: StagePart
}

/**
 * The service of the main gateway.
 *
 * @category services
 * @since 0.1.0
 */
export class Gateway extends Context.Service<Gateway, {
  /**
   * The bot's user id; waits until it is known. Some gateways learn it from the answer to the first request. Like
   * `updateVoiceState` and `subscribe`, fails with the reason why the gateway has ended: `GatewayClosed`,
   * `GatewayUnreachable`, `GatewayFailed`, or `NotConnected` after its scope has closed.
   */
  readonly userId: Effect.Effect<UserId, VoiceError>
  /**
   * Says which channel the bot wants to be in, and how it is shown there. Discord's answer arrives through `subscribe`. Also
   * fails with `GatewayFailed` if the request cannot be sent.
   */
  readonly updateVoiceState: (request: VoiceStateRequest) => Effect.Effect<void, VoiceError>
  /** Subscribes: no event is missed after this effect completes. The stream fails when the gateway has ended. */
  readonly subscribe: Effect.Effect<Stream.Stream<GatewayEvent, VoiceError>, never, Scope.Scope>
  /** Optional. Without it, a session cannot tell a lost main session from a kick. */
  readonly lifecycle: Option.Option<Effect.Effect<Stream.Stream<Lifecycle | ShardLifecycle>, never, Scope.Scope>>
  /** Optional: the round trip of the last answered heartbeat, in milliseconds; `undefined` before the first. */
  readonly roundTripMs?: Effect.Effect<number | undefined> | undefined
  /**
   * Optional: whether requests are waiting, or were within the last 5 seconds, because of Discord's limit of messages per
   * connection (120 a minute). A request for a place is then not yet waiting for Discord. Plain code.
   */
  readonly isHeldBack?: (() => boolean) | undefined
  /** Optional: whether a guild has an outage, for those who subscribe while it lasts. Plain code. */
  readonly isUnavailable?: ((guildId: GuildId) => boolean) | undefined
  /**
   * Optional: what keeps the bot out of a channel, if that can be found out. Called when Discord has left a request
   * unanswered for 2 seconds.
   */
  readonly obstacle?:
    | ((guildId: GuildId, channelId: ChannelId) => Effect.Effect<Obstacle | undefined>)
    | undefined
  /** Optional: asks Discord for a part in a stage. Fails with `GatewayFailed` if Discord refuses. */
  readonly setStage?: ((request: StageRequest) => Effect.Effect<void, VoiceError>) | undefined
  /** Optional: the bot's voice state in a guild as it was when the gateway connected, to find a ghost of an earlier process. */
  readonly initialVoiceState: Option.Option<
    (guildId: GuildId) => Effect.Effect<Option.Option<GatewayPayload.VoiceState>>
  >
  /**
   * Optional: who else is in voice. Without it, a session knows what is reported about others while it is there, and nothing
   * from before.
   */
  readonly occupants?: Occupants | undefined
}>()("effect-discord-voice/Gateway") {}
