/**
 * The text of a channel, and direct messages: users write there, and see what bots write.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { ChannelId, UserId } from "../../protocol/Identifier.ts"
import type * as Core from "../core/Core.ts"
import type { Attachment } from "../core/messages/Attachments.ts"
import * as Message from "../core/messages/Message.ts"
import { type Command, type FileOptions, type Keyboard, looks, sent as sentOf } from "./Command.ts"
import { type EmulatorError, make as makeError, MessageFailed } from "./EmulatorError.ts"
import type { Names } from "./Names.ts"
import type { Shell } from "./Shell.ts"
import * as Sighting from "./Sighting.ts"
import * as Waiting from "./Waiting.ts"

/**
 * A message as it is now.
 *
 * @category models
 * @since 0.1.0
 */
export interface ChatMessage {
  readonly id: string
  /** Discord's type: 0 for a normal message, 19 for a reply, 20 and 23 for answers to commands, 6 for "X pinned a message". */
  readonly type: number
  /** The name of the author, or of the user whose action the message reports. For a webhook, the name under which it writes. */
  readonly user: string
  /** The id of that user. For a webhook, the webhook's own id. */
  readonly userId: UserId
  readonly content: string
  /** All files, including those that its embeds show. */
  readonly attachments: ReadonlyArray<Attachment>
  /** Discord's objects. */
  readonly embeds: ReadonlyArray<unknown>
  readonly components: ReadonlyArray<unknown>
  /** Discord's object, if there is a poll. Nobody votes in it. */
  readonly poll?: unknown
  readonly edited: boolean
  /** The id of the message that it replies to, or of the message that was pinned. */
  readonly replyTo: string | undefined
  /** The emoji that users and bots have reacted with. */
  readonly reactions: ReadonlyArray<string>
  /** The names of the users who reacted, by emoji. */
  readonly reactors: Readonly<Record<string, ReadonlyArray<string>>>
  readonly pinned: boolean
}

/**
 * The direct messages to open: those of a user with a bot.
 *
 * @category models
 * @since 0.1.0
 */
export interface DirectOptions {
  /** A name or id. An unknown user is created. Default "guest". */
  readonly user?: string | undefined
  /** A name or id. Default "bot". */
  readonly bot?: string | undefined
}

/**
 * The text of a channel, or direct messages.
 *
 * @category models
 * @since 0.1.0
 */
export interface Chat {
  /**
   * The messages in order: what users and bots have written, and what bots have publicly answered to commands. The last 1000
   * are kept. "Is thinking" does not count.
   */
  readonly messages: Effect.Effect<ReadonlyArray<ChatMessage>>
  /**
   * Writes a message as a user. Bots receive it with the intent for messages, and can read it with the intent for message
   * content, or if it mentions them (`<@id>`). Fails with `MessageFailed` if Discord would not accept it, or if the user does
   * not see the channel.
   */
  readonly write: (content: string, options?: {
    /** A name or id. An unknown user is created. Default "guest", in direct messages the user who takes part in them. */
    readonly user?: string | undefined
    /** The id of a message. */
    readonly replyTo?: string | undefined
    /** A message with files may have no text. If no content type is given, it is derived from the ending of the name. */
    readonly files?: ReadonlyArray<FileOptions> | undefined
  }) => Effect.Effect<ChatMessage, EmulatorError>
  /**
   * Reacts to a message, by its id, with an emoji: the character itself, or `name:id` for an emoji of a guild. Bots receive it
   * with the intent for reactions. Fails with `MessageFailed` if there is no such message, if the user does not see the
   * channel, if it is not an emoji, and if there are already 20 different ones.
   */
  readonly react: (message: string, emoji: string, options?: {
    /** The same default as in `write`. */
    readonly user?: string | undefined
    /** Whether to remove the reaction. Default false. */
    readonly takeBack?: boolean | undefined
  }) => Effect.Effect<void, EmulatorError>
  /**
   * Waits until `find` returns something other than `undefined` for the messages. Fails with `MessageFailed` when the time is
   * over, the channel is deleted or the emulator closes; the error describes the latest messages. Dies of what `find` throws.
   */
  readonly until: <A>(find: (messages: ReadonlyArray<ChatMessage>) => A | undefined, options?: {
    /** The maximum time to wait, on Effect's `Clock`. Default: no limit. */
    readonly timeout?: Duration.Input | undefined
  }) => Effect.Effect<A, EmulatorError>
  /**
   * Presses the button with this `custom_id` in the last message that has it, or chooses `values` in the menu with this
   * `custom_id`. Fails with `CommandFailed` if there is none, or it is disabled.
   */
  readonly press: (customId: string, options?: {
    /** The user who presses it. The same default as in `write`. */
    readonly user?: string | undefined
    readonly values?: ReadonlyArray<string> | undefined
  }) => Effect.Effect<Command, EmulatorError>
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Chats {
  readonly chat: (channel?: string) => Effect.Effect<Chat, EmulatorError>
  readonly direct: (options?: DirectOptions) => Effect.Effect<Chat, EmulatorError>
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  shell: Pick<Shell, "driver" | "settle">,
  names: {
    readonly userOrNew: (options: { readonly name: string }) => Effect.Effect<{ readonly id: UserId }, EmulatorError>
    readonly users: Pick<Names<{ readonly id: UserId }>, "nameOf" | "find">
    readonly channels: Pick<Names<{ readonly id: ChannelId }>, "find">
  },
  follow: Keyboard["follow"]
): Chats => {
  const { driver } = shell

  const view = (message: Message.Message): ChatMessage => ({
    id: message.id,
    type: Message.typeOf(message),
    user: message.webhook === undefined ? names.users.nameOf(message.author.id) : message.author.name,
    userId: message.author.id,
    content: message.content,
    attachments: message.attachments,
    ...looks(message),
    edited: message.editedMs !== undefined,
    replyTo: message.replyTo?.id,
    reactions: Array.from(message.reactions.keys()),
    reactors: Object.fromEntries(
      Array.from(message.reactions, ([emoji, ids]) => [emoji, Array.from(ids, names.users.nameOf)])
    ),
    pinned: message.pinnedMs !== undefined
  })

  /** "Is thinking" does not count. */
  const viewAll = (messages: ReadonlyArray<Message.Message>) =>
    messages.filter(({ isThinking }) => !isThinking).map(view)

  /** `usual` is the user who acts if none is given. */
  const open = (channel: string, channelId: ChannelId, usual: string): Chat => {
    const failed = (detail: string) => makeError(new MessageFailed({ channel, detail }))
    return {
      messages: driver.call((core) => viewAll(core.messagesOf(channelId))),
      write: Effect.fnUntraced(function*(content, { files = [], replyTo, user = usual } = {}) {
        const { id: userId } = yield* names.userOrNew({ name: user })
        const sent = files.map(sentOf)
        const written = yield* driver.call((core) => core.write({ userId, channelId, content, replyTo, files: sent }))
        if ("problem" in written) return yield* failed(written.problem)
        yield* shell.settle("first")
        return view(written)
      }),
      react: Effect.fnUntraced(function*(messageId, emoji, { takeBack = false, user = usual } = {}) {
        const { id: userId } = yield* names.userOrNew({ name: user })
        const done = yield* driver.call((core) => core.react({ userId, channelId, messageId, emoji, isOn: !takeBack }))
        if ("problem" in done) return yield* failed(done.problem)
        yield* shell.settle("first")
      }),
      until: (find, { timeout = Duration.infinity } = {}) => {
        let there: ReadonlyArray<Message.Message> = []
        const inVain = (core: Core.Core, detail: string) =>
          failed(`${detail}; ${Sighting.told(there, core.lastRefusal(), names.users.nameOf)}`)
        const wait = Waiting.until(
          driver,
          (core) => (f) => core.watchMessages(channelId, f),
          (core) => {
            // in a deleted channel, the last messages are final
            if (!core.hasChannel(channelId)) return { failure: inVain(core, "the channel no longer exists") }
            there = core.messagesOf(channelId)
            const found = find(viewAll(there))
            return found === undefined ? undefined : { found }
          },
          () => failed("the emulator has closed")
        )
        return Waiting.within(
          driver,
          wait,
          timeout,
          (core, time) => inVain(core, `the expected message did not appear within ${time}`)
        )
      },
      press: Effect.fnUntraced(function*(customId, { user = usual, values = [] } = {}) {
        const { id: userId } = yield* names.userOrNew({ name: user })
        return yield* follow(customId, userId, (core) => core.pressIn(channelId, userId, customId, values))
      })
    }
  }

  return {
    chat: (channel = "lobby") => Effect.map(names.channels.find(channel), ({ id }) => open(channel, id, "guest")),
    direct: Effect.fnUntraced(function*({ bot = "bot", user = "guest" } = {}) {
      const { id: botId } = yield* names.users.find(bot)
      const { id: userId } = yield* names.userOrNew({ name: user })
      const id = yield* driver.call((core) => userId === botId ? undefined : core.direct(userId, botId))
      const named = `the direct messages of ${user} and ${bot}`
      if (id === undefined) {
        return yield* makeError(
          new MessageFailed({ channel: named, detail: "a user cannot write direct messages to itself" })
        )
      }
      return open(named, id, user)
    })
  }
}
