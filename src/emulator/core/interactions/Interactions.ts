/**
 * Slash commands that are typed, buttons that are pressed and forms that are submitted, and how a bot answers them over REST
 * (Discord docs, Interactions: Receiving and Responding). The first answer has to come within three seconds, and what follows
 * within a quarter of an hour.
 *
 * @since 0.1.0
 */
import type { ChannelId, UserId } from "../../../protocol/Identifier.ts"
import type { CoreContext } from "../CoreContext.ts"
import type { GatewayServer } from "../gateway/GatewayServer.ts"
import type { ByToken } from "../http/RestAnswer.ts"
import type * as Attachments from "../messages/Attachments.ts"
import * as Message from "../messages/Message.ts"
import type { Messages } from "../messages/Messages.ts"
import * as Places from "../messages/Places.ts"
import type { SentFile } from "../messages/Sent.ts"
import type * as DiscordObject from "../objects/DiscordObject.ts"
import * as Random from "../Random.ts"
import type * as World from "../World.ts"
import type * as Choices from "./Choices.ts"
import * as CommandOptions from "./CommandOptions.ts"
import type { Commands } from "./Commands.ts"
import * as ContextMenu from "./ContextMenu.ts"
import * as InteractionAnswers from "./InteractionAnswers.ts"
import * as InteractionEntry from "./InteractionEntry.ts"
import * as InteractionEvent from "./InteractionEvent.ts"
import * as Modal from "./Modal.ts"
import * as Recipient from "./Recipient.ts"
import * as Resolved from "./Resolved.ts"
import * as UsableCommands from "./UsableCommands.ts"

type Json = DiscordObject.Json

/**
 * A command that a user types. `path` is its name, including group and subcommand.
 *
 * @category models
 * @since 0.1.0
 */
export interface Typed {
  readonly userId: UserId
  readonly botId: UserId
  readonly channelId: ChannelId
  readonly path: ReadonlyArray<string>
  readonly values: CommandOptions.Values
}

/**
 * A command that a user is typing. `focused` is the option with the cursor, whose value is what was typed so far.
 *
 * @category models
 * @since 0.1.0
 */
export interface Typing extends Typed {
  readonly focused: string
}

/**
 * A command that a user chooses in a context menu.
 *
 * @category models
 * @since 0.1.0
 */
export interface Chosen {
  readonly userId: UserId
  readonly botId: UserId
  readonly channelId: ChannelId
  readonly name: string
  readonly on: Message.On
}

/**
 * An interaction from the point of view of who began it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Interaction {
  readonly id: string
  readonly progress: () => InteractionEntry.Progress
  /** What the bot has said and not deleted, as it is now. */
  readonly messages: () => ReadonlyArray<Message.Message>
  /** The form that the bot has opened as its answer. */
  readonly modal: () => Modal.Modal | undefined
  /** What the bot has suggested for an option that is being typed. */
  readonly choices: () => ReadonlyArray<Choices.Choice> | undefined
  /** Calls `f` after each change, until the returned function is called. */
  readonly watch: (f: () => void) => () => void
  /** Presses a button of one of the messages, or chooses in its menu. */
  readonly press: (
    userId: UserId,
    customId: string,
    values: ReadonlyArray<string>
  ) => Begun
  /** Submits the form on behalf of who began it, once. */
  readonly submit: (values: Modal.Values) => Begun
}

/**
 * An interaction, or why Discord's client would not begin it.
 *
 * @category models
 * @since 0.1.0
 */
export type Begun = Interaction | Recipient.Absence

/**
 * @category models
 * @since 0.1.0
 */
export interface Interactions {
  readonly type: (command: Typed) => Begun
  readonly choose: (command: Chosen) => Begun
  /** Asks the bot for suggestions. */
  readonly suggest: (command: Typing) => Begun
  /** Presses a button of the last message in a channel that has it, or chooses in its menu. */
  readonly pressIn: (
    channelId: ChannelId,
    userId: UserId,
    customId: string,
    values: ReadonlyArray<string>
  ) => Begun
  /** Why a user cannot find a command of this name there yet, of any kind: the bot is not there, or has not registered it. */
  readonly obstacle: (command: Omit<Chosen, "on">) => Recipient.Absence | undefined
  readonly rest: ByToken
}

/** Discord docs, Component Types; all others that can be used in a message are menus. */
const button = 2

const answerMs = 3_000
const tokenMs = 15 * 60_000

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  context: CoreContext,
  world: World.World,
  gateway: Pick<GatewayServer, "sessions" | "hasEnded" | "dispatch">,
  commands: Pick<Commands, "list">,
  messages: Messages,
  nextId: () => string
): Interactions => {
  const usable = UsableCommands.make(world, commands)
  const recipientOf = Recipient.make(world, gateway)
  const byToken = new Map<string, InteractionEntry.Entry>()

  /**
   * The files of a message that only one user sees are removed with the last token that can change it, because nobody deletes
   * it.
   */
  const forget = (entry: InteractionEntry.Entry) => {
    byToken.delete(entry.token)
    messages.forgetFiles({ attachments: entry.files })
    for (const message of [entry.pressed, ...entry.messages]) {
      if (message?.isEphemeral !== true || message.attachments.length === 0) continue
      const others = Array.from(byToken.values())
      if (others.some((one) => one.pressed === message || one.messages.includes(message))) continue
      messages.forgetFiles(message)
    }
  }

  const begin = (
    options: {
      readonly userId: UserId
      readonly bot: World.User
      readonly where: Places.Where
      readonly type: InteractionEntry.Type
      readonly data: Json
      readonly on?: Message.On
      readonly pressed?: Message.Message
      readonly files?: ReadonlyArray<Attachments.Attachment>
    }
  ): Begun => {
    const { bot, data, files = [], on, pressed, type, userId, where } = options
    const user = world.users.get(userId)
    if (!Places.isThere(world, where)) return { problem: "its channel no longer exists" }
    const problem = Places.problemOf(world, where, userId)
    if (user === undefined || problem !== undefined) return { problem: problem ?? "the user does not exist" }
    const session = recipientOf(bot, where)
    if ("problem" in session) return session
    const entry: InteractionEntry.Entry = {
      id: nextId(),
      token: Random.hex(context.random, 32),
      bot,
      begunMs: context.now(),
      type,
      on,
      pressed,
      where,
      user,
      files,
      messages: [],
      watchers: new Set(),
      progress: "waiting",
      original: undefined,
      choices: undefined,
      modal: undefined,
      isSubmitted: false
    }
    byToken.set(entry.token, entry)
    context.timers.at(entry.begunMs + answerMs, () => {
      if (entry.progress === "waiting") InteractionEntry.become(entry, "expired")
    })
    context.timers.at(entry.begunMs + tokenMs, () => forget(entry))
    gateway.dispatch(session, "INTERACTION_CREATE", {
      id: entry.id,
      application_id: bot.id,
      type,
      data,
      ...InteractionEvent.place(world, where, user, bot),
      token: entry.token,
      version: 1,
      locale: "en-US",
      entitlements: [],
      attachment_size_limit: 10_485_760,
      ...(pressed === undefined ? {} : { message: messages.shown(pressed, bot) })
    })
    return view(entry)
  }

  /** Presses the component in the last of some messages that the user sees. */
  const press = (
    among: ReadonlyArray<Message.Message>,
    userId: UserId,
    customId: string,
    values: ReadonlyArray<string>
  ): Begun => {
    const all = among.filter((one) => !one.isDeleted && Message.componentOf(one, customId) !== undefined)
    const message = all.findLast(({ interaction, isEphemeral }) => !isEphemeral || interaction?.user.id === userId)
    const component = message && Message.componentOf(message, customId)
    if (message === undefined || component === undefined) {
      const toThem = all.length === 0 ? "" : " that this user can see"
      return { problem: `no message of the bot has a component "${customId}"${toThem}` }
    }
    if (component["disabled"] === true) return { problem: `the component "${customId}" is disabled` }
    const { author, webhook, where } = message
    // what a bot sends with its webhook is its own
    const bot = webhook?.creator ?? author
    const resolved = Resolved.make(world, where.guild, userId)
    const isButton = component["type"] === button
    const problem = isButton ? undefined : Modal.problemOfChoice(component, resolved, values)
    if (problem !== undefined) return { problem: `its component "${customId}" ${problem}` }
    const named = resolved.json()
    return begin({
      userId,
      bot,
      where,
      type: InteractionEntry.types.component,
      data: {
        id: component["id"] ?? 1,
        custom_id: customId,
        component_type: component["type"],
        ...(isButton ? {} : { values }),
        ...(named === undefined ? {} : { resolved: named })
      },
      pressed: message
    })
  }

  /** Stores the files that a user sends with an interaction. */
  const keeping = ({ channel }: Places.Where) => {
    const files: Array<Attachments.Attachment> = []
    const keep = (sent: ReadonlyArray<SentFile>) => {
      const kept = messages.keepFiles(channel.id, sent)
      files.push(...kept)
      return kept
    }
    return { files, keep }
  }

  const view = (entry: InteractionEntry.Entry): Interaction => ({
    id: entry.id,
    progress: () => entry.progress,
    messages: () => entry.messages.filter(({ isDeleted }) => !isDeleted),
    modal: () => entry.modal,
    choices: () => entry.choices,
    watch: (f) => {
      entry.watchers.add(f)
      const unwatch = messages.watch(entry.where.channel.id, f)
      return () => {
        entry.watchers.delete(f)
        unwatch()
      }
    },
    press: (userId, customId, values) => press(entry.messages, userId, customId, values),
    submit: (values) => {
      const { bot, modal, pressed, user, where } = entry
      if (modal === undefined) return { problem: "the bot has not opened a form" }
      if (entry.isSubmitted) return { problem: "the form was already submitted" }
      const { files, keep } = keeping(where)
      const filled = Modal.fill(world, where.guild, user.id, modal, values, keep)
      const begun = "problem" in filled ? filled : begin({
        userId: user.id,
        bot,
        where,
        type: InteractionEntry.types.modal,
        data: {
          custom_id: modal.customId,
          components: filled.components,
          ...(filled.resolved === undefined ? {} : { resolved: filled.resolved })
        },
        ...(pressed === undefined ? {} : { pressed }),
        files
      })
      // they were not sent to anybody
      if ("problem" in begun) messages.forgetFiles({ attachments: files })
      entry.isSubmitted = !("problem" in begun)
      return begun
    }
  })

  const typed = ({ botId, channelId, path, userId, values }: Typed, focused?: string): Begun => {
    const place = usable.placeOf(channelId, botId)
    if ("problem" in place) return place
    const { bot, where } = place
    const { guild } = where
    const known = usable.find(userId, botId, where, path[0], 1)
    if ("problem" in known) return known
    const { registered } = known
    const { files, keep } = keeping(where)
    const filled = CommandOptions.fill(world, guild, userId, path, values, registered, keep, focused)
    const begun = "problem" in filled ? filled : begin({
      userId,
      bot,
      where,
      type: focused === undefined ? InteractionEntry.types.command : InteractionEntry.types.typing,
      data: {
        ...usable.dataOf(registered, guild, path[0], 1),
        ...(filled.options.length === 0 ? {} : { options: filled.options }),
        ...(filled.resolved === undefined ? {} : { resolved: filled.resolved })
      },
      files
    })
    // they were not sent to anybody
    if ("problem" in begun) messages.forgetFiles({ attachments: files })
    return begun
  }

  const choose = ({ botId, channelId, name, on, userId }: Chosen): Begun => {
    const place = usable.placeOf(channelId, botId)
    if ("problem" in place) return place
    const { bot, where } = place
    const { guild } = where
    const type = ContextMenu.typeOf(on)
    const known = usable.find(userId, botId, where, name, type)
    if ("problem" in known) return known
    const target = ContextMenu.target(world, guild, userId, on, (id) => {
      const message = messages.of(channelId).find((one) => one.id === id)
      return message && messages.json(message, botId)
    })
    if ("problem" in target) return target
    return begin({
      userId,
      bot,
      where,
      type: InteractionEntry.types.command,
      on,
      data: {
        ...usable.dataOf(known.registered, guild, name, type),
        target_id: target.id,
        ...(target.resolved === undefined ? {} : { resolved: target.resolved })
      }
    })
  }

  return {
    type: (command) => typed(command),
    choose,
    pressIn: (channelId, userId, customId, values) => press(messages.of(channelId), userId, customId, values),
    suggest: ({ focused, ...command }) => typed({ ...command, values: { [focused]: "", ...command.values } }, focused),
    obstacle: ({ botId, channelId, name, userId }) => {
      const place = usable.placeOf(channelId, botId)
      if ("problem" in place) return place
      const recipient = recipientOf(place.bot, place.where)
      return "problem" in recipient ? recipient : usable.missing(userId, botId, place.where, name)
    },
    rest: InteractionAnswers.make(
      messages,
      (token) => byToken.get(token),
      (where) => Places.isThere(world, where)
    )
  }
}
