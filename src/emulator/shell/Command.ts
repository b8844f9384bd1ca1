/**
 * Somebody types a slash command, and sees what the bot says to it.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type { ChannelId, UserId } from "../../protocol/Identifier.ts"
import type * as Core from "../core/Core.ts"
import { CommandFailed, type EmulatorError, make as makeError } from "./EmulatorError.ts"
import type { Names } from "./Names.ts"
import type { Shell } from "./Shell.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface CommandOptions {
  /** With those of a group and a subcommand, with spaces between them: "queue clear". */
  readonly name: string
  /** By name; a user or a channel is its id. */
  readonly options?: Readonly<Record<string, string | number | boolean>> | undefined
  /** Who types it: a name or id. One who is not known is created. Default "guest". */
  readonly user?: string | undefined
  /** Whose command it is. Default "bot". */
  readonly bot?: string | undefined
  /** Where it is typed: in the text of a voice channel. Default "lobby". */
  readonly channel?: string | undefined
}

/**
 * A message of the bot, as it is now.
 *
 * @category models
 * @since 0.1.0
 */
export interface Reply {
  readonly content: string
  /** Objects of Discord. */
  readonly embeds: ReadonlyArray<unknown>
  readonly components: ReadonlyArray<unknown>
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
  /** Waits until the bot has answered in any way, also that it is thinking, or by changing a message. Fails as `reply`. */
  readonly acknowledged: Effect.Effect<void, EmulatorError>
  /** Waits for what `find` looks for in the replies: for what a bot says later, or changes. Fails as `reply`; dies of what `find` throws. */
  readonly until: <A>(find: (replies: ReadonlyArray<Reply>) => A | undefined) => Effect.Effect<A, EmulatorError>
  /**
   * Presses the button with this `custom_id`, or chooses `values` in such a menu. Fails with `CommandFailed` where there is none that
   * the user sees, or it is disabled.
   */
  readonly press: (customId: string, options?: {
    /** Who presses it. Default: who typed the command. */
    readonly user?: string | undefined
    readonly values?: ReadonlyArray<string> | undefined
  }) => Effect.Effect<Command, EmulatorError>
}

const thinkingMs = 15 * 60_000

type Begun = Exclude<ReturnType<Core.Core["type"]>, { readonly problem: string }>

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (shell: Pick<Shell, "driver" | "settle">, names: {
  readonly userOrNew: (options: { readonly name: string }) => Effect.Effect<{ readonly id: UserId }, EmulatorError>
  readonly users: Pick<Names<{ readonly id: UserId }>, "find">
  readonly channels: Pick<Names<{ readonly id: ChannelId }>, "find">
}): (options: CommandOptions) => Effect.Effect<Command, EmulatorError> => {
  const { driver } = shell

  const failed = (command: string, detail: string) => makeError(new CommandFailed({ command, detail }))

  const begin = Effect.fnUntraced(function*(
    command: string,
    userId: UserId,
    f: (core: Core.Core) => Begun | { readonly problem: string }
  ) {
    const begun = yield* driver.call(f)
    if ("problem" in begun) return yield* failed(command, begun.problem)
    yield* shell.settle("first")
    return watch(command, userId, begun)
  })

  const watch = (command: string, userId: UserId, interaction: Begun): Command => {
    const read = (): ReadonlyArray<Reply> =>
      interaction.messages().filter(({ isThinking }) => !isThinking).map((
        { components, content, embeds, isEdited, isEphemeral }
      ) => ({ content, embeds, components, ephemeral: isEphemeral, edited: isEdited }))

    const until: Command["until"] = <A>(find: (replies: ReadonlyArray<Reply>) => A | undefined) =>
      Effect.callback<A, EmulatorError>((resume) => {
        let unwatch: (() => void) | undefined
        const end = (effect: Effect.Effect<A, EmulatorError>) => {
          unwatch?.()
          resume(effect)
        }
        const look = () => {
          try {
            const found = find(read())
            if (found !== undefined) end(Effect.succeed(found))
            else if (interaction.progress() === "expired") {
              end(Effect.fail(failed(command, "the bot has not answered within three seconds")))
            }
          } catch (cause) {
            // it runs inside of the bot's request, and is no fault of the emulator's
            end(Effect.die(cause))
          }
        }
        driver.run(() => {
          unwatch = interaction.watch(look)
          look()
        })
        return Effect.sync(() => unwatch?.())
      }).pipe(
        Effect.raceFirst(Effect.flatMap(driver.closed, () => Effect.fail(failed(command, "the emulator has closed")))),
        Effect.timeoutOrElse({
          duration: thinkingMs,
          orElse: () => Effect.fail(failed(command, "the bot has not said it within a quarter of an hour"))
        })
      )

    return {
      replies: driver.call(read),
      acknowledged: until(() =>
        interaction.progress() === "deferred" || interaction.progress() === "answered" || undefined
      )
        .pipe(Effect.asVoid),
      reply: until((replies) => replies[0]),
      until,
      press: (customId, { user, values = [] } = {}) =>
        Effect.flatMap(
          user === undefined ? Effect.succeed({ id: userId }) : names.userOrNew({ name: user }),
          ({ id }) => begin(`${command} (${customId})`, id, () => interaction.press(id, customId, values))
        )
    }
  }

  return Effect.fnUntraced(function*({ bot = "bot", channel = "lobby", name, options = {}, user = "guest" }) {
    const { id: userId } = yield* names.userOrNew({ name: user })
    const { id: botId } = yield* names.users.find(bot)
    const { id: channelId } = yield* names.channels.find(channel)
    const path = name.replace(/^\//, "").split(" ").filter((part) => part !== "")
    return yield* begin(name, userId, (core) => core.type({ userId, botId, channelId, path, values: options }))
  })
}
