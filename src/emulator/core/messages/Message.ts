/**
 * What a user has written in a channel, and what a bot says in answer to an interaction (Discord docs, Message Object).
 *
 * @since 0.1.0
 */
import type { UserId } from "../../../protocol/Identifier.ts"
import * as Body from "../http/Body.ts"
import { emptyMessage, type RestResponse } from "../http/RestAnswer.ts"
import * as ChannelObject from "../objects/ChannelObject.ts"
import * as DiscordObject from "../objects/DiscordObject.ts"
import { msOf, timeOf } from "../Snowflakes.ts"
import type * as World from "../World.ts"
import * as Attachments from "./Attachments.ts"
import * as Emoji from "./Emoji.ts"
import type * as Places from "./Places.ts"
import * as Poll from "./Poll.ts"
import * as Sent from "./Sent.ts"

type Json = DiscordObject.Json

/**
 * The target of a context menu command: a user, or the message with an id.
 *
 * @category models
 * @since 0.1.0
 */
export type On = { readonly user: UserId } | { readonly message: string }

/**
 * The interaction that a message answers: its type, and who began it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Answered {
  readonly id: string
  readonly type: number
  readonly user: World.User
  /** Its target in a context menu. */
  readonly on?: On | undefined
}

/**
 * What messages report that nobody has written: that `replyTo` was pinned, that it is what a thread was started from, or that a
 * `thread` was created.
 *
 * @category models
 * @since 0.1.0
 */
export type System = "pinned" | "thread-created" | "thread-starter"

/**
 * @category models
 * @since 0.1.0
 */
export type Nonce = string | number

/**
 * @category models
 * @since 0.1.0
 */
export interface Message {
  readonly id: string
  /** When it was written, in the core's time. */
  readonly writtenMs: number
  readonly author: World.User
  readonly where: Places.Where
  readonly interaction: Answered | undefined
  replyTo: Message | undefined
  /** What it reports, if nobody has written it. */
  readonly system: System | undefined
  /** The webhook with which it was written, under any name. */
  readonly webhook: World.Webhook | undefined
  /** The thread that was started from it, or that it reports. */
  thread: World.ThreadChannel | undefined
  /** Whether only the user who began the interaction sees it. */
  readonly isEphemeral: boolean
  /** Emoji in the format of REST, with the users who reacted with them. */
  readonly reactions: Map<string, Set<string>>
  /** The value as sent by which the author recognizes it. */
  readonly nonce: Nonce | undefined
  /** The permanent flags that the bot has set, as bits. */
  flags: number
  content: string
  embeds: ReadonlyArray<unknown>
  components: ReadonlyArray<unknown>
  attachments: ReadonlyArray<Attachments.Attachment>
  /** In Discord's format. Nobody votes. */
  poll: Json | undefined
  /** "... is thinking". */
  isThinking: boolean
  /** When it was last edited, in the core's time. */
  editedMs: number | undefined
  /** When it was pinned, in milliseconds of Unix time; `undefined` if it is not. */
  pinnedMs: number | undefined
  isDeleted: boolean
}

/** SUPPRESS_EMBEDS, SUPPRESS_NOTIFICATIONS, IS_VOICE_MESSAGE and IS_COMPONENTS_V2 (Discord docs, Message Flags). */
const [withoutEmbeds, quiet, ofVoice, ofComponents] = [1 << 2, 1 << 12, 1 << 13, 1 << 15]
const ephemeral = 1 << 6
const loading = 1 << 7
const hasThread = 1 << 5

const flagsOf = ({ flags }: Json): number => typeof flags === "number" ? flags : 0

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  of:
    & Pick<Message, "id" | "writtenMs" | "author" | "where">
    & Partial<
      Pick<
        Message,
        "interaction" | "replyTo" | "isThinking" | "attachments" | "nonce" | "system" | "thread" | "webhook"
      >
    >,
  body: Json
): Message => ({
  id: of.id,
  writtenMs: of.writtenMs,
  author: of.author,
  where: of.where,
  interaction: of.interaction,
  replyTo: of.replyTo,
  system: of.system,
  thread: of.thread,
  webhook: of.webhook,
  // only the user who began an interaction can be addressed alone
  isEphemeral: of.interaction !== undefined && (flagsOf(body) & ephemeral) !== 0,
  flags: flagsOf(body) & (withoutEmbeds | quiet | ofVoice | ofComponents),
  nonce: of.nonce,
  reactions: new Map(),
  content: typeof body["content"] === "string" ? body["content"] : "",
  embeds: Body.itemsOf(body["embeds"]),
  components: Body.itemsOf(body["components"]),
  attachments: of.attachments ?? [],
  poll: Body.isObject(body["poll"]) ? Poll.make(body["poll"], msOf(of.id)) : undefined,
  isThinking: of.isThinking ?? false,
  editedMs: undefined,
  pinnedMs: undefined,
  isDeleted: false
})

/**
 * Changes the given properties, and adds files, which `keep` stores; or returns what is wrong, for example that nothing would
 * be left, and changes nothing. The awaited answer does not count as an edit.
 *
 * @category combinators
 * @since 0.1.0
 */
export const edit = (
  message: Message,
  { body, files }: Sent.Sent,
  keep: (files: ReadonlyArray<Sent.SentFile>) => ReadonlyArray<Attachments.Attachment>,
  nowMs: number
): RestResponse | undefined => {
  const content = typeof body["content"] === "string" || body["content"] === null ? body["content"] : message.content
  const embeds = body["embeds"] === undefined ? message.embeds : Body.itemsOf(body["embeds"])
  const components = body["components"] === undefined ? message.components : Body.itemsOf(body["components"])
  const left = Attachments.left(message.attachments, body)
  const isEmpty = [embeds, components, left, files].every(({ length }) => length === 0)
  const poll = pollAfter(message, body, nowMs)
  if (isEmpty && !Sent.hasText(content) && poll === undefined) return emptyMessage
  if (left.length + files.length > Sent.mostFiles) return Sent.tooManyFiles
  message.content = content ?? ""
  message.embeds = embeds
  message.components = components
  message.attachments = [...left, ...keep(files)]
  message.poll = poll
  if (typeof body["flags"] === "number") {
    message.flags = (message.flags & ~withoutEmbeds) | (flagsOf(body) & (withoutEmbeds | ofComponents))
  }
  if (!message.isThinking) message.editedMs = nowMs
  message.isThinking = false
  return undefined
}

const pollAfter = (message: Message, body: Json, nowMs: number): Json | undefined => {
  const { poll } = body
  // only the awaited answer can add one
  if (message.isThinking && Body.isObject(poll)) return Poll.make(poll, wallMs(message, nowMs))
  // a message that becomes one of components gives up its poll
  return poll === null && (flagsOf(body) & ofComponents) !== 0 ? undefined : message.poll
}

/**
 * The component of a message with this `custom_id`, in rows, sections and containers.
 *
 * @category getters
 * @since 0.1.0
 */
export const componentOf = ({ components }: Message, customId: string): Json | undefined => {
  const waiting: Array<unknown> = [...components]
  for (const one of waiting) {
    if (typeof one !== "object" || one === null) continue
    const component: Json = { ...one }
    if (component["custom_id"] === customId) return component
    // one by one: a call cannot have as many arguments as a bot can send components
    for (const inner of Body.itemsOf(component["components"])) waiting.push(inner)
    waiting.push(component["accessory"])
  }
  return undefined
}

/**
 * The users whom a message mentions (`<@id>`), or replies to.
 *
 * @category getters
 * @since 0.1.0
 */
export const mentions = (world: World.World, message: Message): ReadonlyArray<World.User> => {
  const ids = new Set(Array.from(message.content.matchAll(/<@!?(\d+)>/g), ([, id]) => id))
  const repliedTo = message.system === undefined ? message.replyTo?.author.id : undefined
  return Array.from(world.users.values()).filter(({ id }) => ids.has(id) || id === repliedTo)
}

/**
 * Converts a moment of the core's time to milliseconds of Unix time, given that the id of a message contains the time at which
 * it was written.
 *
 * @category getters
 * @since 0.1.0
 */
export const wallMs = ({ id, writtenMs }: Message, ms: number): number => msOf(id) + ms - writtenMs

const types = { plain: 0, reply: 19, command: 20, menu: 23 } as const

const systemTypes = { pinned: 6, "thread-created": 18, "thread-starter": 21 } as const

/**
 * Its type (Discord docs, Message Types).
 *
 * @category getters
 * @since 0.1.0
 */
export const typeOf = ({ interaction, replyTo, system }: Message): number => {
  if (system !== undefined) return systemTypes[system]
  if (interaction?.on !== undefined) return types.menu
  if (interaction !== undefined) return interaction.type === 2 ? types.command : types.plain
  return replyTo === undefined ? types.plain : types.reply
}

const reactionsOf = ({ reactions }: Message, viewer: string | undefined) =>
  Array.from(reactions, ([name, users]) => ({
    emoji: Emoji.json(name),
    count: users.size,
    count_details: { burst: 0, normal: users.size },
    me: viewer !== undefined && users.has(viewer),
    me_burst: false,
    burst_colors: []
  }))

const flagsOfAll = (message: Message): number =>
  message.flags | (message.isEphemeral ? ephemeral : 0) | (message.isThinking ? loading : 0) |
  (message.thread !== undefined && message.system === undefined ? hasThread : 0)

const chosenOn = (world: World.World, { on }: Answered): Json => {
  if (on === undefined) return {}
  if ("message" in on) return { target_message_id: on.message }
  const user = world.users.get(on.user)
  return user === undefined ? {} : { target_user: DiscordObject.user(user) }
}

/**
 * The whole message as REST and the gateway send it to the user `viewer`. `referenced` is its form as the message that another
 * one replies to.
 *
 * @category codecs
 * @since 0.1.0
 */
export const json = (world: World.World, message: Message, viewer?: string, referenced = false): Json => {
  const { author, interaction, replyTo, system, thread, webhook, where } = message
  const { components, embeds, loose } = Attachments.shown(message)
  const guildId = where.guild?.id
  const owners = { 0: guildId ?? "0" }
  return {
    id: message.id,
    type: typeOf(message),
    channel_id: where.channel.id,
    author: webhook === undefined
      ? DiscordObject.user(author)
      : { ...DiscordObject.user(author), discriminator: "0000" },
    content: message.content,
    embeds,
    components,
    attachments: loose.map(Attachments.json),
    mentions: mentions(world, message).map(DiscordObject.user),
    mention_roles: [],
    mention_everyone: false,
    pinned: message.pinnedMs !== undefined,
    tts: false,
    timestamp: timeOf(message.id),
    edited_timestamp: message.editedMs === undefined ? null : new Date(wallMs(message, message.editedMs)).toISOString(),
    flags: flagsOfAll(message),
    ...(message.reactions.size === 0 ? {} : { reactions: reactionsOf(message, viewer) }),
    ...(webhook === undefined ? {} : {
      webhook_id: webhook.id,
      ...(webhook.creator.bot ? { application_id: webhook.creator.id } : {})
    }),
    ...(message.poll === undefined ? {} : { poll: message.poll }),
    ...(interaction === undefined ? {} : {
      application_id: author.id,
      webhook_id: author.id,
      interaction_metadata: {
        id: interaction.id,
        type: interaction.type,
        user: DiscordObject.user(interaction.user),
        authorizing_integration_owners: owners,
        ...chosenOn(world, interaction)
      }
    }),
    ...(thread === undefined ? {} : system === undefined
      ? { thread: ChannelObject.channel(world, thread) }
      : { message_reference: { type: 0, channel_id: thread.id, guild_id: thread.guildId } }),
    ...(replyTo === undefined ? {} : {
      message_reference: {
        type: 0,
        message_id: replyTo.id,
        channel_id: replyTo.where.channel.id,
        ...(guildId === undefined ? {} : { guild_id: guildId })
      },
      // a reply within a reply is left out there, and of a pinned message only its existence is reported
      ...(referenced || system === "pinned"
        ? {}
        : { referenced_message: replyTo.isDeleted ? null : json(world, replyTo, viewer, true) })
    })
  }
}

/**
 * The message as sent to a user: one who `reads` can read everything, others only direct messages, their own, and messages that
 * mention them.
 *
 * @category codecs
 * @since 0.1.0
 */
export const shown = (world: World.World, message: Message, { id }: World.User, reads: boolean): Json => {
  const readable = (one: Message, whole: Json): Json => {
    const isOpen = reads || one.where.guild === undefined || one.author.id === id ||
      mentions(world, one).some((user) => user.id === id)
    if (isOpen) return whole
    const { poll: _, ...rest } = whole
    return { ...rest, content: "", embeds: [], components: [], attachments: [] }
  }
  const { replyTo } = message
  const own = readable(message, json(world, message, id))
  const { referenced_message: referenced } = own
  if (replyTo === undefined || !Body.isObject(referenced)) return own
  return { ...own, referenced_message: readable(replyTo, referenced) }
}
