/**
 * What the routes of messages have in common: they are about a place, or about a message in it.
 *
 * @since 0.1.0
 */
import {
  error,
  missingPermissions,
  type RestResponse,
  unknownChannel,
  unknownMessage,
  wrongKind
} from "../http/RestAnswer.ts"
import type * as Message from "../messages/Message.ts"
import type { Messages } from "../messages/Messages.ts"
import * as Places from "../messages/Places.ts"
import type * as Permissions from "../Permissions.ts"
import type * as World from "../World.ts"
import type * as RestRoute from "./RestRoute.ts"

/**
 * Whether the caller has a permission in a place. Nobody moderates direct messages.
 *
 * @category models
 * @since 0.1.0
 */
export type May = (what: Permissions.Name) => boolean

/**
 * Finds a place that the caller sees, and the caller's permissions in it; or answers with an error.
 *
 * @category models
 * @since 0.1.0
 */
export type InPlace = (
  call: RestRoute.Call,
  f: (where: Places.Where, may: May) => RestResponse
) => RestResponse

/**
 * The same for a message, whose id is the second in the path.
 *
 * @category models
 * @since 0.1.0
 */
export type InMessage = (
  call: RestRoute.Call,
  f: (message: Message.Message, may: May) => RestResponse
) => RestResponse

const nobodyMay: May = () => false

/**
 * `inChannel` finds a channel and our member in it, or answers with an error.
 *
 * @category constructors
 * @since 0.1.0
 */
export const finders = (
  world: World.World,
  messages: Pick<Messages, "of">,
  inChannel: (call: RestRoute.Call, f: (channel: World.Channel, may: May) => RestResponse) => RestResponse
): { readonly inPlace: InPlace; readonly inMessage: InMessage } => {
  const inPlace: InPlace = (call, f) => {
    const direct = Places.directOf(world, call.ids[0], call.user)
    if (direct !== undefined) return f({ guild: undefined, channel: direct }, nobodyMay)
    return inChannel(call, (channel, may) => {
      if (channel.kind === "category") return wrongKind
      const guild = world.guilds.get(channel.guildId)
      return guild === undefined ? unknownChannel : f({ guild, channel }, may)
    })
  }

  const inMessage: InMessage = (call, f) =>
    inPlace(call, ({ channel }, may) => {
      const message = messages.of(channel.id).find(({ id }) => id === call.ids[1])
      return message === undefined ? unknownMessage : f(message, may)
    })

  return { inPlace, inMessage }
}

const notInDirect = error(403, 50003, "Cannot execute action on a DM channel")

/**
 * The answer to what only moderators may do. In direct messages there are none.
 *
 * @category constructors
 * @since 0.1.0
 */
export const forbidden = ({ guild }: Places.Where): RestResponse =>
  guild === undefined ? notInDirect : missingPermissions

/**
 * The answer to changing something in an archived thread.
 *
 * @category constants
 * @since 0.1.0
 */
export const threadArchived: RestResponse = error(400, 50083, "Thread is archived")

/** Discord documents the code but not the status. */
const threadLocked = error(403, 160005, "Thread is locked")

/**
 * Whether a place is an archived thread.
 *
 * @category guards
 * @since 0.1.0
 */
export const isArchived = ({ channel, guild }: Places.Where): boolean =>
  guild !== undefined && channel.thread?.isArchived === true

const isLockedFor = ({ channel, guild }: Places.Where, may: May): boolean =>
  guild !== undefined && channel.thread?.isLocked === true && !may("MANAGE_THREADS")

/**
 * Why a user who sees a place may not write there, if so. In threads SEND_MESSAGES does not count, and in a locked one only
 * moderators may write (Discord docs, Topics, Threads).
 *
 * @category guards
 * @since 0.1.0
 */
export const refusalToWrite = (where: Places.Where, may: May): RestResponse | undefined => {
  const { channel, guild } = where
  if (guild === undefined) return undefined
  if (!may(channel.thread === undefined ? "SEND_MESSAGES" : "SEND_MESSAGES_IN_THREADS")) return missingPermissions
  return isLockedFor(where, may) ? threadLocked : undefined
}

/**
 * Why users cannot change their messages there, if so.
 *
 * @category guards
 * @since 0.1.0
 */
export const refusalToChange = (where: Places.Where, may: May): RestResponse | undefined => {
  if (isArchived(where)) return threadArchived
  return isLockedFor(where, may) ? threadLocked : undefined
}
