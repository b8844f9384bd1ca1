/**
 * The messages in the text of channels: what users and bots write there, and what bots publicly say in answer to interactions.
 * Users who see them get events (Discord docs, Gateway Events, Messages) with the intent for messages; without the intent for
 * message content, they get the content of others' messages only if these mention the bot.
 *
 * @since 0.1.0
 */
import { Intents } from "../../../protocol/GatewayPayload.ts"
import type { ChannelId, UserId } from "../../../protocol/Identifier.ts"
import type { GatewayServer } from "../gateway/GatewayServer.ts"
import type { GatewaySession } from "../gateway/GatewaySession.ts"
import type { RestResponse } from "../http/RestAnswer.ts"
import * as DiscordObject from "../objects/DiscordObject.ts"
import { msOf } from "../Snowflakes.ts"
import type * as World from "../World.ts"
import type * as Attachments from "./Attachments.ts"
import * as Emoji from "./Emoji.ts"
import * as Message from "./Message.ts"
import * as Places from "./Places.ts"
import type { Sent, SentFile } from "./Sent.ts"

type Json = DiscordObject.Json

/**
 * @category models
 * @since 0.1.0
 */
export interface Messages {
  /** Makes a message of what a bot sends. */
  readonly make: (
    of: Omit<Parameters<typeof Message.make>[0], "id" | "writtenMs" | "attachments">,
    sent: Sent
  ) => Message.Message
  /** Adds a message to its channel. One that only one user sees is not added. */
  readonly add: (message: Message.Message) => void
  /** Tells that something about a message has changed. */
  readonly changed: (message: Message.Message) => void
  /** Changes the given properties, or returns what is wrong, for example that nothing would be left, and changes nothing. */
  readonly edit: (message: Message.Message, sent: Sent) => RestResponse | undefined
  readonly remove: (message: Message.Message) => void
  /** Removes several messages of one channel with one event. */
  readonly removeAll: (channelId: ChannelId, messages: ReadonlyArray<Message.Message>) => void
  /** Tells that a channel was deleted with all of its messages, without events for each. */
  readonly forget: (channelId: ChannelId) => void
  /** Stores files that a user sends only to a bot. */
  readonly keepFiles: (channelId: ChannelId, files: ReadonlyArray<SentFile>) => ReadonlyArray<Attachments.Attachment>
  /** Removes the files of a message. For one that only one user sees, this happens when nobody can change it any more. */
  readonly forgetFiles: (message: Pick<Message.Message, "attachments">) => void
  /** `isOn`: whether the user reacts, or removes the reaction. */
  readonly react: (message: Message.Message, emoji: string, user: World.User, isOn: boolean) => void
  /** Removes all reactions to a message, or those with one emoji. */
  readonly clearReactions: (message: Message.Message, emoji?: string) => void
  /** Pins a message on behalf of a user, which is announced in the channel, or unpins it. */
  readonly pin: (message: Message.Message, user: World.User, isOn: boolean) => void
  /** The messages in the order in which they were written, without deleted ones. The last thousand of a channel are kept. */
  readonly of: (channelId: ChannelId) => ReadonlyArray<Message.Message>
  /** Tells that a user is typing: TYPING_START for all others. */
  readonly type: (where: Places.Where, user: World.User) => void
  /** The whole message, as a bot gets its own. */
  readonly json: (message: Message.Message, viewer: string) => Json
  /** The message as REST returns it: a bot that may not have the privileged intents can read no more than without them. */
  readonly shown: (message: Message.Message, viewer: World.User) => Json
  /**
   * Calls `f` after each change in a channel, including messages that only one user sees, until the returned function is
   * called.
   */
  readonly watch: (channelId: ChannelId, f: () => void) => () => void
}

const kept = 1_000

/** The intents for messages in guilds, and in direct messages (Discord docs, Gateway, List of Intents). */
const intents = {
  messages: { inGuild: Intents.GuildMessages, direct: Intents.DirectMessages },
  reactions: { inGuild: Intents.GuildMessageReactions, direct: Intents.DirectMessageReactions },
  typing: { inGuild: Intents.GuildMessageTyping, direct: Intents.DirectMessageTyping },
  pins: { inGuild: Intents.Guilds, direct: Intents.DirectMessages }
} as const

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  world: World.World,
  gateway: Pick<GatewayServer, "sessions" | "dispatch">,
  files: Pick<Attachments.Attachments, "keep" | "forget" | "forgetIn">,
  nextId: () => string,
  now: () => number,
  /** Called before a user's message is added to its channel. */
  onWritten: (message: Message.Message) => void = () => {}
): Messages => {
  const channels = new Map<ChannelId, Array<Message.Message>>()
  const watchers = new Map<ChannelId, Set<() => void>>()

  const of = (channelId: ChannelId) => Array.from(channels.get(channelId) ?? [])

  /**
   * A deleted message may still be shown as what others reply to, but not the ones before it, because each would retain a whole
   * conversation.
   */
  const letGo = (message: Message.Message) => {
    files.forget(message.attachments)
    const { replyTo } = message
    if (replyTo !== undefined) message.replyTo = { ...replyTo, replyTo: undefined }
  }

  /** Updates the message counts of a thread. */
  const count = ({ system, where: { channel, guild } }: Message.Message, by: 1 | -1) => {
    if (guild === undefined || channel.thread === undefined || system !== undefined) return
    channel.thread.messageCount += by
    if (by > 0) channel.thread.sentCount++
  }

  const drop = (message: Message.Message) => {
    message.isDeleted = true
    letGo(message)
    const messages = channels.get(message.where.channel.id) ?? []
    const at = messages.indexOf(message)
    if (at < 0) return
    messages.splice(at, 1)
    count(message, -1)
  }

  const tell = (
    where: Places.Where,
    intent: keyof typeof intents,
    t: string,
    d: (session: GatewaySession) => Json,
    except?: World.User
  ) => {
    const { channel, guild } = where
    if (guild?.available === false) return
    const wanted = intents[intent][guild === undefined ? "direct" : "inGuild"]
    for (const session of gateway.sessions()) {
      if (session.user === except) continue
      if ((session.intents & wanted) === 0 || !Places.hears(world, session, where)) continue
      const of = guild === undefined ? {} : { guild_id: guild.id }
      gateway.dispatch(session, t, { ...d(session), channel_id: channel.id, ...of })
    }
  }

  const withoutUser = ({ user: _, ...member }: Json): Json => member

  /** The member as the gateway sends it together with a user. */
  const memberOf = (guild: World.Guild | undefined, userId: UserId): Json => {
    const member = guild?.members.get(userId)
    return member === undefined ? {} : { member: withoutUser(DiscordObject.member(world, member)) }
  }

  /** What a session may read of it. */
  const shown = (message: Message.Message) => (session: GatewaySession): Json => {
    const { author, where: { guild } } = message
    return {
      ...Message.shown(world, message, session.user, (session.intents & Intents.MessageContent) !== 0),
      ...(guild === undefined ? { channel_type: 1 } : {}),
      mentions: Message.mentions(world, message).map((user) =>
        Object.assign({}, DiscordObject.user(user), memberOf(guild, user.id))
      ),
      ...memberOf(guild, author.id)
    }
  }

  const changedIn = (channelId: ChannelId) => {
    for (const f of Array.from(watchers.get(channelId) ?? [])) f()
  }

  const changed = (message: Message.Message) => {
    if (!message.isEphemeral) tell(message.where, "messages", "MESSAGE_UPDATE", shown(message))
    changedIn(message.where.channel.id)
  }

  const add = (message: Message.Message) => {
    if (message.isEphemeral) return
    if (message.system === undefined) onWritten(message)
    const { where } = message
    const messages = channels.get(where.channel.id) ?? []
    channels.set(where.channel.id, messages)
    messages.push(message)
    count(message, 1)
    const oldest = messages.length > kept ? messages.shift() : undefined
    if (oldest !== undefined) letGo(oldest)
    // later events do not contain it
    const nonce = message.nonce === undefined ? {} : { nonce: message.nonce }
    tell(where, "messages", "MESSAGE_CREATE", (session) => ({ ...shown(message)(session), ...nonce }))
    changedIn(where.channel.id)
  }

  return {
    of,
    add,
    changed,
    make: (of, sent) => {
      const attachments = files.keep(of.where.channel.id, sent.files)
      return Message.make({ ...of, id: nextId(), writtenMs: now(), attachments }, sent.body)
    },
    edit: (message, sent) => {
      const { attachments: before } = message
      const problem = Message.edit(message, sent, (added) => files.keep(message.where.channel.id, added), now())
      if (problem !== undefined) return problem
      files.forget(before.filter(({ id }) => message.attachments.every((one) => one.id !== id)))
      changed(message)
      return undefined
    },
    remove: (message) => {
      drop(message)
      if (!message.isEphemeral) {
        tell(message.where, "messages", "MESSAGE_DELETE", () => ({ id: message.id }))
      }
      changedIn(message.where.channel.id)
    },
    removeAll: (channelId, messages) => {
      const [first] = messages
      if (first === undefined) return
      for (const message of messages) drop(message)
      const ids = messages.map(({ id }) => id)
      tell(first.where, "messages", "MESSAGE_DELETE_BULK", () => ({ ids }))
      changedIn(channelId)
    },
    forget: (channelId) => {
      for (const message of of(channelId)) drop(message)
      // including the files of messages that only one user sees
      files.forgetIn(channelId)
      channels.delete(channelId)
      changedIn(channelId)
    },
    keepFiles: files.keep,
    forgetFiles: ({ attachments }) => files.forget(attachments),
    react: (message, written, user, isOn) => {
      const emoji = Emoji.among(message.reactions.keys(), written)
      const users = message.reactions.get(emoji) ?? new Set()
      if (users.has(user.id) === isOn) return
      if (isOn) message.reactions.set(emoji, users.add(user.id))
      else if (users.delete(user.id) && users.size === 0) message.reactions.delete(emoji)
      const member = message.where.guild?.members.get(user.id)
      tell(
        message.where,
        "reactions",
        isOn ? "MESSAGE_REACTION_ADD" : "MESSAGE_REACTION_REMOVE",
        () => ({
          user_id: user.id,
          message_id: message.id,
          message_author_id: message.author.id,
          emoji: Emoji.json(emoji),
          burst: false,
          type: 0,
          ...(isOn && member !== undefined ? { member: DiscordObject.member(world, member) } : {})
        })
      )
      changedIn(message.where.channel.id)
    },
    clearReactions: (message, written) => {
      const emoji = written === undefined ? undefined : Emoji.among(message.reactions.keys(), written)
      if (emoji === undefined) message.reactions.clear()
      else message.reactions.delete(emoji)
      const t = emoji === undefined ? "MESSAGE_REACTION_REMOVE_ALL" : "MESSAGE_REACTION_REMOVE_EMOJI"
      const named = emoji === undefined ? {} : { emoji: Emoji.json(emoji) }
      tell(message.where, "reactions", t, () => ({ message_id: message.id, ...named }))
      changedIn(message.where.channel.id)
    },
    pin: (message, user, isOn) => {
      message.pinnedMs = undefined
      const before = Math.max(...of(message.where.channel.id).map(({ pinnedMs = 0 }) => pinnedMs), 0)
      // later than all others, so that they are ordered
      if (isOn) message.pinnedMs = Math.max(Math.floor(Message.wallMs(message, now())), before + 1)
      const last = message.pinnedMs ?? before
      const at = last === 0 ? null : new Date(last).toISOString()
      tell(message.where, "pins", "CHANNEL_PINS_UPDATE", () => ({ last_pin_timestamp: at }))
      changed(message)
      if (!isOn) return
      const told = { author: user, where: message.where, replyTo: message, system: "pinned" as const }
      add(Message.make({ ...told, id: nextId(), writtenMs: now() }, {}))
    },
    type: (where, user) => {
      const member = where.guild?.members.get(user.id)
      const json = {
        user_id: user.id,
        timestamp: Math.floor(msOf(nextId()) / 1_000),
        ...(member === undefined ? {} : { member: DiscordObject.member(world, member) })
      }
      tell(where, "typing", "TYPING_START", () => json, user)
    },
    json: (message, viewer) => Message.json(world, message, viewer),
    shown: (message, viewer) => Message.shown(world, message, viewer, viewer.privilegedIntents || !viewer.bot),
    watch: (channelId, f) => {
      const all = watchers.get(channelId) ?? new Set()
      watchers.set(channelId, all.add(f))
      return () => {
        if (all.delete(f) && all.size === 0) watchers.delete(channelId)
      }
    }
  }
}
