/**
 * Reactions to messages, over REST (Discord docs, Resources, Message).
 *
 * @since 0.1.0
 */
import { invalidForm, limitIn } from "../http/FormProblems.ts"
import { error, nothing, ok, type RestResponse } from "../http/RestAnswer.ts"
import * as Emoji from "../messages/Emoji.ts"
import type * as Message from "../messages/Message.ts"
import type { Messages } from "../messages/Messages.ts"
import * as DiscordObject from "../objects/DiscordObject.ts"
import { compare } from "../Snowflakes.ts"
import type * as World from "../World.ts"
import { forbidden, type InMessage, isArchived, type May, threadArchived } from "./PlaceRoutes.ts"
import * as RestRoute from "./RestRoute.ts"

const unknownEmoji = error(400, 10014, "Unknown Emoji")
const tooMany = error(403, 30010, `Maximum number of reactions reached (${Emoji.most})`)
const unknownUser = error(404, 10013, "Unknown User")

/** The default and the maximum number of users. */
const [usual, most] = [25, 100]

/**
 * The routes under `/channels/:/messages/:/reactions`. `inMessage` finds the message.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  world: World.World,
  messages: Messages,
  inMessage: InMessage
): ReadonlyArray<RestRoute.Route> => {
  const inReaction = (
    call: RestRoute.Call,
    f: (message: Message.Message, emoji: string, may: May) => RestResponse
  ) =>
    inMessage(call, (message, may) => {
      const emoji = decoded(call.ids[2] ?? "")
      return emoji === undefined || !Emoji.isEmoji(emoji) ? unknownEmoji : f(message, emoji, may)
    })

  const react = (isOn: boolean) => (call: RestRoute.Call) =>
    inReaction(call, (message, emoji) => {
      if (isOn && isArchived(message.where)) return threadArchived
      if (isOn && !Emoji.fits(message.reactions, emoji)) return tooMany
      messages.react(message, emoji, call.user, isOn)
      return nothing
    })

  const removeOf = (call: RestRoute.Call) =>
    inReaction(call, (message, emoji, may) => {
      const user = Array.from(world.users.values()).find(({ id }) => id === call.ids[3])
      if (user === undefined) return unknownUser
      if (user !== call.user && !may("MANAGE_MESSAGES")) return forbidden(message.where)
      messages.react(message, emoji, user, false)
      return nothing
    })

  const removeEmoji = (call: RestRoute.Call) =>
    inReaction(call, (message, emoji, may) => {
      if (!may("MANAGE_MESSAGES")) return forbidden(message.where)
      messages.clearReactions(message, emoji)
      return nothing
    })

  const removeAll = (call: RestRoute.Call) =>
    inMessage(call, (message, may) => {
      if (!may("MANAGE_MESSAGES")) return forbidden(message.where)
      messages.clearReactions(message)
      return nothing
    })

  const list = (call: RestRoute.Call) =>
    inReaction(call, (message, emoji) => {
      const { limit, problems } = limitIn(call.query, usual, most)
      if (problems.length > 0) return invalidForm(...problems)
      const after = call.query.get("after")
      const ids = Array.from(message.reactions.get(Emoji.among(message.reactions.keys(), emoji)) ?? [])
        .filter((id) => after === null || compare(id, after) > 0)
        .toSorted(compare)
      const users = Array.from(world.users.values())
      return ok(
        ids.slice(0, limit).flatMap((id) => users.filter((user) => user.id === id).map(DiscordObject.user))
      )
    })

  const path = "/channels/:/messages/:/reactions"
  return [
    RestRoute.make("DELETE", path, removeAll),
    RestRoute.make("GET", `${path}/:`, list),
    RestRoute.make("DELETE", `${path}/:`, removeEmoji),
    RestRoute.make("PUT", `${path}/:/@me`, react(true)),
    RestRoute.make("DELETE", `${path}/:/@me`, react(false)),
    RestRoute.make("DELETE", `${path}/:/:`, removeOf)
  ]
}

const decoded = (part: string): string | undefined => {
  try {
    return decodeURIComponent(part)
  } catch {
    return undefined
  }
}
