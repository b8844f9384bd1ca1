/**
 * The orders about text: commands, buttons, forms and messages.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as Emulator from "../../emulator/Emulator.ts"
import type { Order } from "./Order.ts"
import { OrderFailed } from "./OrderFailed.ts"
import * as Typist from "./Typist.ts"
import * as Upload from "./Upload.ts"

/**
 * How long an order waits by default, in milliseconds.
 *
 * @category constants
 * @since 0.1.0
 */
export const patienceMs = 10_000

/** The user of direct messages is also the one who acts in them. */
const inDirect = <A extends { readonly direct?: string; readonly user?: string }>({ direct, ...order }: A) =>
  direct === undefined ? { ...order, direct: false } : { ...order, user: direct, direct: true }

const saysIn = (messages: ReadonlyArray<{ readonly content: string }>, text: string): boolean =>
  messages.some(({ content }) => content.includes(text))

/** Whether one id is later than another. Ids are decimal numbers that are too large to compare as numbers. */
const isLater = (id: string, other: string): boolean =>
  id.length === other.length ? id > other : id.length > other.length

/**
 * Makes the functions that execute these orders in an emulator.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (discord: Emulator.Emulator["Service"]) => {
  const typist = Typist.make(discord)

  const ofCommand = <E>(command: number, typed: Effect.Effect<Typist.Typed | undefined, E>) =>
    Effect.filterOrFail(
      typed,
      (found) => found !== undefined,
      () => new OrderFailed({ detail: `No command has the number ${command}, or it was forgotten.` })
    )

  const chatOf = (where: { readonly channel?: string; readonly direct?: string }) =>
    where.direct === undefined ? discord.chat(where.channel) : discord.direct({ user: where.direct })

  const press = Effect.fnUntraced(function*(order: Extract<Order, { readonly do: "press" }>) {
    const { command, customId, timeoutMs = patienceMs } = order
    const where = command ?? (yield* chatOf(order))
    return yield* ofCommand(command ?? 0, typist.press(where, customId, order, timeoutMs))
  })

  const command = Effect.fnUntraced(function*(order: Extract<Order, { readonly do: "command" }>) {
    // the `options` of the order are those of the command
    const { files = {}, options, timeoutMs = patienceMs, ...named } = inDirect(order)
    const read = yield* Effect.forEach(
      Object.entries(files),
      ([option, path]) => Effect.map(Upload.read(path), (file) => [option, file] as const)
    )
    return yield* typist.type({ ...named, options: { ...options, ...Object.fromEntries(read) } }, timeoutMs)
  })

  const submit = Effect.fnUntraced(function*(order: Extract<Order, { readonly do: "submit" }>) {
    const { command, files = {}, timeoutMs = patienceMs, values } = order
    const read = yield* Effect.forEach(
      Object.entries(files),
      ([input, paths]) => Effect.map(Effect.forEach(paths, Upload.read), (sent) => [input, sent] as const)
    )
    return yield* ofCommand(command, typist.submit(command, { ...values, ...Object.fromEntries(read) }, timeoutMs))
  })

  const write = Effect.fnUntraced(function*(order: Extract<Order, { readonly do: "write" }>) {
    const { content, files: paths = [], replyTo, user } = order
    const chat = yield* chatOf(order)
    const files = yield* Effect.forEach(paths, Upload.read)
    const { id } = yield* chat.write(content, { files, replyTo, user })
    return { message: id }
  })

  const withText = <A>(text: string | undefined, wait: Effect.Effect<A, Emulator.EmulatorError>) =>
    Effect.mapError(
      wait,
      (error) =>
        text === undefined ? error : new OrderFailed({ detail: `Nothing has the text "${text}". ${error.message}` })
    )

  /** The messages in a channel, immediately or when one of them contains a text. */
  const messages = Effect.fnUntraced(function*(order: Extract<Order, { readonly do: "messages" }>) {
    const { after = "0", text, timeoutMs = patienceMs, user } = order
    const chat = yield* chatOf(order)
    const isWanted = (message: Emulator.ChatMessage) =>
      isLater(message.id, after) && (user === undefined || message.user === user || message.userId === user)
    if (text === undefined) return (yield* chat.messages).filter(isWanted)
    return yield* withText(
      text,
      chat.until((all) => {
        const wanted = all.filter(isWanted)
        return saysIn(wanted, text) ? wanted : undefined
      }, { timeout: timeoutMs })
    )
  })

  const replies = (order: Extract<Order, { readonly do: "replies" }>) =>
    ofCommand(
      order.command,
      withText(order.text, typist.read(order.command, order.text, order.timeoutMs ?? patienceMs))
    )

  return {
    command,
    menu: (order: Extract<Order, { readonly do: "menu" }>) =>
      typist.choose(inDirect(order), order.timeoutMs ?? patienceMs),
    awaitCommand: ({ timeoutMs, ...order }: Extract<Order, { readonly do: "awaitCommand" }>) =>
      discord.awaitCommand({ ...inDirect(order), timeout: timeoutMs ?? patienceMs }),
    press,
    submit,
    write,
    react: (order: Extract<Order, { readonly do: "react" }>) =>
      Effect.flatMap(chatOf(order), (chat) => chat.react(order.message, order.emoji, order)),
    messages,
    suggest: (order: Extract<Order, { readonly do: "suggest" }>) => discord.suggest(inDirect(order)),
    replies
  }
}
