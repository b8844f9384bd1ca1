/**
 * Creates and deletes the roles of guilds, with the events about that (Discord docs, Gateway Events, Guild Role Create).
 *
 * @since 0.1.0
 */
import { Intents } from "../../../protocol/GatewayPayload.ts"
import type { GuildId } from "../../../protocol/Identifier.ts"
import type { GatewayServer } from "../gateway/GatewayServer.ts"
import * as DiscordObject from "../objects/DiscordObject.ts"
import type * as Permissions from "../Permissions.ts"
import type * as World from "../World.ts"
import type { AuditLog } from "./AuditLog.ts"
import type { Channels } from "./Channels.ts"

/**
 * The properties of a role. Only the name is displayed here, and only the permissions have an effect.
 *
 * @category models
 * @since 0.1.0
 */
export type Looks = Partial<Omit<Permissions.Role, "id">>

/**
 * @category models
 * @since 0.1.0
 */
export interface Roles {
  /**
   * Creates a role below all others but everybody's, with the permissions of that by default. `undefined` if there is no such
   * guild.
   */
  readonly createRole: (guildId: GuildId, looks: Looks) => Permissions.Role | undefined
  readonly changeRole: (guild: World.Guild, role: Permissions.Role, looks: Looks) => void
  /** Deletes a role. Nobody has it any more, and its overwrites are removed. */
  readonly deleteRole: (guild: World.Guild, role: Permissions.Role) => void
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  world: World.World,
  gateway: Pick<GatewayServer, "broadcast">,
  channels: Pick<Channels, "permitted" | "forgetRole">,
  audit: Pick<AuditLog, "write">
): Roles => {
  const say = (guild: World.Guild, event: string, role: Permissions.Role) =>
    gateway.broadcast(guild.id, Intents.Guilds, event, { guild_id: guild.id, role: DiscordObject.role(role) })

  return {
    createRole: (guildId, looks) => {
      const guild = world.guilds.get(guildId)
      if (guild === undefined) return undefined
      const above = Array.from(guild.roles.values()).filter(({ position }) => position > 0)
      for (const role of above) role.position++
      const role: Permissions.Role = {
        name: "new role",
        permissions: guild.roles.get(guild.id)?.permissions ?? 0n,
        color: 0,
        hoist: false,
        mentionable: false,
        ...looks,
        id: world.nextId(),
        position: 1
      }
      guild.roles.set(role.id, role)
      say(guild, "GUILD_ROLE_CREATE", role)
      for (const one of above) say(guild, "GUILD_ROLE_UPDATE", one)
      audit.write(guild.id, { action: "ROLE_CREATE", targetId: role.id, after: DiscordObject.role(role) })
      return role
    },
    changeRole: (guild, role, looks) => {
      const before = DiscordObject.role(role)
      Object.assign(role, looks)
      say(guild, "GUILD_ROLE_UPDATE", role)
      channels.permitted(guild.id)
      audit.write(guild.id, { action: "ROLE_UPDATE", targetId: role.id, before, after: DiscordObject.role(role) })
    },
    deleteRole: (guild, role) => {
      guild.roles.delete(role.id)
      for (const member of guild.members.values()) member.roles.delete(role.id)
      gateway.broadcast(guild.id, Intents.Guilds, "GUILD_ROLE_DELETE", { guild_id: guild.id, role_id: role.id })
      channels.forgetRole(guild, role.id)
      channels.permitted(guild.id)
      audit.write(guild.id, { action: "ROLE_DELETE", targetId: role.id, before: DiscordObject.role(role) })
    }
  }
}
