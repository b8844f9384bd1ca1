/**
 * What stands in the text of the channels: what users and bots write there, and what bots say to everybody in answer to interactions.
 * Who sees it is told (Discord docs, Gateway Events, Messages): with the intent for messages, and of what others write no more than that
 * they do without the one for their content, unless it names the bot.
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
  /** Makes a message out of what a bot sends. */
  readonly make: (
    of: Omit<Parameters<typeof Message.make>[0], "id" | "writtenMs" | "attachments">,
    sent: Sent
  ) => Message.Message
  /** Puts a message into its channel; one that only one user sees stands nowhere. */
  readonly add: (message: Message.Message) => void
  /** Tells that something about a message is otherwise. */
  readonly changed: (message: Message.Message) => void
  /** Changes what is named; or says what is wrong, as that nothing would be left of it, and nothing is changed. */
  readonly edit: (message: Message.Message, sent: Sent) => RestResponse | undefined
  readonly remove: (message: Message.Message) => void
  /** Removes several of one channel, which is told at once. */
  readonly removeAll: (channelId: ChannelId, messages: ReadonlyArray<Message.Message>) => void
  /** A channel is gone, and all that stands in it with it: nobody is told of each. */
  readonly forget: (channelId: ChannelId) => void
  /** Keeps files that somebody sends to a bot alone. */
  readonly keepFiles: (channelId: ChannelId, files: ReadonlyArray<SentFile>) => ReadonlyArray<Attachments.Attachment>
  /** The files of a message are gone: of one that only one user sees, when nobody can change it any more. */
  readonly forgetFiles: (message: Pick<Message.Message, "attachments">) => void
  /** `isOn`: the user reacts, or takes it back. */
  readonly react: (message: Message.Message, emoji: string, user: World.User, isOn: boolean) => void
  /** All reactions to a message are gone, or those with one emoji. */
  readonly clearReactions: (message: Message.Message, emoji?: string) => void
  /** A user pins a message, which everybody is told of in the channel, or takes it down again. */
  readonly pin: (message: Message.Message, user: World.User, isOn: boolean) => void
  /** In the order in which they were written, without those that are gone. The last thousand of a channel are kept. */
  readonly of: (channelId: ChannelId) => ReadonlyArray<Message.Message>
  /** A user is writing: TYPING_START for all others. */
  readonly type: (where: Places.Where, user: World.User) => void
  /** All of it, as a bot is given what is its own. */
  readonly json: (message: Message.Message, viewer: string) => Json
  /** As REST gives it to whoever asks: a bot that may not have the privileged intents reads no more than without them. */
  readonly shown: (message: Message.Message, viewer: World.User) => Json
  /** Calls `f` after each change in a channel, also of what only one user sees, until the function that it returns is called. */
  readonly watch: (channelId: ChannelId, f: () => void) => () => void
}

const kept = 1_000

/** What a bot asks for to hear of what is said in guilds, and in direct messages (Discord docs, Gateway, List of Intents). */
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
  /** Is called before a message of somebody is in its channel. */
  onWritten: (message: Message.Message) => void = () => {}
): Messages => {
  const channels = new Map<ChannelId, Array<Message.Message>>()
  const watchers = new Map<ChannelId, Set<() => void>>()

  const of = (channelId: ChannelId) => Array.from(channels.get(channelId) ?? [])

  /** One that is gone may still be shown as what others reply to, but none before it: each would hold on to all of a talk. */
  const letGo = (message: Message.Message) => {
    files.forget(message.attachments)
    const { replyTo } = message
    if (replyTo !== undefined) message.replyTo = { ...replyTo, replyTo: undefined }
  }

  /** A thread knows how many messages it has. */
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

  /** As the gateway shows it beside a user. */
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
    // nobody is told of it again
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
      // also those of what only one user sees
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
      // behind all others, so that they have an order
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
