/**
 * What the routes of messages have in common: they are about a place, or about a message in it.
 *
 * @since 0.1.0
 */
import { error, missingPermissions, type RestResponse } from "../http/RestAnswer.ts"
import type * as Message from "../messages/Message.ts"
import type * as Places from "../messages/Places.ts"
import type * as RestRoute from "./RestRoute.ts"

/**
 * Finds a place that the caller sees, and says whether the caller is a moderator there; or says what is wrong.
 *
 * @category models
 * @since 0.1.0
 */
export type InPlace = (
  call: RestRoute.Call,
  f: (where: Places.Where, moderates: boolean) => RestResponse
) => RestResponse

/**
 * The same for a message, whose id is the second of the path.
 *
 * @category models
 * @since 0.1.0
 */
export type InMessage = (
  call: RestRoute.Call,
  f: (message: Message.Message, moderates: boolean) => RestResponse
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
