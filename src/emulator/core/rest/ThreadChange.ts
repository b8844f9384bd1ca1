/**
 * Threads under the routes of channels: bots change and delete them (Discord docs, Topics, Threads, Editing & Deleting Threads).
 *
 * @since 0.1.0
 */
import type { Threads } from "../guilds/Threads.ts"
import { missingPermissions, ok, type RestResponse } from "../http/RestAnswer.ts"
import * as ChannelObject from "../objects/ChannelObject.ts"
import type * as World from "../World.ts"
import { type May, threadArchived } from "./PlaceRoutes.ts"
import type * as RestRoute from "./RestRoute.ts"
import * as ThreadForm from "./ThreadForm.ts"

/**
 * The operations on a thread under `/channels/:`.
 *
 * @category models
 * @since 0.1.0
 */
export interface OfThread {
  readonly modify: (call: RestRoute.Call, thread: World.ThreadChannel, may: May) => RestResponse
  readonly remove: (thread: World.ThreadChannel, may: May) => RestResponse
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (world: World.World, threads: Threads): OfThread => ({
  modify: (call, channel, may) => {
    const change = ThreadForm.read(call.body, false)
    if ("status" in change) return change
    const { isArchived, isLocked, slowmode, ...others } = change
    const { thread } = channel
    const moderates = may("MANAGE_THREADS")
    const isOwner = thread.ownerId === call.user.id
    const opens = isArchived === false && thread.isArchived
    const isOther = isArchived === true || Object.keys(others).length > 0
    if (thread.isLocked && !moderates) return missingPermissions
    if ((isLocked !== undefined || slowmode !== undefined) && !moderates) return missingPermissions
    if (isOther && !moderates && !isOwner) return missingPermissions
    if (opens && !moderates && !isOwner && !may("SEND_MESSAGES_IN_THREADS")) return missingPermissions
    // an archived thread can only be unarchived
    if (thread.isArchived && isArchived !== false && (isOther || slowmode !== undefined)) return threadArchived
    threads.moderate(channel, change)
    return ok(ChannelObject.channel(world, channel, call.user.id))
  },
  remove: (channel, may) => {
    if (!may("MANAGE_THREADS")) return missingPermissions
    const json = ChannelObject.channel(world, channel)
    threads.remove(channel)
    return ok(json)
  }
})
