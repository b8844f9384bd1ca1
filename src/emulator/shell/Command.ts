/**
 * Somebody types a slash command or chooses one in a context menu, and sees what the bot says to it: suggestions, messages with buttons,
 * and forms.
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
 * A file that somebody sends.
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
 * With what is left out of a file.
 *
 * @category constructors
 * @since 0.1.0
 */
export const sent = (file: FileOptions): SentFile => ({ contentType: undefined, description: undefined, ...file })

/**
 * @category models
 * @since 0.1.0
 */
export interface CommandOptions {
  /** With those of a group and a subcommand, with spaces between them: "queue clear". */
  readonly name: string
  /** By name; a user or a channel is its id. A file is served as those of messages are, for as long as the bot can answer. */
  readonly options?: Readonly<Record<string, string | number | boolean | FileOptions>> | undefined
  /** Who types it: a name or id. One who is not known is created. Default "guest". */
  readonly user?: string | undefined
  /** Whose command it is. Default "bot". */
  readonly bot?: string | undefined
  /** Where it is typed: in a text channel, or in the text of a voice channel. Default "lobby". */
  readonly channel?: string | undefined
  /** Whether it is typed in the direct messages with the bot, and in no channel. Default false. */
  readonly direct?: boolean | undefined
}

/**
 * A command of a context menu.
 *
 * @category models
 * @since 0.1.0
 */
export interface MenuOptions {
  /** As it was registered, with its capitals and spaces. */
  readonly name: string
  /** On whom or on what it is chosen: a user by name or id, or a message of the channel by its id. */
  readonly on: { readonly user: string } | { readonly message: string }
  /** Who chooses it: a name or id. One who is not known is created. Default "guest". */
  readonly user?: string | undefined
  /** Whose command it is. Default "bot". */
  readonly bot?: string | undefined
  /** Where it is chosen. Default "lobby". */
  readonly channel?: string | undefined
  /** Whether it is chosen in the direct messages with the bot, and in no channel. Default false. */
  readonly direct?: boolean | undefined
}

/**
 * A command that a bot is going to have. `name` is that of a slash command or of one of a context menu, without those of subcommands.
 *
 * @category models
 * @since 0.1.0
 */
export interface AwaitCommandOptions extends Omit<MenuOptions, "on"> {
  /** How long to wait at most, on Effect's `Clock`. Default 30 seconds. */
  readonly timeout?: Duration.Input | undefined
}

/**
 * A command that is not typed to its end.
 *
 * @category models
 * @since 0.1.0
 */
export interface SuggestOptions extends CommandOptions {
  /** The option that is being typed; what there is of it stands among the `options`. */
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
  /** All its files, those that its embeds show among them. */
  readonly attachments: ReadonlyArray<Attachments.Attachment>
  /** Objects of Discord. */
  readonly embeds: ReadonlyArray<unknown>
  readonly components: ReadonlyArray<unknown>
  /** An object of Discord, where there is one. Nobody votes. */
  readonly poll?: unknown
  /** Whether nobody but who typed the command sees it. */
  readonly ephemeral: boolean
  readonly edited: boolean
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Command {
  /** What the bot has said so far and not deleted again, in order. "Is thinking" says nothing. */
  readonly replies: Effect.Effect<ReadonlyArray<Reply>>
  /**
   * Waits until the bot has said something, and gives the first of what it says. Fails with `CommandFailed` if it does not answer within
   * three seconds, or says no more than that it is thinking for a quarter of an hour, as Discord has it; and when the emulator closes.
   */
  readonly reply: Effect.Effect<Reply, EmulatorError>
  /** The form that the bot has opened for who began the interaction, if it has. */
  readonly opened: Effect.Effect<Modal | undefined>
  /** Waits until the bot has opened a form. Fails as `reply`, and when the bot has answered in another way. */
  readonly modal: Effect.Effect<Modal, EmulatorError>
  /** Waits until the bot has answered in any way, also that it is thinking, by changing a message or with a form. Fails as `reply`. */
  readonly acknowledged: Effect.Effect<void, EmulatorError>
  /**
   * Waits for what `find` looks for in the replies: for what a bot says later, or changes. Fails as `reply` and when it has not come in
   * time, and says what was there last; dies of what `find` throws.
   */
  readonly until: <A>(find: (replies: ReadonlyArray<Reply>) => A | undefined, options?: {
    /** How long to wait at most, on Effect's `Clock`. Default, and what Discord has: a quarter of an hour. */
    readonly timeout?: Duration.Input | undefined
  }) => Effect.Effect<A, EmulatorError>
  /**
   * Presses the button with this `custom_id`, or chooses `values` in such a menu. Fails with `CommandFailed` where there is none that
   * the user sees, or it is disabled.
   */
  readonly press: (customId: string, options?: {
    /** Who presses it. Default: who typed the command. */
    readonly user?: string | undefined
    readonly values?: ReadonlyArray<string> | undefined
  }) => Effect.Effect<Command, EmulatorError>
  /**
   * Sends the form that the bot has opened, with `values` by the `custom_id` of its inputs: a text for a text input and for radio
   * buttons, true or false for a checkbox, a list for all else; users, channels and roles are ids, files as in a command. What is left out is as the bot has filled it
   * in. Fails with `CommandFailed` where there is no form, Discord would not let anybody send it, or it was sent before.
   */
  readonly submit: (values: ModalValues) => Effect.Effect<Command, EmulatorError>
}

/**
 * What somebody fills into a form, by the `custom_id` of the input.
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
 * What a message shows besides its text, with the addresses of files that it names.
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

/** How often is looked whether a bot has a command, in milliseconds. */
const lookMs = 10

/**
 * What somebody at the keyboard of a client can do.
 *
 * @category models
 * @since 0.1.0
 */
export interface Keyboard {
  readonly command: (options: CommandOptions) => Effect.Effect<Command, EmulatorError>
  readonly menu: (options: MenuOptions) => Effect.Effect<Command, EmulatorError>
  readonly suggest: (options: SuggestOptions) => Effect.Effect<ReadonlyArray<Choice>, EmulatorError>
  readonly awaitCommand: (options: AwaitCommandOptions) => Effect.Effect<void, EmulatorError>
  /** Begins an interaction in another way; `name` is what errors call it. */
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
      // a program that was refused something may have ended of it, and have told nobody
      const why = begun.isAway === true ? Sighting.refused(yield* driver.call((core) => core.lastRefusal())) : ""
      return yield* failed(command, `${begun.problem}${why}`)
    }
    yield* shell.settle("first")
    return begun
  })

  /** Waits for what `find` looks for after each thing that the bot does; a text is why it will not come any more. */
  const wait = <A>(
    command: string,
    interaction: Interactions.Interaction,
    find: () => { readonly found: A } | string | undefined,
    timeout: Duration.Input = thinking
  ): Effect.Effect<A, EmulatorError> => {
    const inVain = (core: Core.Core, detail: string) => {
      const modal = interaction.modal()
      const opened = modal === undefined ? "" : `; it has opened the form "${modal.customId}"`
      const seen = Sighting.told(interaction.messages(), core.lastRefusal(), names.users.nameOf)
      return failed(command, `${detail}${opened}; ${seen}`)
    }
    const waiting = Waiting.until(driver, () => interaction.watch, (core) => {
      const result = find()
      if (typeof result === "string") return { failure: inVain(core, result) }
      if (result === undefined && interaction.progress() === "expired") {
        return { failure: inVain(core, "the bot has not answered within three seconds") }
      }
      return result
    }, () => failed(command, "the emulator has closed"))
    return Waiting.within(
      driver,
      waiting,
      timeout,
      (core, time) => inVain(core, `the bot has not said it within ${time}`)
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
        return isAnswered(interaction) ? "the bot has answered without a form" : undefined
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

  /** Who asks which bot, and where. */
  const find = Effect.fnUntraced(
    function*({ bot = "bot", channel = "lobby", direct = false, name, user = "guest" }: Omit<MenuOptions, "on">) {
      const { id: userId } = yield* names.userOrNew({ name: user })
      const { id: botId } = yield* names.users.find(bot)
      if (!direct) return { userId, botId, channelId: (yield* names.channels.find(channel)).id }
      const channelId = yield* driver.call((core) => userId === botId ? undefined : core.direct(userId, botId))
      if (channelId === undefined) return yield* failed(name, "nobody writes to itself")
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
      const detail = core.obstacle(where)?.problem ?? "it came too late"
      return failed(name, `waited ${time} for it: ${detail}${Sighting.refused(core.lastRefusal())}`)
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
