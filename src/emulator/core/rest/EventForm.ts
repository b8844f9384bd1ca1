/**
 * The properties of a scheduled event that a bot creates or changes (Discord docs, Resources, Guild Scheduled Event). Images
 * and recurrence rules are ignored.
 *
 * @since 0.1.0
 */
import type { Plan } from "../guilds/ScheduledEvents.ts"
import * as Body from "../http/Body.ts"
import { invalidForm, noChoice, ofText, ofTime, type Problem, required } from "../http/FormProblems.ts"
import { error, type RestResponse, unknownChannel, wrongKind } from "../http/RestAnswer.ts"
import type { Json } from "../objects/DiscordObject.ts"
import * as EventObject from "../objects/EventObject.ts"
import type * as World from "../World.ts"

/**
 * @category constants
 * @since 0.1.0
 */
export const unknownEvent: RestResponse = error(404, 10070, "Unknown Guild Scheduled Event")

/**
 * @category constants
 * @since 0.1.0
 */
export const finishedEvent: RestResponse = error(400, 180000, "Cannot update a finished event")

/** Only visible to the guild (Guild Scheduled Event Privacy Level). */
const levels = [2]

const inPast: Problem = {
  path: "scheduled_start_time",
  code: "GUILD_SCHEDULED_EVENT_SCHEDULE_PAST",
  message: "Cannot schedule event in the past."
}

/** The code was observed by a client; the text is unknown. */
const isRunning: Problem = {
  path: "scheduled_start_time",
  code: "GUILD_SCHEDULED_EVENT_INVALID_START_BY_STATUS",
  message: "Cannot change the start of an event that is running."
}

/** That it is refused is known, but neither the code nor the text. */
const endsEarly: Problem = {
  path: "scheduled_end_time",
  code: "GUILD_SCHEDULED_EVENT_SCHEDULE_PAST",
  message: "Cannot schedule event in the past."
}

const msOf = (value: unknown, before: number | undefined): number | undefined => {
  if (value === undefined) return before
  return typeof value === "string" ? Date.parse(value) : undefined
}

const kindOf = (value: unknown, before: World.ScheduledEvent["kind"] | undefined) => {
  if (value === undefined) return before
  return (["stage", "voice", "external"] as const).find((kind) => EventObject.kinds[kind] === value)
}

const locationIn = (metadata: unknown) => Body.isObject(metadata) ? metadata["location"] : undefined

/**
 * The new properties of an event. `before` is the one that is changed, if there is one; `nowMs` is Unix time.
 *
 * @category codecs
 * @since 0.1.0
 */
export const read = (
  guild: World.Guild,
  before: World.ScheduledEvent | undefined,
  body: Json,
  nowMs: number
): Plan | RestResponse => {
  const { description, entity_metadata: metadata, entity_type: type, name, privacy_level: level } = body
  const { scheduled_end_time: end, scheduled_start_time: start } = body
  const kind = kindOf(type, before?.kind)
  const isNew = before === undefined
  const isExternal = kind === "external"
  const location = metadata === undefined ? before?.location : locationIn(metadata)
  const channelId = body["channel_id"] === undefined ? before?.channelId : Body.idOf(body["channel_id"])
  const [startMs, endMs] = [msOf(start, before?.startMs), msOf(end, before?.endMs)]
  const problems: ReadonlyArray<Problem> = [
    ...ofText("name", name, { least: 1, most: 100, isRequired: isNew || name !== undefined }),
    ...ofText("description", description === "" ? null : description, { least: 1, most: 1_000 }),
    ...(isNew && level === undefined ? [required("privacy_level")] : []),
    ...(level !== undefined && level !== levels[0] ? [noChoice("privacy_level", levels)] : []),
    ...(isNew && type === undefined ? [required("entity_type")] : []),
    ...(type !== undefined && kind === undefined ? [noChoice("entity_type", Object.values(EventObject.kinds))] : []),
    ...(startMs === undefined ? [required("scheduled_start_time")] : []),
    ...ofTime("scheduled_start_time", start),
    ...ofTime("scheduled_end_time", end),
    ...(isExternal && endMs === undefined ? [required("scheduled_end_time")] : []),
    ...(isExternal ? ofText("entity_metadata.location", location, { least: 1, most: 100, isRequired: true }) : []),
    ...(!isExternal && channelId === undefined ? [required("channel_id")] : [])
  ]
  if (problems.length > 0 || kind === undefined || startMs === undefined) return invalidForm(...problems)
  if (start !== undefined && before?.status === "active") return invalidForm(isRunning)
  if (start !== undefined && startMs <= nowMs) return invalidForm(inPast)
  if (endMs !== undefined && endMs <= startMs) return invalidForm(endsEarly)
  const channel = Array.from(guild.channels.values()).find(({ id }) => id === channelId)
  if (!isExternal && channel === undefined) return unknownChannel
  if (!isExternal && channel?.kind !== kind) return wrongKind
  return {
    name: typeof name === "string" ? name.trim() : before?.name ?? "",
    description: description === undefined ? before?.description : String(description ?? "") || undefined,
    kind,
    channelId: isExternal ? undefined : channel?.id,
    location: isExternal ? String(location) : undefined,
    startMs,
    endMs
  }
}
