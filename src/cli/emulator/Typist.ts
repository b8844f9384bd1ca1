/**
 * Slash commands that a program lets somebody type: each has a number, by which its buttons are pressed and its replies are read.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as Emulator from "../../emulator/Emulator.ts"

/**
 * What is known of a command: its number, and the bot's messages.
 *
 * @category models
 * @since 0.1.0
 */
export type Typed = {
  readonly command: number
  readonly replies: ReadonlyArray<Emulator.Reply>
}

/**
 * Each waits for `timeoutMs` at most and gives what there is by then; where the bot has not answered in Discord's time, it fails.
 *
 * @category models
 * @since 0.1.0
 */
export interface Typist {
  readonly type: (options: Emulator.CommandOptions, timeoutMs: number) => Effect.Effect<Typed, Emulator.EmulatorError>
  /** `undefined` for a number that no command has, as `read`. */
  readonly press: (
    command: number,
    customId: string,
    options: { readonly user?: string | undefined; readonly values?: ReadonlyArray<string> | undefined },
    timeoutMs: number
  ) => Effect.Effect<Typed | undefined, Emulator.EmulatorError>
  /** With `text`, waits until one of the replies has it. */
  readonly read: (
    command: number,
    text: string | undefined,
    timeoutMs: number
  ) => Effect.Effect<Typed | undefined, Emulator.EmulatorError>
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (discord: Pick<Emulator.Emulator["Service"], "command">): Typist => {
  const commands: Array<Emulator.Command> = []

  const known = (command: Emulator.Command) => commands.push(command)

  const found = Effect.fnUntraced(function*(number: number, command: Emulator.Command) {
    return { command: number, replies: yield* command.replies }
  })

  const within = (wait: Effect.Effect<unknown, Emulator.EmulatorError>, timeoutMs: number) =>
    Effect.timeoutOption(wait, timeoutMs)

  return {
    type: Effect.fnUntraced(function*(options, timeoutMs) {
      const command = yield* discord.command(options)
      const number = known(command)
      yield* within(command.reply, timeoutMs)
      return yield* found(number, command)
    }),
    press: Effect.fnUntraced(function*(number, customId, options, timeoutMs) {
      const command = commands[number - 1]
      if (command === undefined) return undefined
      const pressed = yield* command.press(customId, options)
      const own = known(pressed)
      yield* within(pressed.acknowledged, timeoutMs)
      return yield* found(own, pressed)
    }),
    read: Effect.fnUntraced(function*(number, text, timeoutMs) {
      const command = commands[number - 1]
      if (command === undefined) return undefined
      if (text !== undefined) {
        yield* within(
          command.until((replies) => replies.some(({ content }) => content.includes(text)) ? true : undefined),
          timeoutMs
        )
      }
      return yield* found(number, command)
    })
  }
}
