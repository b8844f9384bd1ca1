/**
 * Slash commands and context menu commands that a program uses in the name of users. Each has a number, with which its buttons
 * are pressed, its form is submitted and its replies are read.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Emulator from "../../emulator/Emulator.ts"

/**
 * The state of a command: its number, the bot's messages, and the form that the bot has opened.
 *
 * @category models
 * @since 0.1.0
 */
export type Typed = {
  readonly command: number
  readonly replies: ReadonlyArray<Emulator.Reply>
  readonly modal?: Emulator.Modal
}

/**
 * Each function waits for at most `timeoutMs` and returns the state by then. If the bot has not answered in Discord's time, it
 * fails.
 *
 * @category models
 * @since 0.1.0
 */
export interface Typist {
  readonly type: (options: Emulator.CommandOptions, timeoutMs: number) => Effect.Effect<Typed, Emulator.EmulatorError>
  /** Chooses a command in a context menu. */
  readonly choose: (options: Emulator.MenuOptions, timeoutMs: number) => Effect.Effect<Typed, Emulator.EmulatorError>
  /**
   * Presses a button in the replies to a command, or in a channel. `undefined` for a number that no command has, or that was
   * forgotten, like `read`.
   */
  readonly press: (
    where: number | Emulator.Chat,
    customId: string,
    options: { readonly user?: string | undefined; readonly values?: ReadonlyArray<string> | undefined },
    timeoutMs: number
  ) => Effect.Effect<Typed | undefined, Emulator.EmulatorError>
  /** Submits the form that was opened. `undefined` like `press`. */
  readonly submit: (
    command: number,
    values: Emulator.ModalValues,
    timeoutMs: number
  ) => Effect.Effect<Typed | undefined, Emulator.EmulatorError>
  /** Reads the replies. With `text`, waits until one of the replies contains it, and fails if none does in time. */
  readonly read: (
    command: number,
    text: string | undefined,
    timeoutMs: number
  ) => Effect.Effect<Typed | undefined, Emulator.EmulatorError>
}

/** How long a bot can answer: the replies of an older command do not change. In milliseconds. */
const answeredMs = 15 * 60_000

/** Buttons can be pressed for as long as they exist, so the commands that were used last are kept longer. */
const keptLonger = 100

/**
 * Makes a typist. A command is forgotten a quarter of an hour after it was typed or last used, unless it is among the last 100.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (discord: Pick<Emulator.Emulator["Service"], "command" | "menu">): Typist => {
  /** By number; the last one was used last. */
  const commands = new Map<number, { readonly command: Emulator.Command; readonly usedMs: number }>()
  let count = 0

  const use = (number: number, command: Emulator.Command) =>
    Effect.map(Clock.monotonicTimeNanos, (nanos) => {
      const usedMs = Number(nanos) / 1_000_000
      commands.delete(number)
      commands.set(number, { command, usedMs })
      for (const [oldest, used] of commands) {
        if (commands.size <= keptLonger || usedMs - used.usedMs < answeredMs) break
        commands.delete(oldest)
      }
    })

  const known = (command: Emulator.Command) => {
    const number = ++count
    return Effect.as(use(number, command), number)
  }

  const find = Effect.fnUntraced(function*(number: number) {
    const command = commands.get(number)?.command
    if (command !== undefined) yield* use(number, command)
    return command
  })

  const found = Effect.fnUntraced(function*(number: number, command: Emulator.Command) {
    const modal = yield* command.opened
    const replies = yield* command.replies
    if (modal === undefined) return { command: number, replies }
    return { command: number, replies, modal }
  })

  const within = (wait: Effect.Effect<unknown, Emulator.EmulatorError>, timeoutMs: number) =>
    Effect.timeoutOption(wait, timeoutMs)

  const follow = Effect.fnUntraced(function*(
    begin: Effect.Effect<Emulator.Command, Emulator.EmulatorError>,
    timeoutMs: number
  ) {
    const command = yield* begin
    const number = yield* known(command)
    yield* within(command.acknowledged, timeoutMs)
    return yield* found(number, command)
  })

  const answered = Effect.fnUntraced(function*(
    begin: Effect.Effect<Emulator.Command, Emulator.EmulatorError>,
    timeoutMs: number
  ) {
    const command = yield* begin
    const number = yield* known(command)
    // a form is an answer, too; other answers are waited for
    const form = Effect.catch(command.modal, () => Effect.never)
    yield* within(Effect.raceFirst(command.reply, form), timeoutMs)
    return yield* found(number, command)
  })

  return {
    type: (options, timeoutMs) => answered(discord.command(options), timeoutMs),
    choose: (options, timeoutMs) => answered(discord.menu(options), timeoutMs),
    press: Effect.fnUntraced(function*(where, customId, options, timeoutMs) {
      const place = typeof where === "number" ? yield* find(where) : where
      return place && (yield* follow(place.press(customId, options), timeoutMs))
    }),
    submit: Effect.fnUntraced(function*(number, values, timeoutMs) {
      const command = yield* find(number)
      return command && (yield* follow(command.submit(values), timeoutMs))
    }),
    read: Effect.fnUntraced(function*(number, text, timeoutMs) {
      const command = yield* find(number)
      if (command === undefined) return undefined
      if (text !== undefined) {
        yield* command.until(
          (replies) => replies.some(({ content }) => content.includes(text)) ? true : undefined,
          { timeout: timeoutMs }
        )
      }
      return yield* found(number, command)
    })
  }
}
