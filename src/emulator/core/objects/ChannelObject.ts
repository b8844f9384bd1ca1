/**
 * Channels and threads as Discord's JSON objects, with the fields that bot libraries expect (Discord docs, Resources, Channel).
 *
 * @since 0.1.0
 */
import type { UserId } from "../../../protocol/Identifier.ts"
import { type Channel, type DirectChannel, isThread, type ThreadChannel, type User, type World } from "../World.ts"
import { type Json, member, user } from "./DiscordObject.ts"

/**
 * Discord docs, Channel Types.
 *
 * @category constants
 * @since 0.1.0
 */
export const channelTypes = { text: 0, voice: 2, category: 4, stage: 13 } as const

const [publicThread, privateThread] = [11, 12]

/**
 * Discord's type of a channel.
 *
 * @category getters
 * @since 0.1.0
 */
export const typeOf = ({ kind, thread }: Channel): number => {
  if (kind !== "thread") return channelTypes[kind]
  return thread?.isPrivate === true ? privateThread : publicThread
}

/** Discord counts no further (Discord docs, Channel Object, `member_count`). */
const mostCounted = 50

/**
 * The membership of a thread, with the member of the guild if that is requested.
 *
 * @category codecs
 * @since 0.1.0
 */
export const threadMember = (
  world: World,
  { guildId, id, thread }: ThreadChannel,
  userId: UserId,
  whole = false
): Json => {
  const found = whole ? world.guilds.get(guildId)?.members.get(userId) : undefined
  return {
    id,
    user_id: userId,
    join_timestamp: new Date(thread.members.get(userId) ?? thread.createdMs).toISOString(),
    flags: 0,
    ...(found === undefined ? {} : { member: member(world, found) })
  }
}

/** A thread as seen by a user who may be a member. */
const threadOf = (world: World, c: ThreadChannel, viewer: UserId | undefined): Json => {
  const { thread } = c
  return {
    id: c.id,
    type: typeOf(c),
    guild_id: c.guildId,
    parent_id: c.parentId ?? null,
    name: c.name,
    owner_id: thread.ownerId,
    last_message_id: null,
    rate_limit_per_user: thread.slowmode,
    message_count: thread.messageCount,
    total_message_sent: thread.sentCount,
    member_count: Math.min(thread.members.size, mostCounted),
    flags: 0,
    thread_metadata: {
      archived: thread.isArchived,
      locked: thread.isLocked,
      auto_archive_duration: thread.autoArchiveMinutes,
      archive_timestamp: new Date(thread.archiveChangedMs).toISOString(),
      create_timestamp: new Date(thread.createdMs).toISOString(),
      ...(thread.isPrivate ? { invitable: thread.isInvitable } : {})
    },
    ...(viewer !== undefined && thread.members.has(viewer) ? { member: threadMember(world, c, viewer) } : {})
  }
}

/**
 * What is sent about a deleted thread (Discord docs, Gateway Events, Thread Delete).
 *
 * @category codecs
 * @since 0.1.0
 */
export const goneThread = (c: ThreadChannel): Json => ({
  id: c.id,
  guild_id: c.guildId,
  parent_id: c.parentId ?? null,
  type: typeOf(c)
})

/**
 * A text channel (type 0), voice channel (type 2), category (type 4), stage channel (type 13), or a thread (types 11 and 12),
 * as the user `viewer` sees it.
 *
 * @category codecs
 * @since 0.1.0
 */
export const channel = (world: World, c: Channel, viewer?: UserId): Json =>
  isThread(c) ? threadOf(world, c, viewer) : plain(c)

const plain = (c: Channel): Json => ({
  id: c.id,
  type: typeOf(c),
  guild_id: c.guildId,
  name: c.name,
  position: c.position,
  parent_id: c.parentId ?? null,
  ...(c.kind === "category" ? {} : {
    topic: c.topic ?? null,
    nsfw: false,
    last_message_id: null,
    rate_limit_per_user: 0
  }),
  ...(c.kind === "voice" || c.kind === "stage"
    ? { bitrate: c.bitrate, user_limit: c.userLimit, rtc_region: c.region ?? null }
    : {}),
  flags: 0,
  permission_overwrites: Array.from(c.overwrites, ([id, { allow, deny, type }]) => ({
    id,
    type: type === "role" ? 0 : 1,
    allow: String(allow),
    deny: String(deny)
  }))
})

/**
 * Discord docs, Stage Instance, Privacy Level: only visible to the guild.
 *
 * @category constants
 * @since 0.1.0
 */
export const guildOnly = 2

/**
 * The session of a stage, once it has begun.
 *
 * @category codecs
 * @since 0.1.0
 */
export const stageInstance = ({ guildId, id, stage }: Channel): ReadonlyArray<Json> =>
  stage === undefined ? [] : [{
    id: stage.id,
    guild_id: guildId,
    channel_id: id,
    topic: stage.topic,
    privacy_level: guildOnly,
    discoverable_disabled: false,
    guild_scheduled_event_id: stage.eventId ?? null
  }]

/**
 * Direct messages (type 1), as seen by one of the two.
 *
 * @category codecs
 * @since 0.1.0
 */
export const direct = ({ from, id, to }: DirectChannel, viewer: Pick<User, "id">): Json => ({
  id,
  type: 1,
  last_message_id: null,
  flags: 0,
  recipients: [user(from.id === viewer.id ? to : from)]
})
