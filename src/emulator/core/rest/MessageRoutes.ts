/**
 * What a bot writes in the text of a channel, over REST (Discord docs, Resources, Message).
 *
 * @since 0.1.0
 */
import type { AuditLog } from "../guilds/AuditLog.ts"
import * as Body from "../http/Body.ts"
import { badLength, invalidForm, limitIn, type Problem } from "../http/FormProblems.ts"
import { emptyMessage, error, nothing, ofSystem, ok } from "../http/RestAnswer.ts"
import type * as Message from "../messages/Message.ts"
import type { Messages } from "../messages/Messages.ts"
import * as Sent from "../messages/Sent.ts"
import type { Json } from "../objects/DiscordObject.ts"
import { compare } from "../Snowflakes.ts"
import type * as World from "../World.ts"
import * as PinRoutes from "./PinRoutes.ts"
import { forbidden, type InMessage, type InPlace, refusalToChange, refusalToWrite } from "./PlaceRoutes.ts"
import * as ReactionRoutes from "./ReactionRoutes.ts"
import * as RestRoute from "./RestRoute.ts"

const notToThem = error(403, 50007, "Cannot send messages to this user")
const notYours = error(403, 50005, "Cannot edit a message authored by another user")

const unknownReply = invalidForm({
  path: "message_reference",
  code: "REPLIES_UNKNOWN_MESSAGE",
  message: "Unknown message"
})

const replyToSystem = invalidForm({
  path: "message_reference",
  code: "REPLIES_CANNOT_REPLY_TO_SYSTEM_MESSAGE",
  message: "Cannot reply to a system message"
})

/** The default and the maximum number of messages. */
const [usual, most] = [50, 100]

/** The maximum length of a nonce (Discord docs, Create Message). */
const longestNonce = 25

const longNonce: Problem = {
  path: "nonce",
  code: "NONCE_TYPE_TOO_LONG",
  message: `Nonce must be ${longestNonce} characters or fewer.`
}

/** An enforced nonce cannot be reused for some minutes. For how many is undocumented. */
const enforcedMs = 5 * 60_000

const isText = (value: unknown): value is string => typeof value === "string"

const nonceOf = ({ nonce }: Json): Message.Nonce | undefined =>
  isText(nonce) || typeof nonce === "number" ? nonce : undefined

/**
 * The routes under `/channels/:`. `inPlace` and `inMessage` find their subject; `now` is the core's time.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  world: World.World,
  messages: Messages,
  audit: Pick<AuditLog, "write">,
  now: () => number,
  inPlace: InPlace,
  inMessage: InMessage
): ReadonlyArray<RestRoute.Route> => {
  const create = (call: RestRoute.Call) =>
    inPlace(call, (where, may) => {
      const refusal = refusalToWrite(where, may)
      if (refusal !== undefined) return refusal
      const problem = Sent.problemOf(call) ?? (Sent.saysSomething(call) ? undefined : emptyMessage)
      if (problem !== undefined) return problem
      if (isText(call.body["nonce"]) && call.body["nonce"].length > longestNonce) return invalidForm(longNonce)
      const { channel, guild } = where
      // bots cannot message each other
      if (guild === undefined && channel.from.bot && channel.to.bot) return notToThem
      const reference = call.body["message_reference"]
      const replied = Body.isObject(reference) ? reference : undefined
      const repliedId = Body.idOf(replied?.["message_id"])
      const replyTo = messages.of(channel.id).find(({ id }) => id === repliedId)
      if (replied !== undefined && replyTo === undefined && replied["fail_if_not_exists"] !== false) return unknownReply
      if (replyTo?.system !== undefined) return replyToSystem
      const nonce = nonceOf(call.body)
      const isOfNonce = (one: Message.Message) =>
        one.author === call.user && one.nonce !== undefined && String(one.nonce) === String(nonce)
      const before = nonce !== undefined && call.body["enforce_nonce"] === true
        ? messages.of(channel.id).findLast((one) => isOfNonce(one) && now() - one.writtenMs < enforcedMs)
        : undefined
      if (before !== undefined) return ok({ ...messages.shown(before, call.user), nonce: before.nonce })
      const message = messages.make({ author: call.user, where, replyTo, nonce }, call)
      messages.add(message)
      return ok({ ...messages.shown(message, call.user), ...(nonce === undefined ? {} : { nonce }) })
    })

  const list = (call: RestRoute.Call) =>
    inPlace(call, ({ channel }) => {
      const { limit, problems } = limitIn(call.query, usual, most)
      if (problems.length > 0) return invalidForm(...problems)
      const [after, around, before] = ["after", "around", "before"].map((side) => call.query.get(side))
      const isWanted = (id: string) => (!before || compare(id, before) < 0) && (!after || compare(id, after) > 0)
      const all = messages.of(channel.id).filter(({ id }) => isWanted(id))
      // the newest first, and with `after` those that directly follow
      const wanted = after ? all.slice(0, limit) : around ? about(all, around, limit) : all.slice(-limit)
      return ok(wanted.toReversed().map((message) => messages.shown(message, call.user)))
    })

  const edit = (call: RestRoute.Call) =>
    inMessage(call, (message, may) => {
      if (message.author !== call.user) return notYours
      const refusal = refusalToChange(message.where, may)
      if (refusal !== undefined) return refusal
      if (message.system !== undefined) return ofSystem
      return Sent.problemOf(call, message) ?? messages.edit(message, call) ?? ok(messages.shown(message, call.user))
    })

  const remove = (call: RestRoute.Call) =>
    inMessage(call, (message, may) => {
      if (message.author !== call.user && !may("MANAGE_MESSAGES")) return forbidden(message.where)
      messages.remove(message)
      const { author, where: { channel, guild } } = message
      // nobody moderates itself, and a webhook is not a user
      if (guild !== undefined && author !== call.user && message.webhook === undefined) {
        const options = { channel_id: channel.id }
        audit.write(guild.id, { action: "MESSAGE_DELETE", targetId: author.id, options })
      }
      return nothing
    })

  const removeAll = (call: RestRoute.Call) =>
    inPlace(call, (where, may) => {
      if (!may("MANAGE_MESSAGES")) return forbidden(where)
      const { channel } = where
      const ids = new Set(Body.itemsOf(call.body["messages"]).map(Body.idOf))
      if (ids.size < 2 || ids.size > most) return invalidForm(badLength("messages", most, 2))
      const gone = messages.of(channel.id).filter(({ id }) => ids.has(id))
      messages.removeAll(channel.id, gone)
      if (where.guild !== undefined && gone.length > 0) {
        const options = { count: String(gone.length) }
        audit.write(where.guild.id, { action: "MESSAGE_BULK_DELETE", targetId: channel.id, options })
      }
      return nothing
    })

  const path = "/channels/:/messages"
  return [
    ...PinRoutes.make(messages, audit, inPlace, inMessage),
    ...ReactionRoutes.make(world, messages, inMessage),
    RestRoute.make("POST", path, create, "message"),
    RestRoute.make("GET", path, list),
    RestRoute.make(
      "GET",
      `${path}/:`,
      (call) => inMessage(call, (message) => ok(messages.shown(message, call.user)))
    ),
    RestRoute.make("PATCH", `${path}/:`, edit, "message"),
    RestRoute.make("DELETE", `${path}/:`, remove),
    RestRoute.make("POST", `${path}/bulk-delete`, removeAll),
    RestRoute.make("POST", "/channels/:/typing", (call) =>
      inPlace(call, (where, may) => {
        const refusal = refusalToWrite(where, may)
        if (refusal !== undefined) return refusal
        messages.type(where, call.user)
        return nothing
      }))
  ]
}

/** As many as fit on both sides of an id, and the message with this id. */
const about = (all: ReadonlyArray<Message.Message>, around: string, limit: number) => {
  const before = all.filter(({ id }) => compare(id, around) < 0).length
  const start = before - Math.floor(limit / 2)
  return all.slice(Math.max(start, 0), Math.max(start + limit, 0))
}
