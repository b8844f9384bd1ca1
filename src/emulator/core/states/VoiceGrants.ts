/**
 * The tokens for voice servers: the voice session that each of them was issued for, and the tokens that have existed.
 *
 * @since 0.1.0
 */
import type { GuildId } from "../../../protocol/Identifier.ts"
import type { Grants, Random, VoiceGrant } from "../CoreContext.ts"
import { hex } from "../Random.ts"
import type { Channel, VoiceServer, VoiceState, World } from "../World.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface VoiceGrants {
  /** Issues a new token for a member on a voice server. The previous one becomes invalid. */
  readonly issue: (state: VoiceState, channel: Channel, server: VoiceServer) => VoiceGrant
  readonly withdraw: (state: VoiceState) => void
  /** The calls from the voice half. */
  readonly grants: Grants
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (world: World, random: Random): VoiceGrants => {
  const tokens = new Map<string, VoiceGrant>()
  const formerTokens = new Set<string>()

  const withdraw: VoiceGrants["withdraw"] = (state) => {
    if (state.grant !== undefined) {
      tokens.delete(state.grant.token)
      formerTokens.add(state.grant.token)
    }
    state.grant = undefined
    state.disconnected = false
  }

  return {
    issue: (state, channel, server) => {
      const grant: VoiceGrant = {
        guildId: state.guildId,
        channelId: channel.id,
        userId: state.userId,
        sessionId: state.sessionId,
        token: hex(random, 8),
        server: server.id,
        e2ee: channel.e2ee
      }
      withdraw(state)
      state.grant = grant
      tokens.set(grant.token, grant)
      return grant
    },
    withdraw,
    grants: {
      byToken: (token) => tokens.get(token),
      knewToken: (token) => formerTokens.has(token),
      forServer: (server) => Array.from(tokens.values()).filter((grant) => grant.server === server),
      // A map with branded keys still accepts any string for lookups.
      knowsServerId: (serverId) => world.guilds.has(serverId as GuildId)
    }
  }
}
