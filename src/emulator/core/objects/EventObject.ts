/**
 * Scheduled events of guilds as Discord's JSON objects (Discord docs, Resources, Guild Scheduled Event).
 *
 * @since 0.1.0
 */
import type { Guild, ScheduledEvent } from "../World.ts"
import { guildOnly } from "./ChannelObject.ts"
import { type Json, user } from "./DiscordObject.ts"

/**
 * Guild Scheduled Event Entity Types.
 *
 * @category constants
 * @since 0.1.0
 */
export const kinds = { stage: 1, voice: 2, external: 3 } as const

/**
 * Guild Scheduled Event Status.
 *
 * @category constants
 * @since 0.1.0
 */
export const statuses = { scheduled: 1, active: 2, completed: 3, canceled: 4 } as const

const timeOf = (ms: number | undefined) => ms === undefined ? null : new Date(ms).toISOString()

/**
 * `isCounted` includes the number of interested users.
 *
 * @category codecs
 * @since 0.1.0
 */
export const json = (event: ScheduledEvent, isCounted = false): Json => ({
  id: event.id,
  guild_id: event.guildId,
  channel_id: event.channelId ?? null,
  creator_id: event.creator.id,
  creator: user(event.creator),
  name: event.name,
  description: event.description ?? null,
  image: null,
  scheduled_start_time: timeOf(event.startMs),
  scheduled_end_time: timeOf(event.endMs),
  privacy_level: guildOnly,
  status: statuses[event.status],
  entity_type: kinds[event.kind],
  entity_id: event.stageId ?? null,
  entity_metadata: event.location === undefined ? null : { location: event.location },
  recurrence_rule: null,
  ...(isCounted ? { user_count: event.subscribers.size } : {})
})

/**
 * Whether it has neither ended nor been canceled.
 *
 * @category guards
 * @since 0.1.0
 */
export const isAhead = ({ status }: ScheduledEvent): boolean => status === "scheduled" || status === "active"

/**
 * The events of a guild that have not ended.
 *
 * @category getters
 * @since 0.1.0
 */
export const ahead = ({ events }: Guild): ReadonlyArray<ScheduledEvent> => Array.from(events.values()).filter(isAhead)
