/**
 * Bans over REST (Discord docs, Resources, Guild).
 *
 * @since 0.1.0
 */
import type { Bans } from "../guilds/Bans.ts"
import * as Body from "../http/Body.ts"
import { badLength, invalidForm, limitIn, ofInteger } from "../http/FormProblems.ts"
import { error, missingPermissions, nothing, ok, type RestResponse } from "../http/RestAnswer.ts"
import type { Messages } from "../messages/Messages.ts"
import * as DiscordObject from "../objects/DiscordObject.ts"
import * as Permissions from "../Permissions.ts"
import { compare } from "../Snowflakes.ts"
import type * as World from "../World.ts"
import * as RestRoute from "./RestRoute.ts"

/** A week in seconds: the maximum age of earlier messages that are deleted. */
const longest = 604_800

const daySeconds = 86_400

/** The maximum number of users that are banned at once, and that are listed. */
const [mostAtOnce, mostListed] = [200, 1_000]

const unknownBan = error(404, 10026, "Unknown Ban")
const unknownUser = error(404, 10013, "Unknown User")
const noneBanned = error(400, 500000, "Failed to ban users")

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  { bans, messages, now, world }: {
    readonly world: World.World
    readonly bans: Bans
    readonly messages: Pick<Messages, "of" | "removeAll">
    /** The core's time. */
    readonly now: () => number
  },
  inGuild: (call: RestRoute.Call, f: (guild: World.Guild, me: World.Member) => RestResponse) => RestResponse
): ReadonlyArray<RestRoute.Route> => {
  const inBans = (call: RestRoute.Call, f: (guild: World.Guild, me: World.Member) => RestResponse) =>
    inGuild(
      call,
      (guild, me) => Permissions.has(Permissions.inGuild(guild, me), "BAN_MEMBERS") ? f(guild, me) : missingPermissions
    )

  const userOf = (id: string | undefined) => Array.from(world.users.values()).find((user) => user.id === id)

  const json = (guild: World.Guild, user: World.User): DiscordObject.Json => ({
    user: DiscordObject.user(user),
    reason: guild.bans.get(user.id) ?? null
  })

  /** A user who is not a member can be banned by everybody who may ban. */
  const mayBan = (guild: World.Guild, me: World.Member, user: World.User): boolean => {
    const member = guild.members.get(user.id)
    return member === undefined || Permissions.isBelow(guild, member, me)
  }

  const secondsIn = ({ delete_message_days: days, delete_message_seconds: seconds }: DiscordObject.Json) => ({
    seconds: typeof seconds === "number" ? seconds : typeof days === "number" ? days * daySeconds : 0,
    problems: [
      ...ofInteger("delete_message_seconds", seconds, 0, longest),
      ...ofInteger("delete_message_days", days, 0, longest / daySeconds)
    ]
  })

  const ban = (guild: World.Guild, user: World.User, reason: string | undefined, seconds: number) => {
    bans.ban(guild, user, reason)
    if (seconds === 0) return
    const sinceMs = now() - seconds * 1_000
    for (const channel of world.channels.values()) {
      if (channel.guildId !== guild.id) continue
      messages.removeAll(
        channel.id,
        messages.of(channel.id).filter(({ author, writtenMs }) => author === user && writtenMs >= sinceMs)
      )
    }
  }

  const create = (call: RestRoute.Call) =>
    inBans(call, (guild, me) => {
      const { problems, seconds } = secondsIn(call.body)
      if (problems.length > 0) return invalidForm(...problems)
      const user = userOf(call.ids[1])
      if (user === undefined) return unknownUser
      if (!mayBan(guild, me, user)) return missingPermissions
      ban(guild, user, call.reason, seconds)
      return nothing
    })

  const createAll = (call: RestRoute.Call) =>
    inBans(call, (guild, me) => {
      if (!Permissions.has(Permissions.inGuild(guild, me), "MANAGE_GUILD")) return missingPermissions
      const { problems, seconds } = secondsIn(call.body)
      const ids = Body.itemsOf(call.body["user_ids"]).map(Body.idOf)
      if (ids.length < 1 || ids.length > mostAtOnce) return invalidForm(badLength("user_ids", mostAtOnce, 1))
      if (problems.length > 0) return invalidForm(...problems)
      const banned = new Set<string | undefined>()
      for (const id of ids) {
        const user = userOf(id)
        if (user === undefined || guild.bans.has(user.id) || !mayBan(guild, me, user)) continue
        ban(guild, user, call.reason, seconds)
        banned.add(id)
      }
      if (banned.size === 0) return noneBanned
      return ok({ banned_users: Array.from(banned), failed_users: ids.filter((id) => !banned.has(id)) })
    })

  const inBan = (call: RestRoute.Call, f: (guild: World.Guild, user: World.User) => RestResponse) =>
    inBans(call, (guild) => {
      const user = userOf(call.ids[1])
      return user === undefined || !guild.bans.has(user.id) ? unknownBan : f(guild, user)
    })

  const remove = (call: RestRoute.Call) =>
    inBan(call, (guild, user) => {
      bans.unban(guild, user)
      return nothing
    })

  /** In the order of their ids. */
  const list = (call: RestRoute.Call) =>
    inBans(call, (guild) => {
      const { limit, problems } = limitIn(call.query, mostListed, mostListed)
      if (problems.length > 0) return invalidForm(...problems)
      const [after, before] = [call.query.get("after"), call.query.get("before")]
      // if both are given, only `before` counts (Discord docs, Get Guild Bans)
      const isWanted = (id: string) =>
        before === null ? after === null || compare(id, after) > 0 : compare(id, before) < 0
      const wanted = Array.from(guild.bans.keys()).filter(isWanted).toSorted(compare)
      const some = before === null ? wanted.slice(0, limit) : wanted.slice(-limit)
      return ok(some.flatMap((id) => userOf(id) ?? []).map((user) => json(guild, user)))
    })

  const [all, one] = ["/guilds/:/bans", "/guilds/:/bans/:"]
  return [
    RestRoute.make("GET", all, list),
    RestRoute.make("GET", one, (call) => inBan(call, (guild, user) => ok(json(guild, user)))),
    RestRoute.make("PUT", one, create),
    RestRoute.make("DELETE", one, remove),
    RestRoute.make("POST", "/guilds/:/bulk-ban", createAll)
  ]
}
