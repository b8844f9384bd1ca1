/**
 * Scheduled events over REST (Discord docs, Resources, Guild Scheduled Event).
 *
 * @since 0.1.0
 */
import * as Admission from "../Admission.ts"
import type { Plan, ScheduledEvents } from "../guilds/ScheduledEvents.ts"
import { isYes } from "../http/Body.ts"
import { invalidForm, limitIn, noChoice } from "../http/FormProblems.ts"
import { error, missingAccess, missingPermissions, nothing, ok, type RestResponse } from "../http/RestAnswer.ts"
import * as DiscordObject from "../objects/DiscordObject.ts"
import * as EventObject from "../objects/EventObject.ts"
import * as Permissions from "../Permissions.ts"
import { compare } from "../Snowflakes.ts"
import type * as World from "../World.ts"
import * as EventForm from "./EventForm.ts"
import * as RestRoute from "./RestRoute.ts"

/** The maximum number of upcoming events in a guild, and of users returned at once. */
const [most, mostListed] = [100, 100]

const tooMany = error(400, 30038, `Maximum number of uncompleted guild scheduled events reached (${most})`)
const noStage = error(400, 180002, "Failed to create stage needed for stage event")

/** The states that can follow each state (Valid Guild Scheduled Event Status Transitions). */
const following: { readonly [K in World.ScheduledEvent["status"]]: ReadonlyArray<World.ScheduledEvent["status"]> } = {
  scheduled: ["active", "canceled"],
  active: ["completed"],
  completed: [],
  canceled: []
}

/** The additional permissions in the channel of an event (Guild Scheduled Event Permissions Requirements). */
const needed: { readonly [K in World.ScheduledEvent["kind"]]: ReadonlyArray<Permissions.Name> } = {
  voice: ["VIEW_CHANNEL", "CONNECT"],
  stage: ["MANAGE_CHANNELS", "MUTE_MEMBERS", "MOVE_MEMBERS"],
  external: []
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  world: World.World,
  events: ScheduledEvents,
  /** Milliseconds of Unix time. */
  wall: () => number,
  inGuild: (call: RestRoute.Call, f: (guild: World.Guild, me: World.Member) => RestResponse) => RestResponse
): ReadonlyArray<RestRoute.Route> => {
  /** The permissions in the channel of an event, or in the guild if it has none. */
  const mine = (guild: World.Guild, me: World.Member, { channelId }: Pick<Plan, "channelId">): bigint => {
    const channel = channelId === undefined ? undefined : guild.channels.get(channelId)
    return channel === undefined ? Permissions.inGuild(guild, me) : Admission.permissions(world, channel, me.userId)
  }

  const sees = (guild: World.Guild, me: World.Member, event: World.ScheduledEvent) =>
    event.channelId === undefined || Permissions.has(mine(guild, me, event), "VIEW_CHANNEL")

  const mayPlan = (
    guild: World.Guild,
    me: World.Member,
    plan: Pick<Plan, "channelId" | "kind">,
    oneOf: ReadonlyArray<Permissions.Name>
  ) => {
    const permissions = mine(guild, me, plan)
    return oneOf.some((name) => Permissions.has(permissions, name)) &&
      needed[plan.kind].every((name) => Permissions.has(permissions, name))
  }

  const inEvent = (
    call: RestRoute.Call,
    f: (event: World.ScheduledEvent, guild: World.Guild, me: World.Member) => RestResponse
  ) =>
    inGuild(call, (guild, me) => {
      const event = guild.events.get(call.ids[1] ?? "")
      if (event === undefined) return EventForm.unknownEvent
      return sees(guild, me, event) ? f(event, guild, me) : missingAccess
    })

  /** The creator of an event and everybody who manages events may change it. */
  const managing = (event: World.ScheduledEvent, me: World.Member): ReadonlyArray<Permissions.Name> =>
    event.creator.id === me.userId ? ["CREATE_EVENTS", "MANAGE_EVENTS"] : ["MANAGE_EVENTS"]

  const isCounted = ({ query }: RestRoute.Call) => isYes(query.get("with_user_count"))

  const create = (call: RestRoute.Call) =>
    inGuild(call, (guild, me) => {
      const plan = EventForm.read(guild, undefined, call.body, wall())
      if ("status" in plan) return plan
      if (!mayPlan(guild, me, plan, ["CREATE_EVENTS"])) return missingPermissions
      if (EventObject.ahead(guild).length >= most) return tooMany
      return ok(EventObject.json(events.create(guild, call.user, plan)))
    })

  const modify = (call: RestRoute.Call) =>
    inEvent(call, (event, guild, me) => {
      if (!mayPlan(guild, me, event, managing(event, me))) return missingPermissions
      if (!EventObject.isAhead(event)) return EventForm.finishedEvent
      const plan = EventForm.read(guild, event, call.body, wall())
      if ("status" in plan) return plan
      if (!mayPlan(guild, me, plan, managing(event, me))) return missingPermissions
      const { status } = call.body
      const choices = following[event.status]
      const to = choices.find((one) => EventObject.statuses[one] === status)
      // that it is refused is documented, but not the code
      if (status !== undefined && status !== EventObject.statuses[event.status] && to === undefined) {
        return invalidForm(noChoice("status", choices.map((one) => EventObject.statuses[one])))
      }
      return events.change(event, plan, to) ? ok(EventObject.json(event)) : noStage
    })

  const remove = (call: RestRoute.Call) =>
    inEvent(call, (event, guild, me) => {
      if (!mayPlan(guild, me, event, managing(event, me))) return missingPermissions
      events.remove(event)
      return nothing
    })

  /** In the order of their ids; if both are given, only `before` counts. */
  const users = (call: RestRoute.Call) =>
    inEvent(call, (event, guild) => {
      const { limit, problems } = limitIn(call.query, mostListed, mostListed)
      if (problems.length > 0) return invalidForm(...problems)
      const [after, before] = [call.query.get("after"), call.query.get("before")]
      const isWanted = (id: string) =>
        before === null ? after === null || compare(id, after) > 0 : compare(id, before) < 0
      const wanted = Array.from(event.subscribers).filter(isWanted).toSorted(compare)
      const some = before === null ? wanted.slice(0, limit) : wanted.slice(-limit)
      return ok(some.flatMap((id) => {
        const user = world.users.get(id)
        const member = isYes(call.query.get("with_member")) ? guild.members.get(id) : undefined
        return user === undefined ? [] : [{
          guild_scheduled_event_id: event.id,
          user: DiscordObject.user(user),
          ...(member === undefined ? {} : { member: DiscordObject.member(world, member) })
        }]
      }))
    })

  const [all, one] = ["/guilds/:/scheduled-events", "/guilds/:/scheduled-events/:"]
  return [
    RestRoute.make("GET", all, (call) =>
      inGuild(call, (guild, me) =>
        ok(
          EventObject.ahead(guild).filter((event) => sees(guild, me, event))
            .map((event) => EventObject.json(event, isCounted(call)))
        ))),
    RestRoute.make("POST", all, create),
    RestRoute.make("GET", one, (call) => inEvent(call, (event) => ok(EventObject.json(event, isCounted(call))))),
    RestRoute.make("PATCH", one, modify),
    RestRoute.make("DELETE", one, remove),
    RestRoute.make("GET", `${one}/users`, users)
  ]
}
