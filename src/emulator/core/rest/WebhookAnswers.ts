/**
 * What anybody can do with a webhook whose token is known: write with it, and edit and delete the messages (Discord docs,
 * Resources, Webhook).
 *
 * @since 0.1.0
 */
import { UserId } from "../../../protocol/Identifier.ts"
import * as Webhooks from "../guilds/Webhooks.ts"
import * as Body from "../http/Body.ts"
import { invalidForm } from "../http/FormProblems.ts"
import {
  type ByToken,
  emptyMessage,
  invalidJson,
  invalidToken,
  nothing,
  ok,
  type RestResponse,
  unknownChannel,
  unknownMessage,
  unknownWebhook,
  wrongMethod
} from "../http/RestAnswer.ts"
import type { Messages } from "../messages/Messages.ts"
import * as Places from "../messages/Places.ts"
import * as Sent from "../messages/Sent.ts"
import type * as World from "../World.ts"
import { type May, refusalToChange, refusalToWrite } from "./PlaceRoutes.ts"
import * as WebhookForm from "./WebhookForm.ts"

/**
 * Answers requests under `/webhooks/id/token` for webhooks of channels. Answers to interactions, which have the id of a bot
 * there, are not handled here.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (world: World.World, webhooks: Webhooks.Webhooks, messages: Messages): ByToken => {
  /** Where it writes: in its channel, or in a thread of that. */
  const placeOf = (webhook: World.Webhook, threadId: string | null): Places.Where | undefined => {
    const where = Places.find(world, threadId ?? webhook.channelId)
    if (where?.guild === undefined) return undefined
    return threadId === null || where.channel.parentId === webhook.channelId ? where : undefined
  }

  /** The author with the name of the moment, who is otherwise unknown. */
  const authorOf = (webhook: World.Webhook, username: unknown): World.User => ({
    // Ids from the counter are decimal, as the brand requires.
    id: UserId.make(webhook.id),
    name: typeof username === "string" && username !== "" ? username : webhook.name,
    bot: true,
    token: "",
    moderator: false,
    privilegedIntents: false
  })

  /** It may do everything except what moderators may do. */
  const may: May = (permission) => permission !== "MANAGE_THREADS"

  const write = (webhook: World.Webhook, where: Places.Where, sent: Sent.Sent, waits: boolean): RestResponse => {
    const { username } = sent.body
    const problems = WebhookForm.problemsOf("username", username)
    if (problems.length > 0) return invalidForm(...problems)
    const refusal = refusalToWrite(where, may)
    if (refusal !== undefined) return refusal
    const problem = Sent.problemOf(sent) ?? (Sent.saysSomething(sent) ? undefined : emptyMessage)
    if (problem !== undefined) return problem
    const message = messages.make({ author: authorOf(webhook, username), where, webhook }, sent)
    messages.add(message)
    return waits ? ok(messages.json(message, webhook.creator.id)) : nothing
  }

  const change = (webhook: World.Webhook, where: Places.Where, id: string, method: string, sent: Sent.Sent) => {
    const message = messages.of(where.channel.id).find((one) => one.id === id && one.webhook === webhook)
    if (message === undefined) return unknownMessage
    switch (method) {
      case "GET":
        return ok(messages.json(message, webhook.creator.id))
      case "PATCH":
        return refusalToChange(where, may) ?? Sent.problemOf(sent, message) ?? messages.edit(message, sent) ??
          ok(messages.json(message, webhook.creator.id))
      case "DELETE":
        messages.remove(message)
        return nothing
      default:
        return wrongMethod
    }
  }

  /** The webhook itself, as seen by a client that knows its token. */
  const ofItself = (webhook: World.Webhook, method: string, text: string | Uint8Array | undefined): RestResponse => {
    if (method === "DELETE") {
      webhooks.remove(webhook)
      return nothing
    }
    if (method === "PATCH") {
      const body = Body.parse(typeof text === "string" ? text : new TextDecoder().decode(text))
      if (!Body.isObject(body)) return invalidJson
      const form = WebhookForm.read(body, false)
      if ("status" in form) return form
      webhooks.change(webhook, form)
    } else if (method !== "GET") return wrongMethod
    return ok(Webhooks.json(webhook, false))
  }

  return (method, path, query, body) => {
    const [, root, id = "", token, what, messageId, ...more] = path.split("/")
    const isOfMessage = what === "messages" && messageId !== undefined
    if (root !== "webhooks" || token === undefined || more.length > 0 || (what !== undefined && !isOfMessage)) {
      return undefined
    }
    const webhook = world.webhooks.get(id)
    if (webhook === undefined) {
      return Array.from(world.users.keys()).some((userId) => userId === id) ? undefined : unknownWebhook
    }
    if (webhook.token !== token) return invalidToken
    if (messageId === undefined && method !== "POST") return ofItself(webhook, method, body)
    const asked = new URLSearchParams(query)
    const where = placeOf(webhook, asked.get("thread_id"))
    if (where === undefined) return unknownChannel
    const sent = Sent.parse(body)
    if ("status" in sent) return sent
    return messageId === undefined
      ? write(webhook, where, sent, Body.isYes(asked.get("wait")))
      : change(webhook, where, messageId, method, sent)
  }
}
