/**
 * The sessions of stages, over REST (Discord docs, Resources, Stage Instance). The moderators of a stage may mute and move
 * members and manage the channel.
 *
 * @since 0.1.0
 */
import type { ScheduledEvents } from "../guilds/ScheduledEvents.ts"
import type { Stages } from "../guilds/Stages.ts"
import * as Body from "../http/Body.ts"
import { invalidForm, ofText, type Problem } from "../http/FormProblems.ts"
import {
  error,
  missingPermissions,
  nothing,
  ok,
  type RestResponse,
  unknownChannel,
  wrongKind
} from "../http/RestAnswer.ts"
import * as ChannelObject from "../objects/ChannelObject.ts"
import type * as DiscordObject from "../objects/DiscordObject.ts"
import * as EventObject from "../objects/EventObject.ts"
import type * as World from "../World.ts"
import type { InChannel } from "./ChannelRoutes.ts"
import { finishedEvent, unknownEvent } from "./EventForm.ts"
import type { May } from "./PlaceRoutes.ts"
import * as RestRoute from "./RestRoute.ts"

const unknownInstance = error(404, 10067, "Unknown Stage Instance")
const otherEvent = error(
  400,
  50091,
  "The entity type of the event is different from the entity you are trying to start the event for"
)
const alreadyOpen = error(400, 150006, "The Stage is already open")

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  world: World.World,
  stages: Stages,
  events: Pick<ScheduledEvents, "change">,
  inChannel: InChannel
): ReadonlyArray<RestRoute.Route> => {
  const answer = (channel: World.Channel) => {
    const [json] = ChannelObject.stageInstance(channel)
    return json === undefined ? unknownInstance : ok(json)
  }

  const moderates = (may: May) => may("MANAGE_CHANNELS") && may("MUTE_MEMBERS") && may("MOVE_MEMBERS")

  const problemsOf = ({ topic }: DiscordObject.Json): ReadonlyArray<Problem> =>
    ofText("topic", topic, { least: 1, most: 120, isRequired: true })

  const create = (call: RestRoute.Call) => {
    const id = Body.idOf(call.body["channel_id"])
    if (id === undefined) return unknownChannel
    return inChannel({ ...call, ids: [id] }, (channel, may) => {
      if (channel.kind !== "stage") return wrongKind
      if (!moderates(may)) return missingPermissions
      const problems = problemsOf(call.body)
      if (problems.length > 0) return invalidForm(...problems)
      if (channel.stage !== undefined) return alreadyOpen
      const topic = String(call.body["topic"])
      const eventId = Body.idOf(call.body["guild_scheduled_event_id"])
      if (eventId === undefined) stages.setTopic(channel, topic)
      else {
        const event = world.guilds.get(channel.guildId)?.events.get(eventId)
        if (event === undefined) return unknownEvent
        if (event.kind !== "stage" || event.channelId !== channel.id) return otherEvent
        if (!EventObject.isAhead(event)) return finishedEvent
        // a running one already has a session
        if (!events.change(event, event, "active", topic)) return alreadyOpen
      }
      return answer(channel)
    })
  }

  const inHeld = (call: RestRoute.Call, f: (channel: World.Channel) => RestResponse) =>
    inChannel(call, (channel, may) => {
      if (channel.stage === undefined) return unknownInstance
      return moderates(may) ? f(channel) : missingPermissions
    })

  const modify = (call: RestRoute.Call) =>
    inHeld(call, (channel) => {
      const problems = call.body["topic"] === undefined ? [] : problemsOf(call.body)
      if (problems.length > 0) return invalidForm(...problems)
      if (typeof call.body["topic"] === "string") stages.setTopic(channel, call.body["topic"])
      return answer(channel)
    })

  const end = (call: RestRoute.Call) =>
    inHeld(call, (channel) => {
      stages.end(channel)
      return nothing
    })

  const one = "/stage-instances/:"
  return [
    RestRoute.make("POST", "/stage-instances", create),
    RestRoute.make("GET", one, (call) => inChannel(call, answer)),
    RestRoute.make("PATCH", one, modify),
    RestRoute.make("DELETE", one, end)
  ]
}
