/**
 * The entries of audit logs as Discord's JSON objects (Discord docs, Resources, Audit Log).
 *
 * @since 0.1.0
 */
import type { Json } from "./DiscordObject.ts"

/**
 * The recorded actions, by Discord's names (Audit Log Events).
 *
 * @category constants
 * @since 0.1.0
 */
export const actions = {
  GUILD_UPDATE: 1,
  CHANNEL_CREATE: 10,
  CHANNEL_UPDATE: 11,
  CHANNEL_DELETE: 12,
  CHANNEL_OVERWRITE_CREATE: 13,
  CHANNEL_OVERWRITE_UPDATE: 14,
  CHANNEL_OVERWRITE_DELETE: 15,
  MEMBER_KICK: 20,
  MEMBER_BAN_ADD: 22,
  MEMBER_BAN_REMOVE: 23,
  MEMBER_UPDATE: 24,
  MEMBER_ROLE_UPDATE: 25,
  MEMBER_MOVE: 26,
  MEMBER_DISCONNECT: 27,
  ROLE_CREATE: 30,
  ROLE_UPDATE: 31,
  ROLE_DELETE: 32,
  INVITE_CREATE: 40,
  INVITE_DELETE: 42,
  WEBHOOK_CREATE: 50,
  WEBHOOK_UPDATE: 51,
  WEBHOOK_DELETE: 52,
  EMOJI_CREATE: 60,
  EMOJI_UPDATE: 61,
  EMOJI_DELETE: 62,
  MESSAGE_DELETE: 72,
  MESSAGE_BULK_DELETE: 73,
  MESSAGE_PIN: 74,
  MESSAGE_UNPIN: 75,
  STAGE_INSTANCE_CREATE: 83,
  STAGE_INSTANCE_UPDATE: 84,
  STAGE_INSTANCE_DELETE: 85,
  GUILD_SCHEDULED_EVENT_CREATE: 100,
  GUILD_SCHEDULED_EVENT_UPDATE: 101,
  GUILD_SCHEDULED_EVENT_DELETE: 102,
  THREAD_CREATE: 110,
  THREAD_UPDATE: 111,
  THREAD_DELETE: 112,
  SOUNDBOARD_SOUND_CREATE: 130,
  SOUNDBOARD_SOUND_UPDATE: 131,
  SOUNDBOARD_SOUND_DELETE: 132,
  VOICE_CHANNEL_STATUS_CREATE: 192,
  VOICE_CHANNEL_STATUS_DELETE: 193
} as const

/**
 * @category models
 * @since 0.1.0
 */
export type Action = keyof typeof actions

/**
 * A changed property. A value that does not exist is left out.
 *
 * @category models
 * @since 0.1.0
 */
export interface Change {
  readonly key: string
  readonly old_value?: unknown
  readonly new_value?: unknown
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Entry {
  readonly id: string
  readonly action: Action
  readonly userId: string
  /** The user or object that was acted on. Moves and disconnections name nobody. */
  readonly targetId: string | undefined
  readonly changes: ReadonlyArray<Change> | undefined
  readonly options: Json | undefined
  readonly reason: string | undefined
}

/** Properties without information, or that are recorded elsewhere. */
const untold = new Set([
  "id",
  "guild_id",
  "user",
  "token",
  "url",
  "last_message_id",
  "message_count",
  "total_message_sent",
  "member_count",
  "member",
  "thread_metadata",
  "archive_timestamp",
  "permission_overwrites"
])

/**
 * The differences between two states of an object; `undefined` means that it does not exist.
 *
 * @category getters
 * @since 0.1.0
 */
export const changes = (before: Json | undefined, after: Json | undefined): ReadonlyArray<Change> =>
  Array.from(new Set([...Object.keys(before ?? {}), ...Object.keys(after ?? {})])).flatMap((key) => {
    const [old, fresh] = [before?.[key] ?? undefined, after?.[key] ?? undefined]
    if (untold.has(key) || JSON.stringify(old) === JSON.stringify(fresh)) return []
    return [{
      key,
      ...(old === undefined ? {} : { old_value: old }),
      ...(fresh === undefined ? {} : { new_value: fresh })
    }]
  })

/**
 * @category codecs
 * @since 0.1.0
 */
export const json = ({ action, changes, id, options, reason, targetId, userId }: Entry): Json => ({
  id,
  user_id: userId,
  target_id: targetId ?? null,
  action_type: actions[action],
  ...(changes === undefined ? {} : { changes }),
  ...(options === undefined ? {} : { options }),
  ...(reason === undefined ? {} : { reason })
})
