/**
 * The scheduled events of guilds: they are created, begin, end and are canceled, and users are interested in them (Discord
 * docs, Resources, Guild Scheduled Event).
 *
 * @since 0.1.0
 */
import { Intents } from "../../../protocol/GatewayPayload.ts"
import type { ChannelId, UserId } from "../../../protocol/Identifier.ts"
import type { GatewayServer } from "../gateway/GatewayServer.ts"
import type { Json } from "../objects/DiscordObject.ts"
import * as EventObject from "../objects/EventObject.ts"
import type { Observers } from "../Observers.ts"
import type { Profile } from "../Profile.ts"
import type { Timers } from "../Surroundings.ts"
import * as World from "../World.ts"
import type { AuditLog } from "./AuditLog.ts"
import type { Stages } from "./Stages.ts"

/**
 * The properties of an event.
 *
 * @category models
 * @since 0.1.0
 */
export type Plan = Pick<
  World.ScheduledEvent,
  "name" | "description" | "kind" | "channelId" | "location" | "startMs" | "endMs"
>

/**
 * All changes are sent to sessions with the intent for events.
 *
 * @category models
 * @since 0.1.0
 */
export interface ScheduledEvents {
  readonly create: (guild: World.Guild, creator: World.User, plan: Plan) => World.ScheduledEvent
  /**
   * An event on a stage begins with a stage session, and ends with it. Returns false, and changes nothing, if there already is
   * a session.
   */
  readonly change: (
    event: World.ScheduledEvent,
    plan: Plan,
    status?: World.ScheduledEvent["status"],
    /** The topic of the stage. Default: the name of the event; undocumented. */
    topic?: string
  ) => boolean
  readonly remove: (event: World.ScheduledEvent) => void
  /**
   * Marks a user as interested in an event, by its id or its name, or as no longer interested. Returns whether there is such an
   * event in its guilds and this is a change.
   */
  readonly subscribe: (userId: UserId, event: string, isInterested: boolean) => boolean
}

/**
 * The number of past events per guild that can still be requested, so that an endless run has limited memory. For how long is
 * undocumented.
 */
const mostOver = 100

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  { audit, gateway, nextId, observe, profile, stages, timers, wall, world }: {
    readonly world: World.World
    readonly gateway: Pick<GatewayServer, "broadcast">
    readonly audit: Pick<AuditLog, "as" | "write">
    readonly stages: Stages
    readonly profile: Pick<Profile, "eventEmptyMs" | "eventOverdueMs">
    readonly observe: Observers["observe"]
    readonly nextId: () => string
    readonly timers: Timers & { readonly now: () => number }
    /** Milliseconds of Unix time. */
    readonly wall: () => number
  }
): ScheduledEvents => {
  const pending = new Map<string, () => void>()

  const say = (event: World.ScheduledEvent, t: string, json: Json = EventObject.json(event)) =>
    gateway.broadcast(event.guildId, Intents.GuildScheduledEvents, t, json)

  /** An event in the audit log. */
  const told = (event: World.ScheduledEvent): Json => {
    const { creator: _, entity_metadata: __, creator_id: ___, ...rest } = EventObject.json(event)
    return { ...rest, location: event.location ?? null }
  }

  const channelOf = ({ channelId }: World.ScheduledEvent) =>
    channelId === undefined ? undefined : world.channels.get(channelId)

  const callOff = ({ id }: World.ScheduledEvent) => {
    pending.get(id)?.()
    pending.delete(id)
  }

  /** What happens automatically otherwise (Guild Scheduled Event Status Update Automation). It is attributed to nobody. */
  const watch = (event: World.ScheduledEvent) => {
    callOff(event)
    const at = (atMs: number, status: World.ScheduledEvent["status"]) =>
      void pending.set(
        event.id,
        timers.at(Math.max(atMs, timers.now()), () => {
          const channel = channelOf(event)
          if (status === "completed" && channel !== undefined && World.occupants(world, channel).length > 0) return
          audit.as({ userId: undefined }, () => change(event, event, status))
        })
      )
    const inCore = (ms: number) => timers.now() + ms - wall()
    if (event.status === "scheduled") {
      if (event.kind === "external") at(inCore(event.startMs), "active")
      else at(inCore(event.startMs) + profile.eventOverdueMs, "canceled")
    } else if (event.status === "active") {
      if (event.kind !== "external") at(timers.now() + profile.eventEmptyMs, "completed")
      else if (event.endMs !== undefined) at(inCore(event.endMs), "completed")
    }
  }

  const change: ScheduledEvents["change"] = (event, plan, status = event.status, topic = plan.name) => {
    const [before, from] = [told(event), channelOf(event)]
    const begins = status === "active" && event.status !== "active"
    const channel = plan.channelId === undefined ? undefined : world.channels.get(plan.channelId)
    if (begins && plan.kind === "stage") {
      if (channel === undefined || channel.stage !== undefined) return false
      event.stageId = stages.setTopic(channel, topic, event.id)
    }
    const isOtherwise = status !== event.status || plan.startMs !== event.startMs || plan.endMs !== event.endMs ||
      plan.kind !== event.kind || plan.channelId !== event.channelId
    const { channelId, description, endMs, kind, location, name, startMs } = plan
    Object.assign(event, { channelId, description, endMs, kind, location, name, startMs, status })
    if (isOtherwise) watch(event)
    say(event, "GUILD_SCHEDULED_EVENT_UPDATE")
    if (!EventObject.isAhead(event)) forget(event)
    // what happens to an event that is moved to another channel is undocumented
    if (status !== "active" || channelOf(event) !== from) endStage(event, from)
    const { guildId, id: targetId } = event
    audit.write(guildId, { action: "GUILD_SCHEDULED_EVENT_UPDATE", targetId, before, after: told(event) })
    return true
  }

  /** Removes the past event that ended first. */
  const forget = (event: World.ScheduledEvent) => {
    const events = world.guilds.get(event.guildId)?.events
    if (events === undefined) return
    events.delete(event.id)
    events.set(event.id, event)
    const over = Array.from(events.values()).filter((one) => !EventObject.isAhead(one))
    if (over.length > mostOver && over[0] !== undefined) events.delete(over[0].id)
  }

  const endStage = (event: World.ScheduledEvent, channel = channelOf(event)) => {
    if (channel?.stage?.eventId === event.id) stages.end(channel)
  }

  // members who join, leave or are moved: an event of a voice channel ends some time after the last one has left
  observe((happening) => {
    const ids: ReadonlyArray<ChannelId> = happening._tag === "Moved"
      ? [happening.from, happening.channelId]
      : happening._tag === "Joined" || happening._tag === "Left" || happening._tag === "ChannelDeleted"
      ? [happening.channelId]
      : []
    if (ids.length === 0 || !("guildId" in happening)) return
    for (const event of world.guilds.get(happening.guildId)?.events.values() ?? []) {
      if (!ids.some((id) => id === event.channelId) || !EventObject.isAhead(event)) continue
      if (happening._tag === "ChannelDeleted") {
        const status = event.status === "active" ? "completed" : "canceled"
        audit.as({ userId: undefined }, () => change(event, event, status))
      } else if (event.status === "active") watch(event)
    }
  })

  return {
    create: (guild, creator, plan) => {
      const event: World.ScheduledEvent = {
        ...plan,
        id: nextId(),
        guildId: guild.id,
        creator,
        status: "scheduled",
        stageId: undefined,
        subscribers: new Set()
      }
      guild.events.set(event.id, event)
      watch(event)
      say(event, "GUILD_SCHEDULED_EVENT_CREATE")
      audit.write(guild.id, { action: "GUILD_SCHEDULED_EVENT_CREATE", targetId: event.id, after: told(event) })
      return event
    },
    change,
    remove: (event) => {
      callOff(event)
      world.guilds.get(event.guildId)?.events.delete(event.id)
      say(event, "GUILD_SCHEDULED_EVENT_DELETE")
      endStage(event)
      const { guildId, id: targetId } = event
      audit.write(guildId, { action: "GUILD_SCHEDULED_EVENT_DELETE", targetId, before: told(event) })
    },
    subscribe: (userId, wanted, isInterested) => {
      const all = Array.from(world.guilds.values()).filter(({ members }) => members.has(userId)).flatMap(
        EventObject.ahead
      )
      const event = all.find(({ id }) => id === wanted) ?? all.find(({ name }) => name === wanted)
      if (event === undefined || event.subscribers.has(userId) === isInterested) return false
      if (isInterested) event.subscribers.add(userId)
      else event.subscribers.delete(userId)
      say(event, isInterested ? "GUILD_SCHEDULED_EVENT_USER_ADD" : "GUILD_SCHEDULED_EVENT_USER_REMOVE", {
        guild_scheduled_event_id: event.id,
        user_id: userId,
        guild_id: event.guildId
      })
      return true
    }
  }
}
