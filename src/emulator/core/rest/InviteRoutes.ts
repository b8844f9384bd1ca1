/**
 * Invites over REST (Discord docs, Resources, Invite, and Channel). Nobody accepts them.
 *
 * @since 0.1.0
 */
import * as Admission from "../Admission.ts"
import * as Invites from "../guilds/Invites.ts"
import { invalidForm, ofInteger } from "../http/FormProblems.ts"
import { error, missingPermissions, ok, type RestResponse, wrongKind } from "../http/RestAnswer.ts"
import * as Permissions from "../Permissions.ts"
import type * as World from "../World.ts"
import type { InChannel } from "./ChannelRoutes.ts"
import * as RestRoute from "./RestRoute.ts"

/** The maximum age, a week, and the default, a day, in seconds. */
const [longest, usual] = [604_800, 86_400]

/** The maximum number in a guild, and the maximum number of uses if that is limited. */
const [most, mostUses] = [1_000, 100]

const unknownInvite = error(404, 10006, "Unknown Invite")
const tooMany = error(400, 30016, `Maximum number of invites reached (${most})`)

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  { invites, wall, world }: {
    readonly world: World.World
    readonly invites: Invites.Invites
    /** Milliseconds of Unix time. */
    readonly wall: () => number
  },
  inGuild: (call: RestRoute.Call, f: (guild: World.Guild, me: World.Member) => RestResponse) => RestResponse,
  inChannel: InChannel
): ReadonlyArray<RestRoute.Route> => {
  /** The valid ones; others are removed. */
  const all = () => {
    for (const { code, createdMs, maxAge } of world.invites.values()) {
      if (maxAge !== 0 && wall() >= createdMs + maxAge * 1_000) world.invites.delete(code)
    }
    return Array.from(world.invites.values())
  }

  const create = (call: RestRoute.Call) =>
    inChannel(call, (channel, may) => {
      if (channel.kind === "category" || channel.kind === "thread") return wrongKind
      if (!may("CREATE_INSTANT_INVITE")) return missingPermissions
      const { max_age: maxAge, max_uses: maxUses, temporary, unique } = call.body
      const problems = [...ofInteger("max_age", maxAge, 0, longest), ...ofInteger("max_uses", maxUses, 0, mostUses)]
      if (problems.length > 0) return invalidForm(...problems)
      const how = {
        maxAge: typeof maxAge === "number" ? maxAge : usual,
        maxUses: typeof maxUses === "number" ? maxUses : 0,
        isTemporary: temporary === true
      }
      const same = unique === true ?
        undefined :
        all().find((one) =>
          one.channelId === channel.id && one.inviter === call.user && one.maxAge === how.maxAge &&
          one.maxUses === how.maxUses && one.isTemporary === how.isTemporary
        )
      if (same !== undefined) return ok(Invites.json(world, same, true))
      if (all().filter(({ guildId }) => guildId === channel.guildId).length >= most) return tooMany
      return ok(Invites.json(world, invites.create(channel, call.user, how), true))
    })

  const listOf = (isWanted: (invite: World.Invite) => boolean) =>
    ok(all().filter(isWanted).map((one) => Invites.json(world, one, true)))

  const inInvite = (call: RestRoute.Call, f: (invite: World.Invite) => RestResponse) => {
    const invite = all().find(({ code }) => code === call.ids[0])
    return invite === undefined ? unknownInvite : f(invite)
  }

  const mayInGuild = (guild: World.Guild | undefined, userId: World.Member["userId"], what: Permissions.Name) => {
    const me = guild?.members.get(userId)
    return guild !== undefined && me !== undefined && Permissions.has(Permissions.inGuild(guild, me), what)
  }

  const remove = (call: RestRoute.Call) =>
    inInvite(call, (invite) => {
      const channel = world.channels.get(invite.channelId)
      const manages = channel !== undefined && Admission.may(world, channel, call.user.id, "MANAGE_CHANNELS")
      if (!manages && !mayInGuild(world.guilds.get(invite.guildId), call.user.id, "MANAGE_GUILD")) {
        return missingPermissions
      }
      invites.remove(invite)
      return ok(Invites.json(world, invite, false))
    })

  const [ofChannel, one] = ["/channels/:/invites", "/invites/:"]
  return [
    RestRoute.make("POST", ofChannel, create),
    RestRoute.make(
      "GET",
      ofChannel,
      (call) =>
        inChannel(
          call,
          (channel, may) =>
            may("MANAGE_CHANNELS") ? listOf(({ channelId }) => channelId === channel.id) : missingPermissions
        )
    ),
    RestRoute.make(
      "GET",
      "/guilds/:/invites",
      (call) =>
        inGuild(call, (guild, me) =>
          mayInGuild(guild, me.userId, "MANAGE_GUILD")
            ? listOf(({ guildId }) => guildId === guild.id)
            : missingPermissions)
    ),
    RestRoute.make("GET", one, (call) => inInvite(call, (invite) => ok(Invites.json(world, invite, false)))),
    RestRoute.make("DELETE", one, remove)
  ]
}
