/**
 * The roles of a guild over REST, and their assignment (Discord docs, Resources, Guild). Nobody can assign, change or delete a
 * role that is not below its own.
 *
 * @since 0.1.0
 */
import type { Memberships } from "../guilds/Memberships.ts"
import type { Looks, Roles } from "../guilds/Roles.ts"
import { invalidForm, ofFlag, ofInteger, ofText } from "../http/FormProblems.ts"
import { error, missingPermissions, nothing, ok, type RestResponse } from "../http/RestAnswer.ts"
import type { Json } from "../objects/DiscordObject.ts"
import * as DiscordObject from "../objects/DiscordObject.ts"
import * as Permissions from "../Permissions.ts"
import type * as World from "../World.ts"
import * as ChannelForm from "./ChannelForm.ts"
import * as RestRoute from "./RestRoute.ts"

/** The maximum number of roles in a guild. */
const most = 250

const unknownRole = error(404, 10011, "Unknown Role")
const unknownMember = error(404, 10007, "Unknown Member")
const invalidRole = error(400, 50028, "Invalid role")
const tooMany = error(400, 30005, "Maximum number of server roles reached (250)")

/** The requested properties of a role, or why they are not possible: nobody can grant a permission that it does not have. */
const read = (body: Json, mine: bigint): Looks | RestResponse => {
  const { color, colors, hoist, mentionable, name } = body
  const primary = typeof colors === "object" && colors !== null && "primary_color" in colors
    ? colors.primary_color
    : color
  const permissions = ChannelForm.bitsOf(body["permissions"])
  const problems = [
    ...ofText("name", name, { most: 100 }),
    ...ofInteger("color", primary, 0, 0xff_ffff),
    ...ofFlag("hoist", hoist),
    ...ofFlag("mentionable", mentionable),
    ...(permissions === undefined ? ofInteger("permissions", String(body["permissions"]), 0, 0) : [])
  ]
  if (problems.length > 0) return invalidForm(...problems)
  const isGiven = body["permissions"] !== undefined && body["permissions"] !== null && permissions !== undefined
  if (isGiven && (permissions & ~mine) !== 0n && !Permissions.has(mine, "ADMINISTRATOR")) return missingPermissions
  return {
    ...(typeof name === "string" && name !== "" ? { name } : {}),
    ...(isGiven ? { permissions } : {}),
    ...(typeof primary === "number" ? { color: primary } : {}),
    ...(typeof hoist === "boolean" ? { hoist } : {}),
    ...(typeof mentionable === "boolean" ? { mentionable } : {})
  }
}

/**
 * Whether a member may assign and remove a role: only those below its own.
 *
 * @category guards
 * @since 0.1.0
 */
export const mayGive = (guild: World.Guild, me: World.Member, role: Permissions.Role): boolean =>
  Permissions.has(Permissions.inGuild(guild, me), "MANAGE_ROLES") && role.position < Permissions.highest(guild, me)

/**
 * The routes under `/guilds/:/roles` and `/guilds/:/members/:/roles`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  roles: Roles,
  memberships: Pick<Memberships, "setRoles">,
  inGuild: (call: RestRoute.Call, f: (guild: World.Guild, me: World.Member) => RestResponse) => RestResponse
): ReadonlyArray<RestRoute.Route> => {
  const inRole = (
    call: RestRoute.Call,
    id: string | undefined,
    f: (guild: World.Guild, role: Permissions.Role, me: World.Member) => RestResponse
  ) =>
    inGuild(call, (guild, me) => {
      const role = guild.roles.get(id ?? "")
      return role === undefined ? unknownRole : f(guild, role, me)
    })

  const create = (call: RestRoute.Call) =>
    inGuild(call, (guild, me) => {
      const mine = Permissions.inGuild(guild, me)
      if (!Permissions.has(mine, "MANAGE_ROLES")) return missingPermissions
      const looks = read(call.body, mine)
      if ("status" in looks) return looks
      if (guild.roles.size >= most) return tooMany
      const role = roles.createRole(guild.id, looks)
      return role === undefined ? unknownRole : ok(DiscordObject.role(role))
    })

  const modify = (call: RestRoute.Call) =>
    inRole(call, call.ids[1], (guild, role, me) => {
      if (!mayGive(guild, me, role)) return missingPermissions
      const looks = read(call.body, Permissions.inGuild(guild, me))
      if ("status" in looks) return looks
      roles.changeRole(guild, role, looks)
      return ok(DiscordObject.role(role))
    })

  const remove = (call: RestRoute.Call) =>
    inRole(call, call.ids[1], (guild, role, me) => {
      if (role.id === guild.id) return invalidRole
      if (!mayGive(guild, me, role)) return missingPermissions
      roles.deleteRole(guild, role)
      return nothing
    })

  const give = (isGiven: boolean) => (call: RestRoute.Call) =>
    inRole(call, call.ids[2], (guild, role, me) => {
      const member = Array.from(guild.members.values()).find(({ userId }) => userId === call.ids[1])
      if (member === undefined) return unknownMember
      if (!mayGive(guild, me, role)) return missingPermissions
      if (role.id === guild.id) return invalidRole
      const others = Array.from(member.roles).filter((id) => id !== role.id)
      memberships.setRoles(member.userId, isGiven ? [...others, role.id] : others, guild.id)
      return nothing
    })

  const [all, one, ofMember] = ["/guilds/:/roles", "/guilds/:/roles/:", "/guilds/:/members/:/roles/:"]
  return [
    RestRoute.make(
      "GET",
      all,
      (call) => inGuild(call, ({ roles }) => ok(Array.from(roles.values(), DiscordObject.role)))
    ),
    RestRoute.make("POST", all, create),
    RestRoute.make("GET", one, (call) => inRole(call, call.ids[1], (_, role) => ok(DiscordObject.role(role)))),
    RestRoute.make("PATCH", one, modify),
    RestRoute.make("DELETE", one, remove),
    RestRoute.make("PUT", ofMember, give(true)),
    RestRoute.make("DELETE", ofMember, give(false))
  ]
}
