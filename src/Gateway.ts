/**
 * The main gateway, as far as voice needs it: who we are, a way to say which channel we want, and the two events that
 * answer. Any Discord library can be one; `layer` is our own small client, which needs only a bot token.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import type * as GatewayPayload from "./protocol/GatewayPayload.ts"
import type { GuildId, UserId } from "./protocol/Identifier.ts"
import type { VoiceError } from "./VoiceError.ts"

/**
 * What the main gateway says about voice, in the order of arrival. `VoiceState` is our own or another member's.
 *
 * @category models
 * @since 0.1.0
 */
export type GatewayEvent =
  | { readonly _tag: "VoiceState"; readonly state: GatewayPayload.VoiceState }
  | { readonly _tag: "VoiceServer"; readonly server: GatewayPayload.VoiceServerUpdate }

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
  /** Our own user id; waits until it is known. */
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
