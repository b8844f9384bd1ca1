/**
 * The commands of a bot that a user finds in a client, depending on the place and the permissions (Discord docs, Application
 * Commands, Contexts and Permissions).
 *
 * @since 0.1.0
 */
import type { ChannelId, UserId } from "../../../protocol/Identifier.ts"
import * as Admission from "../Admission.ts"
import * as Places from "../messages/Places.ts"
import type * as DiscordObject from "../objects/DiscordObject.ts"
import * as Permissions from "../Permissions.ts"
import type * as World from "../World.ts"
import type { Commands } from "./Commands.ts"

type Json = DiscordObject.Json

interface Problem {
  readonly problem: string
}

/**
 * @category models
 * @since 0.1.0
 */
export interface UsableCommands {
  /** Where a user uses a command of a bot: direct messages are those of the two. */
  readonly placeOf: (
    channelId: ChannelId,
    botId: UserId
  ) => { readonly where: Places.Where; readonly bot: World.User } | Problem
  /** A command as the bot has registered it, if it has registered any; or why the user does not find it there. */
  readonly find: (
    userId: UserId,
    botId: UserId,
    where: Places.Where,
    name: string | undefined,
    type: number
  ) => { readonly registered: Json | undefined } | Problem
  /**
   * Why the user does not find a command of this name there, of any type. A bot that has registered nothing has not registered
   * it.
   */
  readonly missing: (
    userId: UserId,
    botId: UserId,
    where: Places.Where,
    name: string
  ) => Problem | undefined
  /** What the data of all commands contain. */
  readonly dataOf: (
    registered: Json | undefined,
    guild: World.Guild | undefined,
    name: string | undefined,
    type: number
  ) => Json
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (world: World.World, commands: Pick<Commands, "list">): UsableCommands => {
  const problemOfUse = (registered: Json, userId: UserId, { channel, guild }: Places.Where): string | undefined => {
    const { contexts, default_member_permissions: needed, dm_permission: isDirect } = registered
    const isHere = Array.isArray(contexts)
      ? contexts.includes(guild === undefined ? 1 : 0)
      : guild !== undefined || isDirect !== false
    if (!isHere) return `the bot has not registered it for ${guild === undefined ? "direct messages" : "guilds"}`
    if (guild === undefined || typeof needed !== "string") return undefined
    const mine = Admission.permissions(world, channel, userId)
    // no permissions at all means those of an administrator
    const isAllowed = needed === "0" ? Permissions.has(mine, "ADMINISTRATOR") : (BigInt(needed) & ~mine) === 0n
    return isAllowed ? undefined : "the bot has registered it for members with permissions that this user lacks"
  }

  /** The commands for all guilds, and for that one. */
  const registeredFor = (botId: UserId, { guild }: Places.Where): ReadonlyArray<Json> =>
    (guild === undefined ? [undefined] : [undefined, guild.id])
      .flatMap((guildId) => commands.list({ applicationId: botId, guildId }))

  return {
    placeOf: (channelId, botId) => {
      const where = Places.find(world, channelId)
      const bot = world.users.get(botId)
      if (where === undefined || bot === undefined) return { problem: "its channel no longer exists" }
      const isTheirs = where.guild !== undefined || where.channel.from === bot || where.channel.to === bot
      return isTheirs ? { where, bot } : { problem: "the bot is not part of these direct messages" }
    },
    find: (userId, botId, where, name, type) => {
      const all = registeredFor(botId, where)
      const registered = all.findLast((command) => command["name"] === name && command["type"] === type)
      // a bot that has registered nothing here has done so elsewhere at some time
      if (registered === undefined && all.length > 0) return { problem: "the bot has not registered such a command" }
      const problem = registered && problemOfUse(registered, userId, where)
      return problem === undefined ? { registered } : { problem }
    },
    missing: (userId, botId, where, name) => {
      const all = registeredFor(botId, where)
      const problems = all.filter((command) => command["name"] === name)
        .map((command) => problemOfUse(command, userId, where))
      if (problems.includes(undefined)) return undefined
      const names = all.map((command) => String(command["name"])).join(", ")
      const others = all.length === 0 ? ", nor any other command" : `; it has registered ${names}`
      return { problem: problems[0] ?? `the bot has not registered it${others}` }
    },
    dataOf: (registered, guild, name, type) => ({
      id: registered?.["id"] ?? world.nextId(),
      name,
      type,
      ...(registered?.["guild_id"] === undefined || guild === undefined ? {} : { guild_id: guild.id })
    })
  }
}
