/**
 * The bans of guilds, and the events about them (Discord docs, Gateway Events, Guild Ban Add).
 *
 * @since 0.1.0
 */
import { Intents } from "../../../protocol/GatewayPayload.ts"
import type { GatewayServer } from "../gateway/GatewayServer.ts"
import * as DiscordObject from "../objects/DiscordObject.ts"
import type * as World from "../World.ts"
import type { AuditLog } from "./AuditLog.ts"
import type { Memberships } from "./Memberships.ts"
import * as Permitted from "./Permitted.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Bans {
  /** GUILD_BAN_ADD; a member is removed, also from voice. Does nothing for a user who is already banned. */
  readonly ban: (guild: World.Guild, user: World.User, reason: string | undefined) => void
  /** GUILD_BAN_REMOVE. */
  readonly unban: (guild: World.Guild, user: World.User) => void
}

const hearers = { intent: Intents.GuildModeration, permissions: ["BAN_MEMBERS", "VIEW_AUDIT_LOG"] } as const

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  world: World.World,
  gateway: Pick<GatewayServer, "sessions" | "dispatch">,
  memberships: Pick<Memberships, "drop">,
  audit: Pick<AuditLog, "write">
): Bans => {
  const say = (guild: World.Guild, t: string, user: World.User) =>
    Permitted.tell({ world, gateway }, guild, hearers, t, { guild_id: guild.id, user: DiscordObject.user(user) })

  return {
    ban: (guild, user, reason) => {
      if (guild.bans.has(user.id)) return
      guild.bans.set(user.id, reason)
      say(guild, "GUILD_BAN_ADD", user)
      if (guild.members.has(user.id)) memberships.drop(guild, user.id)
      audit.write(guild.id, { action: "MEMBER_BAN_ADD", targetId: user.id })
    },
    unban: (guild, user) => {
      if (!guild.bans.delete(user.id)) return
      say(guild, "GUILD_BAN_REMOVE", user)
      audit.write(guild.id, { action: "MEMBER_BAN_REMOVE", targetId: user.id })
    }
  }
}
