/**
 * Guilds over REST: bots read and change them (Discord docs, Resources, Guild, Modify Guild). Fields without an effect here are
 * ignored.
 *
 * @since 0.1.0
 */
import { Intents } from "../../../protocol/GatewayPayload.ts"
import type { GatewayServer } from "../gateway/GatewayServer.ts"
import type { AuditLog } from "../guilds/AuditLog.ts"
import * as Body from "../http/Body.ts"
import { invalidForm, noChoice, ofText } from "../http/FormProblems.ts"
import { missingPermissions, ok, type RestResponse, unknownChannel, wrongKind } from "../http/RestAnswer.ts"
import * as GuildObject from "../objects/GuildObject.ts"
import * as Permissions from "../Permissions.ts"
import type * as World from "../World.ts"
import * as RestRoute from "./RestRoute.ts"

/** The possible times of inactivity, in seconds. */
const afkSeconds = [60, 300, 900, 1_800, 3_600]

/** A channel, `null` for none, or `undefined` if the field is absent; or what is wrong. */
const channelIn = (
  guild: World.Guild,
  given: unknown,
  fits: (channel: World.Channel) => boolean
): World.Channel | null | undefined | RestResponse => {
  if (given === undefined || given === null) return given
  const id = Body.idOf(given)
  const channel = Array.from(guild.channels.values()).find((one) => one.id === id)
  if (channel === undefined) return unknownChannel
  return fits(channel) ? channel : wrongKind
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  world: World.World,
  gateway: Pick<GatewayServer, "broadcast">,
  audit: Pick<AuditLog, "write">,
  inGuild: (call: RestRoute.Call, f: (guild: World.Guild, me: World.Member) => RestResponse) => RestResponse
): ReadonlyArray<RestRoute.Route> => {
  const modify = (call: RestRoute.Call) =>
    inGuild(call, (guild, me) => {
      if (!Permissions.has(Permissions.inGuild(guild, me), "MANAGE_GUILD")) return missingPermissions
      const { afk_channel_id: afk, afk_timeout: timeout, name, system_channel_id: system } = call.body
      const seconds = afkSeconds.find((one) => one === timeout)
      const problems = [
        ...ofText("name", name, { least: 2, most: 100, isRequired: name !== undefined }),
        ...(timeout !== undefined && timeout !== null && seconds === undefined
          ? [noChoice("afk_timeout", afkSeconds)]
          : [])
      ]
      if (problems.length > 0) return invalidForm(...problems)
      const afkChannel = channelIn(guild, afk, ({ kind }) => kind === "voice")
      if (afkChannel && !("kind" in afkChannel)) return afkChannel
      const systemChannel = channelIn(guild, system, ({ kind }) => kind === "text")
      if (systemChannel && !("kind" in systemChannel)) return systemChannel
      const before = GuildObject.guild(world, guild)
      if (typeof name === "string") guild.name = name.trim()
      if (seconds !== undefined) guild.afkSeconds = seconds
      if (afkChannel !== undefined) guild.afkChannelId = afkChannel?.id
      if (systemChannel !== undefined) guild.systemChannelId = systemChannel?.id
      const after = GuildObject.guild(world, guild)
      gateway.broadcast(guild.id, Intents.Guilds, "GUILD_UPDATE", after)
      audit.write(guild.id, { action: "GUILD_UPDATE", targetId: guild.id, before, after })
      return ok(after)
    })

  return [
    RestRoute.make("GET", "/guilds/:", (call) => inGuild(call, (guild) => ok(GuildObject.guild(world, guild)))),
    RestRoute.make("PATCH", "/guilds/:", modify)
  ]
}
