/**
 * What a member may do in a channel, and whether it is admitted to its voice.
 *
 * @since 0.1.0
 */
import type { UserId } from "../../protocol/Identifier.ts"
import * as Permissions from "./Permissions.ts"
import * as World from "./World.ts"

/**
 * What a user may do in a channel or a thread: nothing without membership of its guild, or of a private thread.
 *
 * @category getters
 * @since 0.1.0
 */
export const permissions = (world: World.World, channel: World.Channel, userId: UserId): bigint => {
  const guild = world.guilds.get(channel.guildId)
  const member = guild?.members.get(userId)
  // a thread is subject to the permissions of its channel
  const of = channel.thread === undefined ? channel : channel.parentId && world.channels.get(channel.parentId)
  if (guild === undefined || member === undefined || of === undefined) return 0n
  const mine = Permissions.inChannel(guild, member, of)
  const isOpen = channel.thread?.isPrivate !== true || channel.thread.members.has(userId)
  return isOpen || Permissions.has(mine, "MANAGE_THREADS") ? mine : 0n
}

/**
 * @category guards
 * @since 0.1.0
 */
export const may = (world: World.World, channel: World.Channel, userId: UserId, what: Permissions.Name): boolean =>
  Permissions.has(permissions(world, channel, userId), what)

/**
 * Whether a channel can have voice.
 *
 * @category guards
 * @since 0.1.0
 */
export const hasVoice = ({ kind }: Pick<World.Channel, "kind">): boolean => kind === "voice" || kind === "stage"

/**
 * @category models
 * @since 0.1.0
 */
export type Refusal = "text-channel" | "not-a-member" | "no-permission" | "channel-full"

/**
 * Why a user may not enter a channel, if so. Entering requires VIEW_CHANNEL and CONNECT; a full channel admits only members who
 * have MOVE_MEMBERS (Discord docs, Gateway Events, Update Voice State).
 *
 * @category guards
 * @since 0.1.0
 */
export const refusal = (world: World.World, channel: World.Channel, userId: UserId): Refusal | undefined => {
  if (!hasVoice(channel)) return "text-channel"
  if (world.guilds.get(channel.guildId)?.members.has(userId) !== true) return "not-a-member"
  if (!may(world, channel, userId, "CONNECT")) return "no-permission"
  if (may(world, channel, userId, "MOVE_MEMBERS")) return undefined
  if (channel.full) return "channel-full"
  const others = World.occupants(world, channel).filter((state) => state.userId !== userId)
  return channel.userLimit > 0 && others.length >= channel.userLimit ? "channel-full" : undefined
}
