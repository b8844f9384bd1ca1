/**
 * The threads of text channels: they are started, joined, archived and deleted, on behalf of anyone, with the events about that
 * (Discord docs, Topics, Threads).
 *
 * @since 0.1.0
 */
import { Intents } from "../../../protocol/GatewayPayload.ts"
import { ChannelId, type GuildId, type UserId } from "../../../protocol/Identifier.ts"
import * as Admission from "../Admission.ts"
import type { GatewayServer } from "../gateway/GatewayServer.ts"
import { type GatewaySession, sees } from "../gateway/GatewaySession.ts"
import * as Body from "../http/Body.ts"
import * as Message from "../messages/Message.ts"
import type { Messages } from "../messages/Messages.ts"
import * as ChannelObject from "../objects/ChannelObject.ts"
import type { Json } from "../objects/DiscordObject.ts"
import type { Observers } from "../Observers.ts"
import type { Timers } from "../Surroundings.ts"
import type { Thread } from "../Thread.ts"
import * as World from "../World.ts"
import type { AuditLog } from "./AuditLog.ts"

/**
 * A thread to start, from a message or without one.
 *
 * @category models
 * @since 0.1.0
 */
export interface Start extends Pick<Thread, "isPrivate" | "isInvitable" | "autoArchiveMinutes" | "slowmode"> {
  readonly name: string
  readonly from?: Message.Message | undefined
}

/**
 * Changes to a thread. Properties that are left out keep their value.
 *
 * @category models
 * @since 0.1.0
 */
export type Change =
  & Partial<Pick<Thread, "isArchived" | "isLocked" | "isInvitable" | "autoArchiveMinutes" | "slowmode">>
  & { readonly name?: string }

/**
 * @category models
 * @since 0.1.0
 */
export interface Threads {
  /** THREAD_CREATE; the user who started it is a member. A public thread without a message is announced in the channel. */
  readonly start: (guild: World.Guild, parent: World.Channel, owner: World.User, start: Start) => World.ThreadChannel
  /** THREAD_UPDATE. */
  readonly change: (thread: World.ThreadChannel, change: Change) => void
  /** The same, on behalf of a user. */
  readonly moderate: (thread: World.ThreadChannel, change: Change) => void
  /** THREAD_MEMBERS_UPDATE, and THREAD_CREATE for the new member. */
  readonly join: (thread: World.ThreadChannel, userId: UserId) => void
  /** THREAD_MEMBERS_UPDATE. */
  readonly leave: (thread: World.ThreadChannel, userId: UserId) => void
  /** THREAD_DELETE; its messages are deleted. */
  readonly remove: (thread: World.ThreadChannel) => void
  /** Tells that a channel was deleted, and its threads with it, without events for each. */
  readonly forget: (parent: World.Channel) => void
  /** Tells that a user has written: the thread is unarchived, and the author and mentioned users become members. */
  readonly written: (message: Message.Message) => void
  /**
   * THREAD_LIST_SYNC for users who now see channels with threads that they did not see before: all channels of a guild, or one.
   */
  readonly sync: (guildId: GuildId, parent?: World.Channel) => void
}

/**
 * Whether a member of a thread may add others to it. In a private thread this may be reserved to its creator and moderators.
 *
 * @category guards
 * @since 0.1.0
 */
export const mayInvite = (world: World.World, channel: World.ThreadChannel, userId: UserId): boolean => {
  const { isInvitable, isPrivate, ownerId } = channel.thread
  return !isPrivate || isInvitable || ownerId === userId || Admission.may(world, channel, userId, "MANAGE_THREADS")
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  { audit, gateway, messages, nextId, tell: observe, timers, wall, world }: {
    readonly world: World.World
    readonly gateway: Pick<GatewayServer, "sessions" | "dispatch">
    readonly messages: Pick<Messages, "make" | "add" | "changed" | "of" | "forget">
    readonly audit: Pick<AuditLog, "write">
    readonly nextId: () => string
    readonly tell: Observers["tell"]
    readonly timers: Timers & { readonly now: () => number }
    /** Milliseconds of Unix time. */
    readonly wall: () => number
  }
): Threads => {
  const pending = new Map<ChannelId, () => void>()
  let lastChangeMs = Number.NEGATIVE_INFINITY

  /** The listeners, if the guild is available. */
  const listeners = (guildId: GuildId): ReadonlyArray<GatewaySession> =>
    world.guilds.get(guildId)?.available === false
      ? []
      : gateway.sessions().filter((one) => (one.intents & Intents.Guilds) !== 0 && sees(world, one, guildId))

  const hearers = (thread: World.ThreadChannel) =>
    listeners(thread.guildId).filter(({ user }) => Admission.may(world, thread, user.id, "VIEW_CHANNEL"))

  const tell = (thread: World.ThreadChannel, t: string, json: (session: GatewaySession) => Json) => {
    for (const session of hearers(thread)) gateway.dispatch(session, t, json(session))
  }

  const told = (thread: World.ThreadChannel): Json => {
    const { name, rate_limit_per_user, thread_metadata, type } = ChannelObject.channel(world, thread)
    return { name, type, rate_limit_per_user, ...(Body.isObject(thread_metadata) ? thread_metadata : {}) }
  }

  const shown = (thread: World.ThreadChannel) => ({ user }: GatewaySession) =>
    ChannelObject.channel(world, thread, user.id)

  const callOff = ({ id }: World.Channel) => {
    pending.get(id)?.()
    pending.delete(id)
  }

  /** Archives the thread when nothing has happened for its inactivity time. */
  const watch = (thread: World.ThreadChannel) => {
    callOff(thread)
    const { autoArchiveMinutes, isArchived } = thread.thread
    if (isArchived) return
    const atMs = () => thread.thread.activeMs + autoArchiveMinutes * 60_000
    pending.set(
      thread.id,
      timers.at(atMs(), () => {
        if (timers.now() < atMs()) watch(thread)
        else change(thread, { isArchived: true })
      })
    )
  }

  /**
   * Later than all others: a client that reads the archive page by page asks for threads archived before the last one it has
   * seen.
   */
  const nextChangeMs = () => lastChangeMs = Math.max(Math.floor(wall()), lastChangeMs + 1)

  const change: Threads["change"] = (channel, { name, ...changed }) => {
    const { thread } = channel
    const wasArchived = thread.isArchived
    const isOtherwise = changed.isArchived !== undefined && changed.isArchived !== wasArchived
    if (name !== undefined) channel.name = name
    Object.assign(thread, changed)
    if (isOtherwise || changed.autoArchiveMinutes !== undefined) {
      thread.archiveChangedMs = nextChangeMs()
      if (!thread.isArchived) thread.activeMs = timers.now()
      watch(channel)
    }
    tell(channel, "THREAD_UPDATE", shown(channel))
    if (!wasArchived || thread.isArchived) return
    // clients may have dropped the archived thread, so its members are told about their membership again
    for (const session of hearers(channel)) {
      if (!thread.members.has(session.user.id)) continue
      const json = ChannelObject.threadMember(world, channel, session.user.id)
      gateway.dispatch(session, "THREAD_MEMBER_UPDATE", { ...json, guild_id: channel.guildId })
    }
  }

  /** Membership of a thread is separate: sessions with the intent for members are told, and always the user concerned. */
  const tellMembers = (thread: World.ThreadChannel, userId: UserId, isIn: boolean) => {
    const change = isIn
      ? { added_members: [{ ...ChannelObject.threadMember(world, thread, userId, true), presence: null }] }
      : { removed_member_ids: [userId] }
    for (const session of listeners(thread.guildId)) {
      const hears = (session.intents & Intents.GuildMembers) !== 0 &&
        Admission.may(world, thread, session.user.id, "VIEW_CHANNEL")
      if (!hears && session.user.id !== userId) continue
      gateway.dispatch(session, "THREAD_MEMBERS_UPDATE", {
        id: thread.id,
        guild_id: thread.guildId,
        member_count: thread.thread.members.size,
        ...change
      })
    }
  }

  const join: Threads["join"] = (thread, userId) => {
    if (thread.thread.members.has(userId)) return
    thread.thread.members.set(userId, wall())
    for (const session of hearers(thread)) {
      if (session.user.id === userId) gateway.dispatch(session, "THREAD_CREATE", shown(thread)(session))
    }
    tellMembers(thread, userId, true)
  }

  const removed = (thread: World.ThreadChannel) => {
    callOff(thread)
    World.removeChannel(world, thread)
    messages.forget(thread.id)
    observe({ _tag: "ChannelDeleted", guildId: thread.guildId, channelId: thread.id, name: thread.name })
  }

  return {
    start: (guild, parent, owner, { from, name, ...how }) => {
      const thread = World.addThread(world, {
        // Ids from the counter are decimal, as the brand requires; the id of a message is also its thread's.
        id: ChannelId.make(from?.id ?? nextId()),
        name,
        parent,
        thread: {
          ...how,
          ownerId: owner.id,
          createdMs: wall(),
          members: new Map([[owner.id, wall()]]),
          isArchived: false,
          isLocked: false,
          archiveChangedMs: wall(),
          activeMs: timers.now(),
          messageCount: 0,
          sentCount: 0
        }
      })
      const { guildId, id: channelId } = thread
      observe({ _tag: "ChannelCreated", guildId, channelId, name })
      watch(thread)
      for (const session of hearers(thread)) session.shown.add(parent.id)
      tell(thread, "THREAD_CREATE", (session) => ({ ...shown(thread)(session), newly_created: true }))
      tellMembers(thread, owner.id, true)
      audit.write(guildId, { action: "THREAD_CREATE", targetId: channelId, after: told(thread) })
      const nothing = { body: {}, files: [] }
      if (from !== undefined) {
        from.thread = thread
        messages.changed(from)
        const where = { guild, channel: thread }
        messages.add(messages.make({ author: from.author, where, replyTo: from, system: "thread-starter" }, nothing))
      } else if (!how.isPrivate) {
        const where = { guild, channel: parent }
        const sent = { body: { content: name }, files: [] }
        messages.add(messages.make({ author: owner, where, thread, system: "thread-created" }, sent))
      }
      return thread
    },
    change,
    moderate: (thread, to) => {
      const before = told(thread)
      change(thread, to)
      audit.write(thread.guildId, { action: "THREAD_UPDATE", targetId: thread.id, before, after: told(thread) })
    },
    join,
    leave: (thread, userId) => {
      if (thread.thread.members.delete(userId)) tellMembers(thread, userId, false)
    },
    remove: (thread) => {
      const listening = hearers(thread)
      const before = told(thread)
      removed(thread)
      const started = thread.parentId && messages.of(thread.parentId).find(({ id }) => id === thread.id)
      if (started) started.thread = undefined
      for (const session of listening) gateway.dispatch(session, "THREAD_DELETE", ChannelObject.goneThread(thread))
      audit.write(thread.guildId, { action: "THREAD_DELETE", targetId: thread.id, before })
    },
    forget: (parent) => {
      for (const session of gateway.sessions()) session.shown.delete(parent.id)
      for (const thread of World.threadsOf(world, parent.guildId)) if (thread.parentId === parent.id) removed(thread)
    },
    written: (message) => {
      const { author, where: { channel, guild } } = message
      if (guild === undefined || !World.isThread(channel)) return
      channel.thread.activeMs = timers.now()
      if (channel.thread.isArchived) change(channel, { isArchived: false })
      const parent = channel.parentId && world.channels.get(channel.parentId)
      if (!parent) return
      const invites = !channel.thread.isPrivate || mayInvite(world, channel, author.id)
      // a bot that answers a command does not have to see the channel, and does not become a member by answering
      if (Admission.may(world, channel, author.id, "VIEW_CHANNEL")) join(channel, author.id)
      for (const { id } of invites ? Message.mentions(world, message) : []) {
        if (Admission.may(world, parent, id, "VIEW_CHANNEL")) join(channel, id)
      }
    },
    sync: (guildId, only) => {
      // even if there are none: a user who does not see a channel any more is shown its threads again when that changes
      const active = World.threadsOf(world, guildId).filter(({ thread }) => !thread.isArchived)
      const parents = only === undefined ? Array.from(world.guilds.get(guildId)?.channels.values() ?? []) : [only]
      for (const session of listeners(guildId)) {
        const { shown: before, user } = session
        const fresh = new Set<string>()
        for (const parent of parents) {
          if (!Admission.may(world, parent, user.id, "VIEW_CHANNEL")) before.delete(parent.id)
          else if (!before.has(parent.id)) fresh.add(parent.id)
        }
        for (const id of fresh) before.add(id)
        const threads = active.filter((one) =>
          fresh.has(one.parentId ?? "") && Admission.may(world, one, user.id, "VIEW_CHANNEL")
        )
        if (threads.length === 0) continue
        gateway.dispatch(session, "THREAD_LIST_SYNC", {
          guild_id: guildId,
          channel_ids: Array.from(fresh),
          threads: threads.map((one) => ChannelObject.channel(world, one, user.id)),
          members: threads.filter(({ thread }) => thread.members.has(user.id))
            .map((one) => ChannelObject.threadMember(world, one, user.id))
        })
      }
    }
  }
}
