/**
 * What the routes of messages have in common: they are about a place, or about a message in it.
 *
 * @since 0.1.0
 */
import { error, missingPermissions, type RestResponse } from "../http/RestAnswer.ts"
import type * as Message from "../messages/Message.ts"
import type * as Places from "../messages/Places.ts"
import type * as Permissions from "../Permissions.ts"
import type * as RestRoute from "./RestRoute.ts"

/**
 * Whether the caller may do something in a place. Nobody moderates direct messages.
 *
 * @category models
 * @since 0.1.0
 */
export type May = (what: Permissions.Name) => boolean

/**
 * Finds a place that the caller sees, and says what the caller may do there; or says what is wrong.
 *
 * @category models
 * @since 0.1.0
 */
export type InPlace = (
  call: RestRoute.Call,
  f: (where: Places.Where, may: May) => RestResponse
) => RestResponse

/**
 * The same for a message, whose id is the second of the path.
 *
 * @category models
 * @since 0.1.0
 */
export type InMessage = (
  call: RestRoute.Call,
  f: (message: Message.Message, may: May) => RestResponse
) => RestResponse

const notInDirect = error(403, 50003, "Cannot execute action on a DM channel")

/**
 * What only moderators may do, of whom there are none in direct messages.
 *
 * @category constructors
 * @since 0.1.0
 */
export const forbidden = ({ guild }: Places.Where): RestResponse =>
  guild === undefined ? notInDirect : missingPermissions
