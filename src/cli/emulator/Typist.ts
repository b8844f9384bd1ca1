/**
 * Slash commands that a program lets somebody type, and those of context menus: each has a number, by which its buttons are pressed, its form is sent and its
 * replies are read.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Emulator from "../../emulator/Emulator.ts"

/**
 * What is known of a command: its number, the bot's messages, and the form that it has opened.
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
 * Each waits for `timeoutMs` at most and gives what there is by then; where the bot has not answered in Discord's time, it fails.
 *
 * @category models
 * @since 0.1.0
 */
export interface Typist {
  readonly type: (options: Emulator.CommandOptions, timeoutMs: number) => Effect.Effect<Typed, Emulator.EmulatorError>
  /** In a context menu. */
  readonly choose: (options: Emulator.MenuOptions, timeoutMs: number) => Effect.Effect<Typed, Emulator.EmulatorError>
  /**
   * In the replies to a command, or in a channel. `undefined` for a number that no command has, or one that was forgotten, as `read`.
   */
  readonly press: (
    where: number | Emulator.Chat,
    customId: string,
    options: { readonly user?: string | undefined; readonly values?: ReadonlyArray<string> | undefined },
    timeoutMs: number
  ) => Effect.Effect<Typed | undefined, Emulator.EmulatorError>
  /** Sends the form that was opened; `undefined` as `press`. */
  readonly submit: (
    command: number,
    values: Emulator.ModalValues,
    timeoutMs: number
  ) => Effect.Effect<Typed | undefined, Emulator.EmulatorError>
  /** With `text`, waits until one of the replies has it, and fails where none has it in time. */
  readonly read: (
    command: number,
    text: string | undefined,
    timeoutMs: number
  ) => Effect.Effect<Typed | undefined, Emulator.EmulatorError>
}

/** A bot can answer for so long: nothing new comes to the replies of a command that is older. In milliseconds. */
const answeredMs = 15 * 60_000

/** Buttons can be pressed for as long as they are there, so that the last that were used stay known. */
const keptLonger = 100

/**
 * A command is forgotten a quarter of an hour after it was typed or used last, unless it is among the last 100.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (discord: Pick<Emulator.Emulator["Service"], "command" | "menu">): Typist => {
  /** By number; who was used last is last. */
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
    // a form is an answer, too; all else than one is waited for
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
