/**
 * How a bot answers an interaction over REST (Discord docs, Interactions: Receiving and Responding).
 *
 * @since 0.1.0
 */
import * as Body from "../http/Body.ts"
import { invalidForm, noChoice } from "../http/FormProblems.ts"
import {
  type ByToken,
  emptyMessage,
  error,
  invalidToken,
  nothing,
  ok,
  type RestResponse,
  unknownChannel,
  unknownMessage,
  unknownWebhook,
  wrongMethod
} from "../http/RestAnswer.ts"
import type * as Message from "../messages/Message.ts"
import type { Messages } from "../messages/Messages.ts"
import type * as Places from "../messages/Places.ts"
import * as Sent from "../messages/Sent.ts"
import type { Json } from "../objects/DiscordObject.ts"
import * as Choices from "./Choices.ts"
import * as InteractionEntry from "./InteractionEntry.ts"
import type { Entry } from "./InteractionEntry.ts"
import * as Modal from "./Modal.ts"

/** The kinds of callback (Discord docs, Interaction Callback Type). */
const callback = { message: 4, thinking: 5, silently: 6, update: 7, choices: 8, modal: 9 } as const

const wrongKind = invalidForm(noChoice("type", Object.values(callback)))
const unknownInteraction = error(404, 10062, "Unknown interaction")
const acknowledged = error(400, 40060, "Interaction has already been acknowledged.")

/**
 * Answers requests under `/interactions` and `/webhooks`. `find` returns the interaction of a token; `isThere` tells whether
 * its channel still exists.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  messages: Messages,
  find: (token: string) => Entry | undefined,
  isThere: (where: Places.Where) => boolean
): ByToken => {
  const say = (entry: Entry, sent: Sent.Sent, isThinking = false): Message.Message => {
    const { bot: author, user, where } = entry
    const message = messages.make(
      { author, where, isThinking, interaction: { id: entry.id, type: entry.type, user, on: entry.on } },
      sent
    )
    entry.messages.push(message)
    messages.add(message)
    InteractionEntry.become(entry, isThinking ? "deferred" : "answered")
    return message
  }

  const edit = (entry: Entry, message: Message.Message, sent: Sent.Sent): RestResponse => {
    const problem = messages.edit(message, sent)
    if (problem !== undefined) return problem
    InteractionEntry.become(entry, "answered")
    return ok(messages.json(message, message.author.id))
  }

  /** Handles suggestions. Returns `false` for something that is not an answer to a user who is typing. */
  const answerTyping = (entry: Entry, { data, type: kind }: Json): boolean => {
    const choices = kind === callback.choices ? Choices.read(data) : undefined
    entry.choices = choices
    if (choices !== undefined) InteractionEntry.become(entry, "answered")
    return choices !== undefined
  }

  const answer = (entry: Entry, { body, files }: Sent.Sent, wantsResponse: boolean): RestResponse => {
    if (entry.progress === "expired") return unknownInteraction
    if (entry.progress !== "waiting") return acknowledged
    const { data, type: kind } = body
    if (entry.type === InteractionEntry.types.typing) {
      if (answerTyping(entry, body)) return nothing
      return kind === callback.choices ? invalidForm(...Choices.problemsOf(data)) : wrongKind
    }
    const content: Sent.Sent = { body: typeof data === "object" ? { ...data } : {}, files }
    const before = kind === callback.update ? entry.pressed : undefined
    // the content of a form is not part of a message
    const problem = kind === callback.modal ? undefined : Sent.problemOf(content, { ...before, path: "data." })
    if (problem !== undefined) return problem
    let message: Message.Message | undefined
    if (kind === callback.message) {
      if (!Sent.saysSomething(content)) return emptyMessage
      message = entry.original = say(entry, content)
    } else if (kind === callback.thinking) {
      // only the flags count: the content follows later
      message = entry.original = say(entry, { body: { flags: content.body["flags"] }, files: [] }, true)
    } else if (kind === callback.silently && entry.pressed !== undefined) {
      entry.original = entry.pressed
      InteractionEntry.become(entry, "deferred")
    } else if (kind === callback.update && entry.pressed !== undefined) {
      if (entry.pressed.isDeleted) return unknownMessage
      const edited = edit(entry, entry.pressed, content)
      if (edited.status !== 200) return edited
      message = entry.original = entry.pressed
    } else if (kind === callback.modal && entry.type !== InteractionEntry.types.modal) {
      const modal = Modal.read(data)
      if (modal === undefined) return invalidForm(...Modal.problemsOf(data))
      entry.modal = modal
      InteractionEntry.become(entry, "answered")
    } else return wrongKind
    if (!wantsResponse) return nothing
    return ok({
      interaction: {
        id: entry.id,
        type: entry.type,
        ...(message === undefined ? {} : {
          response_message_id: message.id,
          response_message_loading: message.isThinking,
          response_message_ephemeral: message.isEphemeral
        })
      },
      ...(message === undefined ? {} : { resource: { type: kind, message: messages.json(message, message.author.id) } })
    })
  }

  /** Handles what follows the first answer: edits, deletions and more messages. */
  const follow = (entry: Entry, method: string, id: string | undefined, sent: Sent.Sent): RestResponse => {
    const isAnswered = entry.progress === "deferred" || entry.progress === "answered"
    if (!isAnswered || entry.type === InteractionEntry.types.typing) return unknownWebhook
    const message = id === "@original" ? entry.original : entry.messages.find((one) => one.id === id)
    const problem = Sent.problemOf(sent, method === "PATCH" ? message : {})
    if (problem !== undefined) return problem
    if (id === undefined) {
      if (method !== "POST") return wrongMethod
      if (!Sent.saysSomething(sent)) return emptyMessage
      const { original } = entry
      // the first message after "is thinking" replaces it: it is not a new message (Discord docs, Create Followup Message)
      if (original?.isThinking === true && !original.isDeleted) return edit(entry, original, sent)
      return ok(messages.json(say(entry, sent), entry.bot.id))
    }
    if (message === undefined || message.isDeleted) return unknownMessage
    switch (method) {
      case "GET":
        return ok(messages.json(message, message.author.id))
      case "PATCH":
        return edit(entry, message, sent)
      case "DELETE":
        messages.remove(message)
        return nothing
      default:
        return wrongMethod
    }
  }

  return (method, path, query, body) => {
    const [, root, owner, token, what, id] = path.split("/")
    const isCallback = root === "interactions" && what === "callback"
    const isMessage = root === "webhooks" && (what === undefined || (what === "messages" && id !== undefined))
    if (token === undefined || (!isCallback && !isMessage)) return undefined
    if (isCallback && method !== "POST") return wrongMethod
    const entry = find(token)
    if (entry === undefined || (isCallback ? entry.id : entry.bot.id) !== owner) {
      return isCallback ? unknownInteraction : invalidToken
    }
    if (!isThere(entry.where)) return unknownChannel
    // not parsed before it is known that the bot may send it
    const sent = Sent.parse(body)
    if ("status" in sent) return sent
    if (!isCallback) return follow(entry, method, id, sent)
    return answer(entry, sent, Body.isYes(new URLSearchParams(query).get("with_response")))
  }
}
