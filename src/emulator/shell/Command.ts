/**
 * Users who type slash commands or choose them in a context menu, and see what the bot answers: suggestions, messages with
 * buttons, and forms.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { ChannelId, UserId } from "../../protocol/Identifier.ts"
import type * as Core from "../core/Core.ts"
import type { Choice } from "../core/interactions/Choices.ts"
import type * as Interactions from "../core/interactions/Interactions.ts"
import type { Modal, Values } from "../core/interactions/Modal.ts"
import * as Attachments from "../core/messages/Attachments.ts"
import type * as Message from "../core/messages/Message.ts"
import type { SentFile } from "../core/messages/Sent.ts"
import { CommandFailed, type EmulatorError, make as makeError } from "./EmulatorError.ts"
import type { Names } from "./Names.ts"
import type { Shell } from "./Shell.ts"
import * as Sighting from "./Sighting.ts"
import * as Waiting from "./Waiting.ts"

/**
 * A file that a user sends.
 *
 * @category models
 * @since 0.1.0
 */
export interface FileOptions {
  readonly name: string
  readonly data: Uint8Array
  readonly contentType?: string | undefined
  readonly description?: string | undefined
}

/**
 * Completes a file with the properties that were left out.
 *
 * @category constructors
 * @since 0.1.0
 */
export const sent = (file: FileOptions): SentFile => ({ contentType: undefined, description: undefined, ...file })

/**
 * A slash command that is typed.
 *
 * @category models
 * @since 0.1.0
 */
export interface CommandOptions {
  /** The name, including group and subcommand, separated by spaces: "queue clear". */
  readonly name: string
  /**
   * The options by name. A user or a channel is given by its id. A file is served like files of messages, for as long as the
   * bot can answer.
   */
  readonly options?: Readonly<Record<string, string | number | boolean | FileOptions>> | undefined
  /** The name or id of the user who types it. An unknown user is created. Default "guest". */
  readonly user?: string | undefined
  /** The bot that the command belongs to. Default "bot". */
  readonly bot?: string | undefined
  /** Where it is typed: a text channel, or the text of a voice channel. Default "lobby". */
  readonly channel?: string | undefined
  /** Whether it is typed in the direct messages with the bot instead of a channel. Default false. */
  readonly direct?: boolean | undefined
}

/**
 * A context menu command.
 *
 * @category models
 * @since 0.1.0
 */
export interface MenuOptions {
  /** The name as registered, with its capitals and spaces. */
  readonly name: string
  /** The target: a user by name or id, or a message of the channel by its id. */
  readonly on: { readonly user: string } | { readonly message: string }
  /** The name or id of the user who chooses it. An unknown user is created. Default "guest". */
  readonly user?: string | undefined
  /** The bot that the command belongs to. Default "bot". */
  readonly bot?: string | undefined
  /** The channel in which it is chosen. Default "lobby". */
  readonly channel?: string | undefined
  /** Whether it is chosen in the direct messages with the bot instead of a channel. Default false. */
  readonly direct?: boolean | undefined
}

/**
 * A command that a bot is expected to register. `name` is the name of a slash command without subcommands, or of a context menu
 * command.
 *
 * @category models
 * @since 0.1.0
 */
export interface AwaitCommandOptions extends Omit<MenuOptions, "on"> {
  /** The maximum time to wait, on Effect's `Clock`. Default 30 seconds. */
  readonly timeout?: Duration.Input | undefined
}

/**
 * A command that is being typed.
 *
 * @category models
 * @since 0.1.0
 */
export interface SuggestOptions extends CommandOptions {
  /** The option that is being typed. What was typed so far is in `options`. */
  readonly focused: string
}

/**
 * A message of the bot, as it is now.
 *
 * @category models
 * @since 0.1.0
 */
export interface Reply {
  readonly content: string
  /** All files, including those that its embeds show. */
  readonly attachments: ReadonlyArray<Attachments.Attachment>
  /** Discord's objects. */
  readonly embeds: ReadonlyArray<unknown>
  readonly components: ReadonlyArray<unknown>
  /** Discord's object, if there is a poll. Nobody votes in it. */
  readonly poll?: unknown
  /** Whether only the user who typed the command sees it. */
  readonly ephemeral: boolean
  readonly edited: boolean
}

/**
 * A command that a user has used, with the bot's answers to it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Command {
  /** What the bot has said so far and has not deleted, in order. "Is thinking" does not count. */
  readonly replies: Effect.Effect<ReadonlyArray<Reply>>
  /**
   * Waits for the bot's first message. Fails with `CommandFailed` if the bot does not answer within three seconds, if it only
   * shows that it is thinking for a quarter of an hour, which are Discord's limits, or when the emulator closes.
   */
  readonly reply: Effect.Effect<Reply, EmulatorError>
  /** The form that the bot has opened for the user who began the interaction, if any. */
  readonly opened: Effect.Effect<Modal | undefined>
  /** Waits until the bot has opened a form. Fails like `reply`, and if the bot has answered in another way. */
  readonly modal: Effect.Effect<Modal, EmulatorError>
  /**
   * Waits until the bot has answered in any way, including that it is thinking, a changed message, or a form. Fails like
   * `reply`.
   */
  readonly acknowledged: Effect.Effect<void, EmulatorError>
  /**
   * Waits until `find` returns something other than `undefined` for the replies: use it for what a bot says or changes later.
   * Fails like `reply`, and when the time is over; the error describes the latest replies. Dies of what `find` throws.
   */
  readonly until: <A>(find: (replies: ReadonlyArray<Reply>) => A | undefined, options?: {
    /** The maximum time to wait, on Effect's `Clock`. Default: a quarter of an hour, as with Discord. */
    readonly timeout?: Duration.Input | undefined
  }) => Effect.Effect<A, EmulatorError>
  /**
   * Presses the button with this `custom_id`, or chooses `values` in the menu with this `custom_id`. Fails with `CommandFailed`
   * if the user sees no such button or menu, or it is disabled.
   */
  readonly press: (customId: string, options?: {
    /** The user who presses it. Default: the user who typed the command. */
    readonly user?: string | undefined
    readonly values?: ReadonlyArray<string> | undefined
  }) => Effect.Effect<Command, EmulatorError>
  /**
   * Submits the form that the bot has opened. `values` are by the `custom_id` of the inputs: a string for text inputs and radio
   * buttons, a boolean for checkboxes, an array for all others; users, channels and roles are ids, and files are as in a
   * command. Inputs that are left out keep what the bot has filled in. Fails with `CommandFailed` if there is no form, if
   * Discord's client would not send it, or if it was submitted before.
   */
  readonly submit: (values: ModalValues) => Effect.Effect<Command, EmulatorError>
}

/**
 * What a user enters into a form, by the `custom_id` of the inputs.
 *
 * @category models
 * @since 0.1.0
 */
export type ModalValues = Readonly<Record<string, string | boolean | ReadonlyArray<string | FileOptions>>>

const filled = (values: ModalValues): Values =>
  Object.fromEntries(
    Object.entries(values).map(([input, value]) => [
      input,
      typeof value === "string" || typeof value === "boolean"
        ? value
        : value.map((one) => typeof one === "string" ? one : sent(one))
    ])
  )

/**
 * The parts of a message besides its text, with the addresses of the files that it names.
 *
 * @category getters
 * @since 0.1.0
 */
export const looks = (message: Message.Message): Pick<Reply, "embeds" | "components" | "poll"> => {
  const { components, embeds } = Attachments.shown(message)
  return { embeds, components, ...(message.poll === undefined ? {} : { poll: message.poll }) }
}

const view = (message: Message.Message): Reply => ({
  content: message.content,
  attachments: message.attachments,
  ...looks(message),
  ephemeral: message.isEphemeral,
  edited: message.editedMs !== undefined
})

const thinking = Duration.minutes(15)

/** How often to check whether a bot has a command, in milliseconds. */
const lookMs = 10

/**
 * What a user can do with the keyboard of a client.
 *
 * @category models
 * @since 0.1.0
 */
export interface Keyboard {
  readonly command: (options: CommandOptions) => Effect.Effect<Command, EmulatorError>
  readonly menu: (options: MenuOptions) => Effect.Effect<Command, EmulatorError>
  readonly suggest: (options: SuggestOptions) => Effect.Effect<ReadonlyArray<Choice>, EmulatorError>
  readonly awaitCommand: (options: AwaitCommandOptions) => Effect.Effect<void, EmulatorError>
  /** Begins an interaction in another way. `name` is its name in errors. */
  readonly follow: (
    name: string,
    userId: UserId,
    f: (core: Core.Core) => Interactions.Begun
  ) => Effect.Effect<Command, EmulatorError>
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (shell: Pick<Shell, "driver" | "settle">, names: {
  readonly userOrNew: (options: { readonly name: string }) => Effect.Effect<{ readonly id: UserId }, EmulatorError>
  readonly users: Pick<Names<{ readonly id: UserId }>, "find" | "nameOf">
  readonly channels: Pick<Names<{ readonly id: ChannelId }>, "find">
}): Keyboard => {
  const { driver } = shell

  const failed = (command: string, detail: string) => makeError(new CommandFailed({ command, detail }))

  const begin = Effect.fnUntraced(function*(command: string, f: (core: Core.Core) => Interactions.Begun) {
    const begun = yield* driver.call(f)
    if ("problem" in begun) {
      // a program may have ended because a request was refused, without telling anybody
      const why = begun.isAway === true ? Sighting.refused(yield* driver.call((core) => core.lastRefusal())) : ""
      return yield* failed(command, `${begun.problem}${why}`)
    }
    yield* shell.settle("first")
    return begun
  })

  /** Evaluates `find` after each thing that the bot does, until it has a result. A string says why there will be none. */
  const wait = <A>(
    command: string,
    interaction: Interactions.Interaction,
    find: () => { readonly found: A } | string | undefined,
    timeout: Duration.Input = thinking
  ): Effect.Effect<A, EmulatorError> => {
    const inVain = (core: Core.Core, detail: string) => {
      const modal = interaction.modal()
      const opened = modal === undefined ? "" : `; it opened the form "${modal.customId}"`
      const seen = Sighting.told(interaction.messages(), core.lastRefusal(), names.users.nameOf)
      return failed(command, `${detail}${opened}; ${seen}`)
    }
    const waiting = Waiting.until(driver, () => interaction.watch, (core) => {
      const result = find()
      if (typeof result === "string") return { failure: inVain(core, result) }
      if (result === undefined && interaction.progress() === "expired") {
        return { failure: inVain(core, "the bot did not answer within three seconds") }
      }
      return result
    }, () => failed(command, "the emulator has closed"))
    return Waiting.within(
      driver,
      waiting,
      timeout,
      (core, time) => inVain(core, `the expected answer did not arrive within ${time}`)
    )
  }

  const isAnswered = (interaction: Interactions.Interaction) =>
    interaction.progress() === "deferred" || interaction.progress() === "answered"

  const watch = (command: string, userId: UserId, interaction: Interactions.Interaction): Command => {
    const read = (): ReadonlyArray<Reply> => interaction.messages().filter(({ isThinking }) => !isThinking).map(view)

    const until: Command["until"] = (find, { timeout } = {}) =>
      wait(command, interaction, () => {
        const found = find(read())
        return found === undefined ? undefined : { found }
      }, timeout)

    const next = (what: string, userId: UserId, f: () => Interactions.Begun) =>
      follow(`${command} (${what})`, userId, f)

    return {
      replies: driver.call(read),
      acknowledged: wait(command, interaction, () => isAnswered(interaction) ? { found: undefined } : undefined),
      reply: until((replies) => replies[0]),
      until,
      opened: driver.call(interaction.modal),
      modal: wait(command, interaction, () => {
        const found = interaction.modal()
        if (found !== undefined) return { found }
        return isAnswered(interaction) ? "the bot answered without a form" : undefined
      }),
      press: (customId, { user, values = [] } = {}) =>
        Effect.flatMap(
          user === undefined ? Effect.succeed({ id: userId }) : names.userOrNew({ name: user }),
          ({ id }) => next(customId, id, () => interaction.press(id, customId, values))
        ),
      submit: (values) =>
        next(interaction.modal()?.customId ?? "form", userId, () => interaction.submit(filled(values)))
    }
  }

  const follow = Effect.fnUntraced(function*(
    name: string,
    userId: UserId,
    f: (core: Core.Core) => Interactions.Begun
  ) {
    return watch(name, userId, yield* begin(name, f))
  })

  /** Finds the user, the bot and the place. */
  const find = Effect.fnUntraced(
    function*({ bot = "bot", channel = "lobby", direct = false, name, user = "guest" }: Omit<MenuOptions, "on">) {
      const { id: userId } = yield* names.userOrNew({ name: user })
      const { id: botId } = yield* names.users.find(bot)
      if (!direct) return { userId, botId, channelId: (yield* names.channels.find(channel)).id }
      const channelId = yield* driver.call((core) => userId === botId ? undefined : core.direct(userId, botId))
      if (channelId === undefined) return yield* failed(name, "a user cannot write direct messages to itself")
      return { userId, botId, channelId }
    }
  )

  const read = Effect.fnUntraced(function*(command: CommandOptions) {
    const { name, options: values = {} } = command
    const path = name.replace(/^\//, "").split(" ").filter((part) => part !== "")
    const given = Object.fromEntries(
      Object.entries(values).map(([option, value]) => [option, typeof value === "object" ? sent(value) : value])
    )
    return { ...yield* find(command), path, values: given }
  })

  const awaitCommand = Effect.fnUntraced(function*({ timeout = "30 seconds", ...options }: AwaitCommandOptions) {
    const { name } = options
    const where = { ...yield* find(options), name: name.replace(/^\//, "") }
    const there = Effect.gen(function*() {
      while ((yield* driver.call((core) => core.obstacle(where))) !== undefined) yield* Effect.sleep(lookMs)
    })
    const closed = Effect.flatMap(driver.closed, () => Effect.fail(failed(name, "the emulator has closed")))
    yield* Waiting.within(driver, Effect.raceFirst(there, closed), timeout, (core, time) => {
      const detail = core.obstacle(where)?.problem ?? "it became available too late"
      return failed(name, `it was not available within ${time}: ${detail}${Sighting.refused(core.lastRefusal())}`)
    })
  })

  return {
    awaitCommand,
    command: Effect.fnUntraced(function*(options) {
      const typed = yield* read(options)
      return yield* follow(options.name, typed.userId, (core) => core.type(typed))
    }),
    menu: Effect.fnUntraced(function*(options) {
      const { name, on } = options
      const where = yield* find(options)
      const target = "user" in on ? { user: (yield* names.users.find(on.user)).id } : on
      return yield* follow(name, where.userId, (core) => core.choose({ ...where, name, on: target }))
    }),
    follow,
    suggest: Effect.fnUntraced(function*({ focused, ...options }) {
      const typed = yield* read(options)
      const interaction = yield* begin(options.name, (core) => core.suggest({ ...typed, focused }))
      return yield* wait(options.name, interaction, () => {
        const found = interaction.choices()
        return found === undefined ? undefined : { found }
      })
    })
  }
}
