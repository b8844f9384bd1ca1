/**
 * A bot has one voice connection in a guild, and so one session.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as Gateway from "../Gateway.ts"
import type { ChannelId, GuildId } from "../protocol/Identifier.ts"
import * as VoiceError from "../VoiceError.ts"

/** The guilds in which a gateway's user has a session. */
const claims = new WeakMap<Gateway.Gateway["Service"], Map<GuildId, ChannelId>>()

/**
 * Takes a guild for a session, until the scope closes. Fails with `AlreadyJoined`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const claim = (gateway: Gateway.Gateway["Service"], guildId: GuildId, channelId: ChannelId) =>
  Effect.acquireRelease(
    Effect.suspend(() => {
      const taken = claims.get(gateway) ?? new Map<GuildId, ChannelId>()
      claims.set(gateway, taken)
      const other = taken.get(guildId)
      if (other !== undefined) {
        return VoiceError.fail(new VoiceError.AlreadyJoined({ guildId, channelId: other }))
      }
      taken.set(guildId, channelId)
      return Effect.succeed(taken)
    }),
    (taken) => Effect.sync(() => taken.delete(guildId))
  )
