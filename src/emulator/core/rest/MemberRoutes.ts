/**
 * The members of a guild and their voice states, over REST: bots list them, move, mute and disconnect them, let them speak on a
 * stage, and give them nicknames (Discord docs, Resources, Guild and Voice).
 *
 * @since 0.1.0
 */
import type { Actions } from "../Actions.ts"
import * as Admission from "../Admission.ts"
import { longestTimeOutMs, type Memberships } from "../guilds/Memberships.ts"
import * as Body from "../http/Body.ts"
import { invalidForm, limitIn, ofFlag, ofText, ofTime, type Problem } from "../http/FormProblems.ts"
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
import * as DiscordObject from "../objects/DiscordObject.ts"
import * as Permissions from "../Permissions.ts"
import { compare } from "../Snowflakes.ts"
import type { VoiceStates } from "../states/VoiceStates.ts"
import * as World from "../World.ts"
import * as RestRoute from "./RestRoute.ts"
import * as RoleRoutes from "./RoleRoutes.ts"

const unknownMember = error(404, 10007, "Unknown Member")
const unknownVoiceState = error(404, 10065, "Unknown Voice State")
const notInVoice = error(400, 40032, "Target user is not connected to voice.")

/** The maximum length of a nickname (Discord docs, Usernames and Nicknames). */
const longestNick = 32

/** The changes of a member. A property that is left out keeps its value. */
interface Change {
  readonly channel: World.Channel | null | undefined
  readonly mute: boolean | undefined
  readonly deaf: boolean | undefined
  /** `null` or empty means none. */
  readonly nick: string | null | undefined
  readonly roles: ReadonlyArray<string> | undefined
  /** The length of a time-out in milliseconds; `null` ends it. */
  readonly timeOutMs: number | null | undefined
}

const neededFor = new Map<string, Permissions.Name>([
  ["channel_id", "MOVE_MEMBERS"],
  ["mute", "MUTE_MEMBERS"],
  ["deaf", "DEAFEN_MEMBERS"],
  ["nick", "MANAGE_NICKNAMES"],
  ["roles", "MANAGE_ROLES"],
  ["communication_disabled_until", "MODERATE_MEMBERS"]
])

const noFlag = (path: string): Problem => ({
  path,
  code: "BOOLEAN_TYPE_CONVERT",
  message: "Must be either true or false."
})

const noTimeOut: Problem = {
  path: "communication_disabled_until",
  code: "INVALID_COMMUNICATION_DISABLED_TIMESTAMP",
  message: "The time must be within 28 days from now."
}

const noRole = (path: string): Problem => ({ path, code: "TYPE_INVALID_ROLE", message: "Unknown Role" })

const notThere: Problem = {
  path: "channel_id",
  code: "GUILD_VOICE_STATE_CHANNEL_INVALID",
  message: "The channel has to be the stage that the member is in."
}

/**
 * The routes under `/guilds/:/members` and `/guilds/:/voice-states`. `inGuild` finds the guild and our member in it, or answers
 * with an error.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  { actions, memberships, voiceStates, wall, world }: {
    readonly world: World.World
    readonly actions: Pick<Actions, "kick" | "moveUser" | "muteUser">
    readonly memberships: Pick<Memberships, "setNick" | "setRoles" | "timeOut" | "removeFromGuild">
    readonly voiceStates: Pick<VoiceStates, "changed">
    /** Milliseconds of Unix time. */
    readonly wall: () => number
  },
  inGuild: (
    call: RestRoute.Call,
    f: (guild: World.Guild, me: World.Member) => RestResponse
  ) => RestResponse
): ReadonlyArray<RestRoute.Route> => {
  const memberOf = (guild: World.Guild, id: string | undefined, f: (member: World.Member) => RestResponse) => {
    for (const member of guild.members.values()) if (member.userId === id) return f(member)
    return unknownMember
  }

  const get = (call: RestRoute.Call) =>
    inGuild(call, (guild) => memberOf(guild, call.ids[1], (member) => ok(DiscordObject.member(world, member))))

  /** All problems of a change are reported before anything is changed. */
  const read = (guild: World.Guild, member: World.Member, body: DiscordObject.Json): Change | RestResponse => {
    const { channel_id: channelId, communication_disabled_until: until, deaf, mute, nick } = body
    const timeOutMs = until === undefined || until === null ? until : Date.parse(String(until)) - wall()
    const wanted = body["roles"] === undefined ? undefined : Body.itemsOf(body["roles"]).map(Body.idOf)
    const roles = wanted?.flatMap((id) => id !== undefined && guild.roles.has(id) ? [id] : [])
    const isOfVoice = channelId !== undefined || mute !== undefined || deaf !== undefined
    if (isOfVoice && World.voiceState(world, guild.id, member.userId) === undefined) return notInVoice
    if (mute !== undefined && typeof mute !== "boolean") return invalidForm(noFlag("mute"))
    if (deaf !== undefined && typeof deaf !== "boolean") return invalidForm(noFlag("deaf"))
    const problems = ofText("nick", nick, { most: longestNick })
    if (problems.length > 0) return invalidForm(...problems)
    if (roles !== undefined && roles.length !== wanted?.length) return invalidForm(noRole("roles"))
    // including an invalid time
    if (typeof timeOutMs === "number" && !(timeOutMs <= longestTimeOutMs)) return invalidForm(noTimeOut)
    const others = { mute, deaf, nick: typeof nick === "string" || nick === null ? nick : undefined, roles, timeOutMs }
    if (channelId === undefined || channelId === null) return { channel: channelId, ...others }
    const id = Body.idOf(channelId)
    const channel = Array.from(guild.channels.values()).find((one) => one.id === id)
    if (channel === undefined) return unknownChannel
    return Admission.hasVoice(channel) ? { channel, ...others } : wrongKind
  }

  /** Nobody can give a time-out to an administrator, or to a member whose highest role is not below its own. */
  const mayTimeOut = (guild: World.Guild, me: World.Member, member: World.Member): boolean =>
    !Permissions.has(Permissions.inGuild(guild, member), "ADMINISTRATOR") &&
    Permissions.isBelow(guild, member, me)

  /** Each kind of change requires its own permission. */
  const mayModify = (guild: World.Guild, me: World.Member, member: World.Member, body: DiscordObject.Json): boolean => {
    const mine = Permissions.inGuild(guild, me)
    const needed = Object.keys(body).flatMap((field) => neededFor.get(field) ?? [])
    if (!needed.every((name) => Permissions.has(mine, name))) return false
    if (body["communication_disabled_until"] !== undefined && !mayTimeOut(guild, me, member)) return false
    if (body["nick"] !== undefined && me !== member && !Permissions.isBelow(guild, member, me)) return false
    const changed = new Set(Body.itemsOf(body["roles"] ?? Array.from(member.roles)).map(Body.idOf))
    const others = Array.from(guild.roles.values()).filter(({ id }) => changed.has(id) !== member.roles.has(id))
    return others.every((role) => RoleRoutes.mayGive(guild, me, role))
  }

  const modify = (call: RestRoute.Call) =>
    inGuild(call, (guild, me) =>
      memberOf(guild, call.ids[1], (member) => {
        if (!mayModify(guild, me, member, call.body)) return missingPermissions
        const change = read(guild, member, call.body)
        if ("status" in change) return change
        const { channel, deaf, mute, nick, roles, timeOutMs } = change
        // a member who moves others has to be able to get there
        if (channel && !Admission.may(world, channel, me.userId, "CONNECT")) return missingAccess
        if (channel === null) actions.kick(member.userId, guild.id)
        else if (channel !== undefined) actions.moveUser(member.userId, channel.id)
        if (mute !== undefined || deaf !== undefined) actions.muteUser(member.userId, { mute, deaf }, guild.id)
        if (nick !== undefined) memberships.setNick(member.userId, nick || undefined, guild.id)
        if (roles !== undefined) memberships.setRoles(member.userId, roles, guild.id)
        if (timeOutMs !== undefined) memberships.timeOut(member.userId, timeOutMs ?? undefined, guild.id)
        return ok(DiscordObject.member(world, member))
      }))

  const remove = (call: RestRoute.Call) =>
    inGuild(call, (guild, me) =>
      memberOf(guild, call.ids[1], (member) => {
        const may = Permissions.has(Permissions.inGuild(guild, me), "KICK_MEMBERS")
        if (!may || !Permissions.isBelow(guild, member, me)) return missingPermissions
        memberships.removeFromGuild(member.userId, guild.id)
        return nothing
      }))

  /** All members of a guild in the order of their ids. A bot needs the intent for members. */
  const list = (call: RestRoute.Call) =>
    inGuild(call, (guild) => {
      const { limit, problems } = limitIn(call.query, 1, 1000)
      if (problems.length > 0) return invalidForm(...problems)
      if (!call.user.privilegedIntents) return missingAccess
      const after = call.query.get("after") ?? "0"
      const found = Array.from(guild.members.values()).filter(({ userId }) => compare(userId, after) > 0)
        .toSorted((one, other) => compare(one.userId, other.userId))
      return ok(found.slice(0, limit).map((member) => DiscordObject.member(world, member)))
    })

  const search = (call: RestRoute.Call) =>
    inGuild(call, (guild) => {
      const { limit, problems } = limitIn(call.query, 1, 1000)
      if (problems.length > 0) return invalidForm(...problems)
      const start = (call.query.get("query") ?? "").toLowerCase()
      const found = Array.from(guild.members.values()).filter(({ nick, userId }) =>
        [nick, world.users.get(userId)?.name].some((name) => name?.toLowerCase().startsWith(start) === true)
      )
      return ok(found.slice(0, limit).map((member) => DiscordObject.member(world, member)))
    })

  /** Members may change their own nickname, unless their roles do not permit it. */
  const modifySelf = (answer: (me: World.Member) => DiscordObject.Json) => (call: RestRoute.Call) =>
    inGuild(call, (guild, me) => {
      const { nick } = call.body
      const mine = Permissions.inGuild(guild, me)
      // other changes of oneself need no permission (Discord docs, Modify Current Member)
      if (nick !== undefined && !Permissions.has(mine, "CHANGE_NICKNAME")) return missingPermissions
      const change = read(guild, me, { nick })
      if ("status" in change) return change
      if (change.nick !== undefined) memberships.setNick(me.userId, change.nick || undefined, guild.id)
      return ok(answer(me))
    })

  const getVoiceState = (call: RestRoute.Call, own: boolean) =>
    inGuild(call, (guild) => {
      const id = own ? call.user.id : call.ids[1]
      const states = world.voiceStates.get(guild.id)?.values() ?? []
      for (const state of states) if (state.userId === id) return ok(DiscordObject.voiceState(world, state))
      return unknownVoiceState
    })

  const modifyVoiceState = (call: RestRoute.Call, own: boolean) =>
    inGuild(call, (guild, me) =>
      memberOf(guild, own ? call.user.id : call.ids[1], (member) => {
        const { channel_id: channelId, request_to_speak_timestamp: request, suppress } = call.body
        const state = World.voiceState(world, guild.id, member.userId)
        if (state === undefined) return unknownVoiceState
        const channel = world.channels.get(state.channelId)
        const isThere = channelId === undefined || Body.idOf(channelId) === channel?.id
        if (channel?.kind !== "stage" || !isThere) return invalidForm(notThere)
        // Only stage moderators can let somebody speak; anyone may return to the audience.
        if (
          (!own || suppress === false) && !Admission.may(world, channel, me.userId, "MUTE_MEMBERS")
        ) return missingPermissions
        const problems = [...ofFlag("suppress", suppress), ...ofTime("request_to_speak_timestamp", request)]
        if (problems.length > 0) return invalidForm(...problems)
        if (typeof suppress === "boolean") state.suppress = suppress
        if (request === null || typeof request === "string") state.requestToSpeak = request ?? undefined
        if (suppress === true) state.requestToSpeak = undefined
        voiceStates.changed(state)
        return nothing
      }))

  const one = "/guilds/:/members/:"
  const [own, others] = ["/guilds/:/voice-states/@me", "/guilds/:/voice-states/:"]
  return [
    RestRoute.make("PATCH", "/guilds/:/members/@me", modifySelf((me) => DiscordObject.member(world, me))),
    // the earlier route, which discord.py uses
    RestRoute.make("PATCH", "/guilds/:/members/@me/nick", modifySelf(({ nick = null }) => ({ nick }))),
    RestRoute.make("GET", "/guilds/:/members", list),
    // before the route of a member, whose id it could be
    RestRoute.make("GET", "/guilds/:/members/search", search),
    RestRoute.make("GET", one, get),
    RestRoute.make("DELETE", one, remove),
    RestRoute.make("PATCH", one, modify),
    RestRoute.make("GET", own, (call) => getVoiceState(call, true)),
    RestRoute.make("GET", others, (call) => getVoiceState(call, false)),
    RestRoute.make("PATCH", own, (call) => modifyVoiceState(call, true)),
    RestRoute.make("PATCH", others, (call) => modifyVoiceState(call, false))
  ]
}
