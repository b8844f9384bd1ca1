/**
 * The places where users write: a channel of a guild, or the direct messages between two of them.
 *
 * @since 0.1.0
 */
import type { UserId } from "../../../protocol/Identifier.ts"
import * as Admission from "../Admission.ts"
import { type GatewaySession, sees } from "../gateway/GatewaySession.ts"
import type * as World from "../World.ts"

/**
 * A channel of a guild, or direct messages, which belong to no guild.
 *
 * @category models
 * @since 0.1.0
 */
export type Where =
  | { readonly guild: World.Guild; readonly channel: World.Channel }
  | { readonly guild: undefined; readonly channel: World.DirectChannel }

/**
 * @category guards
 * @since 0.1.0
 */
export const isThere = (world: World.World, { channel }: Where): boolean =>
  world.channels.has(channel.id) || world.directs.has(channel.id)

/**
 * Direct messages by their id, if the user takes part in them.
 *
 * @category getters
 * @since 0.1.0
 */
export const directOf = (
  world: World.World,
  id: string | undefined,
  { id: userId }: Pick<World.User, "id">
): World.DirectChannel | undefined => {
  for (const direct of world.directs.values()) {
    if (direct.id === id && (direct.from.id === userId || direct.to.id === userId)) return direct
  }
  return undefined
}

/**
 * The place with an id.
 *
 * @category getters
 * @since 0.1.0
 */
export const find = (world: World.World, id: string): Where | undefined => {
  for (const channel of world.channels.values()) {
    const guild = channel.id === id ? world.guilds.get(channel.guildId) : undefined
    if (guild !== undefined) return { guild, channel }
  }
  for (const channel of world.directs.values()) if (channel.id === id) return { guild: undefined, channel }
  return undefined
}

/**
 * Why a user cannot do anything there, if so.
 *
 * @category guards
 * @since 0.1.0
 */
export const problemOf = (
  world: World.World,
  { channel, guild }: Where,
  userId: UserId
): string | undefined => {
  if (guild === undefined) {
    const isIn = channel.from.id === userId || channel.to.id === userId
    return isIn ? undefined : "the user is not part of these direct messages"
  }
  if (!guild.available) return "the guild is unavailable"
  if (!guild.members.has(userId)) return "the user is not a member of the guild"
  if (channel.kind === "category") return "a category has no messages"
  const isLocked = channel.thread?.isLocked === true && !Admission.may(world, channel, userId, "MANAGE_THREADS")
  if (isLocked) return "the thread is locked"
  return Admission.may(world, channel, userId, "VIEW_CHANNEL") ? undefined : "the user cannot see the channel"
}

/**
 * Whether a session gets the events of a place. For direct messages this is the first shard (Discord docs, Gateway, Sharding).
 *
 * @category guards
 * @since 0.1.0
 */
export const hears = (world: World.World, session: GatewaySession, { channel, guild }: Where): boolean => {
  const { shard, user } = session
  if (guild !== undefined) {
    return Admission.may(world, channel, user.id, "VIEW_CHANNEL") && sees(world, session, guild.id)
  }
  return (channel.from.id === user.id || channel.to.id === user.id) && (shard === undefined || shard[0] === 0)
}
