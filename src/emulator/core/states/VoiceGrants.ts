/**
 * The tokens for voice servers: which voice session each of them has handed out, and which have been there.
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
  /** A new token for a member on a voice server; the one before is good no more. */
  readonly issue: (state: VoiceState, channel: Channel, server: VoiceServer) => VoiceGrant
  readonly withdraw: (state: VoiceState) => void
  /** What the voice half asks. */
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
      // A map with branded keys still takes any text to look for.
      knowsServerId: (serverId) => world.guilds.has(serverId as GuildId)
    }
  }
}
