/**
 * Pinned messages, over REST, at the current paths and at those from before 2025, which libraries still use (Discord docs,
 * Resources, Message).
 *
 * @since 0.1.0
 */
import type { AuditLog } from "../guilds/AuditLog.ts"
import { invalidForm, limitIn, noTime } from "../http/FormProblems.ts"
import { error, missingPermissions, nothing, ofSystem, ok } from "../http/RestAnswer.ts"
import type { Messages } from "../messages/Messages.ts"
import type * as Places from "../messages/Places.ts"
import type { InMessage, InPlace } from "./PlaceRoutes.ts"
import * as RestRoute from "./RestRoute.ts"

/** The maximum number of pins in a channel, and of pins returned at once. */
const [most, mostListed] = [250, 50]

const tooMany = error(400, 30003, `Maximum number of pins reached for the channel (${most})`)

/**
 * The routes for pins. `inPlace` and `inMessage` find their subject.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  messages: Messages,
  audit: Pick<AuditLog, "write">,
  inPlace: InPlace,
  inMessage: InMessage
): ReadonlyArray<RestRoute.Route> => {
  /** The last pinned message is first. */
  const pinsOf = ({ channel }: Places.Where) =>
    messages.of(channel.id)
      .flatMap((message) => message.pinnedMs === undefined ? [] : [{ message, ms: message.pinnedMs }])
      .toSorted((one, other) => other.ms - one.ms)

  const pin = (isOn: boolean) => (call: RestRoute.Call) =>
    inMessage(call, (message, may) => {
      // in direct messages both may
      if (!may("PIN_MESSAGES") && message.where.guild !== undefined) return missingPermissions
      const isPinned = message.pinnedMs !== undefined
      if (isOn && !isPinned && pinsOf(message.where).length >= most) return tooMany
      if (message.system !== undefined) return ofSystem
      if (isOn === isPinned) return nothing
      messages.pin(message, call.user, isOn)
      const { author, where: { channel, guild } } = message
      if (guild !== undefined) {
        audit.write(guild.id, {
          action: isOn ? "MESSAGE_PIN" : "MESSAGE_UNPIN",
          targetId: author.id,
          options: { channel_id: channel.id, message_id: message.id }
        })
      }
      return nothing
    })

  const list = (call: RestRoute.Call) =>
    inPlace(call, (where) => {
      const { limit, problems } = limitIn(call.query, mostListed, mostListed)
      const before = call.query.get("before")
      const beforeMs = before === null ? Number.POSITIVE_INFINITY : Date.parse(before)
      if (problems.length > 0) return invalidForm(...problems)
      if (Number.isNaN(beforeMs)) return invalidForm(noTime("before", before))
      const pins = pinsOf(where).filter(({ ms }) => ms < beforeMs)
      return ok({
        items: pins.slice(0, limit).map(({ message, ms }) => ({
          pinned_at: new Date(ms).toISOString(),
          message: messages.shown(message, call.user)
        })),
        has_more: pins.length > limit
      })
    })

  const listAll = (call: RestRoute.Call) =>
    inPlace(
      call,
      (where) => ok(pinsOf(where).slice(0, mostListed).map(({ message }) => messages.shown(message, call.user)))
    )

  const [today, before] = ["/channels/:/messages/pins", "/channels/:/pins"]
  return [
    RestRoute.make("GET", today, list),
    RestRoute.make("GET", before, listAll),
    ...[today, before].flatMap((path) => [
      RestRoute.make("PUT", `${path}/:`, pin(true)),
      RestRoute.make("DELETE", `${path}/:`, pin(false))
    ])
  ]
}
