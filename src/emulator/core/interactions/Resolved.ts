/**
 * The users, channels and files that an interaction refers to, as Discord sends them with it (Discord docs, Receiving and
 * Responding, Resolved Data Structure).
 *
 * @since 0.1.0
 */
import type { UserId } from "../../../protocol/Identifier.ts"
import * as Admission from "../Admission.ts"
import * as Attachments from "../messages/Attachments.ts"
import * as ChannelObject from "../objects/ChannelObject.ts"
import * as DiscordObject from "../objects/DiscordObject.ts"
import * as Permissions from "../Permissions.ts"
import type * as World from "../World.ts"

type Json = DiscordObject.Json

/**
 * What an id may refer to.
 *
 * @category models
 * @since 0.1.0
 */
export type Kind = "user" | "role" | "mentionable" | "channel"

/**
 * The menus whose values are ids, by type (Discord docs, Component Types: user, role, mentionable and channel select).
 *
 * @category constants
 * @since 0.1.0
 */
export const menus: ReadonlyMap<unknown, Kind> = new Map([[5, "user"], [6, "role"], [7, "mentionable"], [8, "channel"]])

/**
 * @category models
 * @since 0.1.0
 */
export interface Resolved {
  /** Adds what an id refers to, or returns that there is nothing of that kind. */
  readonly add: (kind: Kind, id: string) => string | undefined
  readonly addFile: (file: Attachments.Attachment) => void
  /** `undefined` while it is empty. */
  readonly json: () => Json | undefined
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (world: World.World, guild: World.Guild | undefined, userId: UserId): Resolved => {
  /** The permissions of the user in a channel that it refers to. */
  const permissionsOf = (channel: World.Channel) => String(Admission.permissions(world, channel, userId))
  const users: Record<string, unknown> = {}
  const members: Record<string, unknown> = {}
  const channels: Record<string, unknown> = {}
  const roles: Record<string, unknown> = {}
  const attachments: Record<string, unknown> = {}
  return {
    add: (kind, id) => {
      const role = guild?.roles.get(id)
      const isUser = Array.from(world.users.values()).some((one) => one.id === id)
      if (kind === "role" || (kind === "mentionable" && !isUser)) {
        if (role === undefined) return `no ${kind === "role" ? "role" : "user or role"} has the id ${id}`
        roles[id] = DiscordObject.role(role)
        return undefined
      }
      if (kind === "channel") {
        const channel = Array.from(world.channels.values()).find((one) => one.id === id && one.guildId === guild?.id)
        if (channel === undefined) return `no channel has the id ${id}`
        channels[id] = { ...ChannelObject.channel(world, channel), permissions: permissionsOf(channel) }
        return undefined
      }
      const user = Array.from(world.users.values()).find((one) => one.id === id)
      if (user === undefined) return `no user has the id ${id}`
      users[id] = DiscordObject.user(user)
      const member = guild?.members.get(user.id)
      if (guild !== undefined && member !== undefined) {
        const permissions = String(Permissions.inGuild(guild, member))
        members[id] = { ...DiscordObject.member(world, member), permissions }
      }
      return undefined
    },
    addFile: (file) => {
      attachments[file.id] = { ...Attachments.json(file), ephemeral: true }
    },
    json: () => {
      const resolved = {
        ...(Object.keys(users).length === 0 ? {} : { users, members }),
        ...(Object.keys(channels).length === 0 ? {} : { channels }),
        ...(Object.keys(roles).length === 0 ? {} : { roles }),
        ...(Object.keys(attachments).length === 0 ? {} : { attachments })
      }
      return Object.keys(resolved).length === 0 ? undefined : resolved
    }
  }
}
