/**
 * Threads over REST: bots start and join them, add others, and change, archive and list them (Discord docs, Resources, Channel,
 * and Topics, Threads).
 *
 * @since 0.1.0
 */
import * as Admission from "../Admission.ts"
import { mayInvite, type Threads } from "../guilds/Threads.ts"
import { invalidForm, limitIn } from "../http/FormProblems.ts"
import {
  error,
  missingAccess,
  missingPermissions,
  nothing,
  ok,
  type RestResponse,
  unknownChannel,
  wrongKind
} from "../http/RestAnswer.ts"
import type * as Message from "../messages/Message.ts"
import * as ChannelObject from "../objects/ChannelObject.ts"
import { compare } from "../Snowflakes.ts"
import * as World from "../World.ts"
import type { InChannel } from "./ChannelRoutes.ts"
import { type InMessage, type May, threadArchived } from "./PlaceRoutes.ts"
import * as RestRoute from "./RestRoute.ts"
import * as ThreadForm from "./ThreadForm.ts"

/** The maximum number of active threads in a guild. */
const mostActive = 1_000

const unknownMember = error(404, 10007, "Unknown Member")
const hasThread = error(400, 160004, "A thread has already been created for this message")
const tooMany = error(400, 160006, "Maximum number of active threads reached")
const ofSystem = error(400, 50068, "Invalid message type")

/**
 * The routes of threads.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  world: World.World,
  threads: Threads,
  inGuild: (call: RestRoute.Call, f: (guild: World.Guild) => RestResponse) => RestResponse,
  inChannel: InChannel,
  inMessage: InMessage
): ReadonlyArray<RestRoute.Route> => {
  const start = (call: RestRoute.Call, channel: World.Channel, may: May, from?: Message.Message): RestResponse => {
    const guild = world.guilds.get(channel.guildId)
    if (guild === undefined) return unknownChannel
    // the text of a voice channel has no threads
    if (channel.kind !== "text") return wrongKind
    const form = ThreadForm.readStart(call.body, from !== undefined)
    if ("status" in form) return form
    if (!may(form.isPrivate ? "CREATE_PRIVATE_THREADS" : "CREATE_PUBLIC_THREADS")) return missingPermissions
    if (from?.system !== undefined) return ofSystem
    if (from?.thread !== undefined) return hasThread
    if (World.threadsOf(world, guild.id).filter(({ thread }) => !thread.isArchived).length >= mostActive) return tooMany
    const thread = threads.start(guild, channel, call.user, { ...form, from })
    return { status: 201, body: ChannelObject.channel(world, thread, call.user.id) }
  }

  const startFrom = (call: RestRoute.Call) =>
    inMessage(call, (message, may) => {
      const { channel, guild } = message.where
      return guild === undefined ? wrongKind : start(call, channel, may, message)
    })

  const inThread = (call: RestRoute.Call, f: (thread: World.ThreadChannel, may: May) => RestResponse) =>
    inChannel(call, (channel, may) => World.isThread(channel) ? f(channel, may) : wrongKind)

  const memberOf = (channel: World.ThreadChannel, id: string | undefined) =>
    Array.from(world.guilds.get(channel.guildId)?.members.keys() ?? []).find((userId) => userId === id)

  const idIn = (call: RestRoute.Call) => call.ids[1] ?? call.user.id

  const join = (call: RestRoute.Call) =>
    inThread(call, (channel, may) => {
      const userId = memberOf(channel, idIn(call))
      const isSelf = userId === call.user.id
      if (channel.thread.isArchived) return threadArchived
      if (!isSelf && !(may("SEND_MESSAGES_IN_THREADS") && mayInvite(world, channel, call.user.id))) {
        return missingPermissions
      }
      if (userId === undefined) return unknownMember
      const parent = channel.parentId && world.channels.get(channel.parentId)
      // a user who does not see the channel cannot be in its threads
      if (!parent || !Admission.may(world, parent, userId, "VIEW_CHANNEL")) return missingAccess
      threads.join(channel, userId)
      return nothing
    })

  const leave = (call: RestRoute.Call) =>
    inThread(call, (channel, may) => {
      const { isArchived, isPrivate, members, ownerId } = channel.thread
      const userId = Array.from(members.keys()).find((id) => id === idIn(call))
      const isOwner = isPrivate && ownerId === call.user.id
      if (isArchived) return threadArchived
      if (idIn(call) !== call.user.id && !isOwner && !may("MANAGE_THREADS")) return missingPermissions
      if (userId !== undefined) threads.leave(channel, userId)
      return nothing
    })

  const isWhole = ({ query }: RestRoute.Call) => query.get("with_member") === "true"

  const getMember = (call: RestRoute.Call) =>
    inThread(call, (channel) => {
      const userId = Array.from(channel.thread.members.keys()).find((id) => id === idIn(call))
      if (userId === undefined) return unknownMember
      return ok(ChannelObject.threadMember(world, channel, userId, isWhole(call)))
    })

  /** All members, or a page if the members of the guild are also requested. */
  const listMembers = (call: RestRoute.Call) =>
    inThread(call, (channel) => {
      const { limit, problems } = limitIn(call.query, 100, 100)
      if (problems.length > 0) return invalidForm(...problems)
      if (!call.user.privilegedIntents) return missingAccess
      const after = call.query.get("after") ?? "0"
      const all = Array.from(channel.thread.members.keys()).filter((id) => compare(id, after) > 0).toSorted(compare)
      const wanted = isWhole(call) ? all.slice(0, limit) : all
      return ok(wanted.map((id) => ChannelObject.threadMember(world, channel, id, isWhole(call))))
    })

  const listed = (call: RestRoute.Call, all: ReadonlyArray<World.ThreadChannel>) => ({
    threads: all.map((one) => ChannelObject.channel(world, one, call.user.id)),
    members: all.filter(({ thread }) => thread.members.has(call.user.id))
      .map((one) => ChannelObject.threadMember(world, one, call.user.id))
  })

  const active = (call: RestRoute.Call) =>
    inGuild(call, (guild) => {
      const all = World.threadsOf(world, guild.id).filter((one) =>
        !one.thread.isArchived && Admission.may(world, one, call.user.id, "VIEW_CHANNEL")
      )
      return ok(listed(call, all.toSorted((one, other) => compare(other.id, one.id))))
    })

  /** The last archived thread is first, but the user's own are ordered by id. */
  const archived = (which: "public" | "private" | "joined") => (call: RestRoute.Call) =>
    inChannel(call, (channel, may) => {
      if (channel.kind !== "text") return wrongKind
      if (!may("READ_MESSAGE_HISTORY") || (which === "private" && !may("MANAGE_THREADS"))) return missingPermissions
      const { limit, problems } = limitIn(call.query, 50, 100)
      if (problems.length > 0) return invalidForm(...problems)
      const before = call.query.get("before")
      const isBefore = ({ id, thread }: World.ThreadChannel) => {
        if (before === null) return true
        return which === "joined" ? compare(id, before) < 0 : thread.archiveChangedMs < Date.parse(before)
      }
      const all = World.threadsOf(world, channel.guildId).filter((one) =>
        one.parentId === channel.id && one.thread.isArchived && one.thread.isPrivate === (which !== "public") &&
        (which !== "joined" || one.thread.members.has(call.user.id)) && isBefore(one)
      ).toSorted((one, other) =>
        (which === "joined" ? 0 : other.thread.archiveChangedMs - one.thread.archiveChangedMs) ||
        compare(other.id, one.id)
      )
      return ok({ ...listed(call, all.slice(0, limit)), has_more: all.length > limit })
    })

  const members = "/channels/:/thread-members"
  const [self, member] = [`${members}/@me`, `${members}/:`]
  return [
    RestRoute.make("POST", "/channels/:/messages/:/threads", startFrom),
    RestRoute.make(
      "POST",
      "/channels/:/threads",
      (call) => inChannel(call, (channel, may) => start(call, channel, may))
    ),
    RestRoute.make("GET", "/guilds/:/threads/active", active),
    RestRoute.make("GET", "/channels/:/threads/archived/public", archived("public")),
    RestRoute.make("GET", "/channels/:/threads/archived/private", archived("private")),
    RestRoute.make("GET", "/channels/:/users/@me/threads/archived/private", archived("joined")),
    RestRoute.make("GET", members, listMembers),
    RestRoute.make("GET", self, getMember),
    RestRoute.make("PUT", self, join),
    RestRoute.make("DELETE", self, leave),
    RestRoute.make("GET", member, getMember),
    RestRoute.make("PUT", member, join),
    RestRoute.make("DELETE", member, leave)
  ]
}
