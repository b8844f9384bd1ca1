/**
 * Who is kept out of guilds, and what is said of it (Discord docs, Gateway Events, Guild Ban Add).
 *
 * @since 0.1.0
 */
import { Intents } from "../../../protocol/GatewayPayload.ts"
import type { GatewayServer } from "../gateway/GatewayServer.ts"
import * as DiscordObject from "../objects/DiscordObject.ts"
import type * as World from "../World.ts"
import type { Memberships } from "./Memberships.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Bans {
  /** GUILD_BAN_ADD; who is a member is thrown out, of voice, too. Nothing for who is banned already. */
  readonly ban: (guild: World.Guild, user: World.User, reason: string | undefined) => void
  /** GUILD_BAN_REMOVE. */
  readonly unban: (guild: World.Guild, user: World.User) => void
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  gateway: Pick<GatewayServer, "broadcast">,
  memberships: Pick<Memberships, "removeFromGuild">
): Bans => {
  const say = (guild: World.Guild, t: string, user: World.User) =>
    gateway.broadcast(guild.id, Intents.GuildModeration, t, { guild_id: guild.id, user: DiscordObject.user(user) })

  return {
    ban: (guild, user, reason) => {
      if (guild.bans.has(user.id)) return
      guild.bans.set(user.id, reason)
      say(guild, "GUILD_BAN_ADD", user)
      memberships.removeFromGuild(user.id, guild.id)
    },
    unban: (guild, user) => {
      if (guild.bans.delete(user.id)) say(guild, "GUILD_BAN_REMOVE", user)
    }
  }
}
