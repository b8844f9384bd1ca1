/**
 * The text of a channel, and direct messages: somebody writes there, and sees what bots write.
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
  /** Discord's type: 0 for what is written, 19 for a reply, 20 and 23 for answers to commands, 6 for "X pinned a message". */
  readonly type: number
  /** The name of who has written it, or done what it tells of; of a webhook, the one under which it writes. */
  readonly user: string
  /** That of a webhook is its own. */
  readonly userId: UserId
  readonly content: string
  /** All its files, those that its embeds show among them. */
  readonly attachments: ReadonlyArray<Attachment>
  /** Objects of Discord. */
  readonly embeds: ReadonlyArray<unknown>
  readonly components: ReadonlyArray<unknown>
  /** An object of Discord, where there is one. Nobody votes. */
  readonly poll?: unknown
  readonly edited: boolean
  /** The id of the message that it replies to, or of the one that was pinned. */
  readonly replyTo: string | undefined
  /** Emoji that users and bots have reacted with. */
  readonly reactions: ReadonlyArray<string>
  /** The names of those who have reacted with each of them. */
  readonly reactors: Readonly<Record<string, ReadonlyArray<string>>>
  readonly pinned: boolean
}

/**
 * Whose direct messages: a user's with a bot.
 *
 * @category models
 * @since 0.1.0
 */
export interface DirectOptions {
  /** A name or id. One who is not known is created. Default "guest". */
  readonly user?: string | undefined
  /** A name or id. Default "bot". */
  readonly bot?: string | undefined
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Chat {
  /**
   * What is there, in order: what users and bots have written, and what bots have answered to commands for all to see. The last 1000.
   * "Is thinking" says nothing.
   */
  readonly messages: Effect.Effect<ReadonlyArray<ChatMessage>>
  /**
   * Somebody writes. Bots hear of it with the intent for messages, and read it with the one for their content, or when it names them
   * (`<@id>`). Fails with `MessageFailed` for what Discord would not take, and for who does not see the channel.
   */
  readonly write: (content: string, options?: {
    /** A name or id. One who is not known is created. Default "guest", in direct messages the user whose they are. */
    readonly user?: string | undefined
    /** The id of a message. */
    readonly replyTo?: string | undefined
    /** With files, the message may be empty. Where no content type is given, the ending of the name tells it. */
    readonly files?: ReadonlyArray<FileOptions> | undefined
  }) => Effect.Effect<ChatMessage, EmulatorError>
  /**
   * Somebody reacts to a message, by its id, with an emoji: itself, or `name:id` for one of a guild. Bots hear of it with the intent for
   * reactions. Fails with `MessageFailed` where there is no such message, for who does not see the channel, for what is no emoji, and
   * beyond 20 different ones.
   */
  readonly react: (message: string, emoji: string, options?: {
    /** Default as in `write`. */
    readonly user?: string | undefined
    /** Whether a reaction is taken back. Default false. */
    readonly takeBack?: boolean | undefined
  }) => Effect.Effect<void, EmulatorError>
  /**
   * Waits for what `find` looks for in the messages. Fails with `MessageFailed` when it has not come in time, the channel is deleted or the
   * emulator closes, and says what was there last; dies of what `find` throws.
   */
  readonly until: <A>(find: (messages: ReadonlyArray<ChatMessage>) => A | undefined, options?: {
    /** How long to wait at most, on Effect's `Clock`. Default: without end. */
    readonly timeout?: Duration.Input | undefined
  }) => Effect.Effect<A, EmulatorError>
  /**
   * Presses the button with this `custom_id` in the last message that has it, or chooses `values` in such a menu. Fails with
   * `CommandFailed` where there is none, or it is disabled.
   */
  readonly press: (customId: string, options?: {
    /** Who presses it. Default as in `write`. */
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

  /** "Is thinking" says nothing. */
  const viewAll = (messages: ReadonlyArray<Message.Message>) =>
    messages.filter(({ isThinking }) => !isThinking).map(view)

  /** `usual` is who acts where nobody is named. */
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
            // what stood in a channel that is gone was the last that there was
            if (!core.hasChannel(channelId)) return { failure: inVain(core, "the channel is gone") }
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
          (core, time) => inVain(core, `what was waited for has not come within ${time}`)
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
        return yield* makeError(new MessageFailed({ channel: named, detail: "nobody writes to itself" }))
      }
      return open(named, id, user)
    })
  }
}
