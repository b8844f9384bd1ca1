/**
 * A bot has one voice connection per guild, and therefore one session.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import type * as Gateway from "../Gateway.ts"
import type { ChannelId, GuildId } from "../protocol/Identifier.ts"
import * as VoiceError from "../VoiceError.ts"

/** Where a session is, or is going. */
interface Target {
  readonly channelId: ChannelId
}

/** The guilds in which a gateway's user has a session. */
const claims = new WeakMap<Gateway.Gateway["Service"], Map<GuildId, Target>>()

/**
 * Claims a guild for a session, until the scope closes. Fails with `AlreadyJoined`, which names the current target of the
 * other session.
 *
 * @category constructors
 * @since 0.1.0
 */
export const claim = (
  gateway: Gateway.Gateway["Service"],
  guildId: GuildId,
  target: Target
): Effect.Effect<void, VoiceError.VoiceError, Scope.Scope> =>
  Effect.uninterruptible(Effect.flatMap(Effect.scope, (scope) =>
    // in one step: if two ask at the same time, only one gets it
    Effect.suspend(() => {
      const taken = claims.get(gateway) ?? new Map<GuildId, Target>()
      claims.set(gateway, taken)
      const other = taken.get(guildId)
      if (other !== undefined) {
        return VoiceError.fail(new VoiceError.AlreadyJoined({ guildId, channelId: other.channelId }))
      }
      taken.set(guildId, target)
      return Scope.addFinalizer(scope, Effect.sync(() => taken.delete(guildId)))
    })))

/**
 * Whether there is a session in a guild, or one on its way.
 *
 * @category getters
 * @since 0.1.0
 */
export const isClaimed = (gateway: Gateway.Gateway["Service"], guildId: GuildId): boolean =>
  claims.get(gateway)?.has(guildId) === true
