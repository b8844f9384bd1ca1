/**
 * The audit log over REST, for members who may see it (Discord docs, Resources, Audit Log).
 *
 * @since 0.1.0
 */
import type { AuditLog } from "../guilds/AuditLog.ts"
import * as Webhooks from "../guilds/Webhooks.ts"
import { invalidForm, limitIn, ofInteger, ofSnowflake } from "../http/FormProblems.ts"
import { missingPermissions, ok, type RestResponse } from "../http/RestAnswer.ts"
import * as AuditLogObject from "../objects/AuditLogObject.ts"
import * as ChannelObject from "../objects/ChannelObject.ts"
import * as DiscordObject from "../objects/DiscordObject.ts"
import * as EventObject from "../objects/EventObject.ts"
import * as Permissions from "../Permissions.ts"
import { compare } from "../Snowflakes.ts"
import * as World from "../World.ts"
import * as RestRoute from "./RestRoute.ts"

/** The default and the maximum number of entries. */
const [usual, mostListed] = [50, 100]

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  world: World.World,
  audit: Pick<AuditLog, "of">,
  inGuild: (call: RestRoute.Call, f: (guild: World.Guild, me: World.Member) => RestResponse) => RestResponse
): ReadonlyArray<RestRoute.Route> => {
  /** The objects that the entries refer to. */
  const referenced = (guild: World.Guild, entries: ReadonlyArray<AuditLogObject.Entry>): DiscordObject.Json => {
    const ids = new Set<string | undefined>(entries.flatMap(({ targetId, userId }) => [userId, targetId]))
    return {
      application_commands: [],
      auto_moderation_rules: [],
      guild_scheduled_events: Array.from(guild.events.values()).filter(({ id }) => ids.has(id))
        .map((one) => EventObject.json(one)),
      integrations: [],
      threads: World.threadsOf(world, guild.id).filter(({ id }) => ids.has(id))
        .map((one) => ChannelObject.channel(world, one)),
      users: Array.from(world.users.values()).filter(({ id }) => ids.has(id)).map(DiscordObject.user),
      webhooks: Array.from(world.webhooks.values()).filter(({ id }) => ids.has(id)).map((one) => Webhooks.json(one))
    }
  }

  const list = (call: RestRoute.Call) =>
    inGuild(call, (guild, me) => {
      if (!Permissions.has(Permissions.inGuild(guild, me), "VIEW_AUDIT_LOG")) return missingPermissions
      const { limit, problems } = limitIn(call.query, usual, mostListed)
      const [after, before, type, userId] = ["after", "before", "action_type", "user_id"].map((key) =>
        call.query.get(key) ?? undefined
      )
      const wrong = [
        ...problems,
        ...ofSnowflake("user_id", userId),
        ...ofSnowflake("before", before),
        ...ofSnowflake("after", after),
        ...(type !== undefined && !/^\d+$/.test(type) ? ofInteger("action_type", type, 0, 0) : [])
      ]
      if (wrong.length > 0) return invalidForm(...wrong)
      const found = audit.of(guild.id).filter((entry) =>
        (userId === undefined || entry.userId === userId) &&
        (type === undefined || AuditLogObject.actions[entry.action] === Number(type)) &&
        (before === undefined || compare(entry.id, before) < 0) &&
        (after === undefined || compare(entry.id, after) > 0)
      )
      // `after` continues from there upwards; if both are given, the order is undocumented
      const isUpwards = after !== undefined && before === undefined
      const entries = (isUpwards ? found : found.toReversed()).slice(0, limit)
      return ok({ audit_log_entries: entries.map(AuditLogObject.json), ...referenced(guild, entries) })
    })

  return [RestRoute.make("GET", "/guilds/:/audit-logs", list)]
}
