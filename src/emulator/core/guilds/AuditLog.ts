/**
 * The audit log: what is recorded of the actions of moderators, and who is told (Discord docs, Resources, Audit Log, and
 * Gateway Events, Guild Audit Log Entry Create).
 *
 * @since 0.1.0
 */
import { Intents } from "../../../protocol/GatewayPayload.ts"
import type { GuildId } from "../../../protocol/Identifier.ts"
import type { GatewayServer } from "../gateway/GatewayServer.ts"
import * as AuditLogObject from "../objects/AuditLogObject.ts"
import type { Json } from "../objects/DiscordObject.ts"
import type { Profile } from "../Profile.ts"
import * as Snowflakes from "../Snowflakes.ts"
import type * as World from "../World.ts"
import * as Permitted from "./Permitted.ts"

/**
 * Who acts, and the stated reason. Actions of an unknown user are not recorded.
 *
 * @category models
 * @since 0.1.0
 */
export interface Actor {
  readonly userId: string | undefined
  readonly reason?: string | undefined
}

/**
 * An action to be recorded, with its object `before` and `after` it, if it existed: an update without changes is not recorded.
 *
 * @category models
 * @since 0.1.0
 */
export interface Deed {
  readonly action: AuditLogObject.Action
  readonly targetId?: string | undefined
  readonly before?: Json | undefined
  readonly after?: Json | undefined
  readonly changes?: ReadonlyArray<AuditLogObject.Change>
  readonly options?: Json
}

/**
 * @category models
 * @since 0.1.0
 */
export interface AuditLog {
  /** Attributes what happens in `f` to this actor. Otherwise, it is the owner of the guild. */
  readonly as: <A>(actor: Actor, f: () => A) => A
  /**
   * GUILD_AUDIT_LOG_ENTRY_CREATE for sessions with the intent whose user may see the log, unless the action is merged into an
   * existing entry.
   */
  readonly write: (guildId: GuildId, deed: Deed) => void
  /** The oldest first. */
  readonly of: (guildId: GuildId) => ReadonlyArray<AuditLogObject.Entry>
}

/** Entries are kept for 45 days (Audit Log), and at most this many here, so that an endless run has limited memory. */
const [keptMs, most] = [45 * 24 * 3_600_000, 10_000]

/** The first entry of a seed without a wall clock is from 2024. */
const leastMs = 1_704_067_200_000

/** The actions that are merged into one entry. */
const counted: ReadonlySet<AuditLogObject.Action> = new Set(["MEMBER_MOVE", "MEMBER_DISCONNECT", "MESSAGE_DELETE"])

interface Kept {
  entry: AuditLogObject.Entry
  readonly atMs: number
  count: number
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  { gateway, now, profile, wall, world }: {
    readonly world: World.World
    readonly gateway: Pick<GatewayServer, "sessions" | "dispatch">
    readonly profile: Pick<Profile, "auditLogMergeMs">
    /** The core's time. */
    readonly now: () => number
    /** Milliseconds of Unix time. */
    readonly wall: () => number
  }
): AuditLog => {
  const logs = new Map<GuildId, Array<Kept>>()
  // not random, so that a seed gives everything else the same values as before
  let last = 0
  const nextId = Snowflakes.make(() => Math.max(wall(), leastMs + now()), () => String(++last))
  let actor: Actor | undefined

  const keptOf = (guildId: GuildId) => {
    const kept = logs.get(guildId) ?? []
    logs.set(guildId, kept)
    while (kept[0] !== undefined && (kept.length > most || kept[0].atMs <= now() - keptMs)) kept.shift()
    return kept
  }

  const hearers = { intent: Intents.GuildModeration, permissions: ["VIEW_AUDIT_LOG"] } as const

  return {
    as: (who, f) => {
      const before = actor
      actor = who
      try {
        return f()
      } finally {
        actor = before
      }
    },
    write: (guildId, { action, options, targetId, ...what }) => {
      const guild = world.guilds.get(guildId)
      const userId = actor === undefined ? guild?.ownerId : actor.userId
      const { after, before } = what
      const isOtherwise = before !== undefined || after !== undefined
      const changes = isOtherwise ? AuditLogObject.changes(before, after) : what.changes
      if (guild === undefined || userId === undefined || changes?.length === 0) return
      const kept = keptOf(guildId)
      const isCounted = counted.has(action)
      const like = isCounted
        ? kept.findLast(({ atMs, entry }) =>
          entry.action === action && entry.userId === userId && entry.targetId === targetId &&
          entry.options?.["channel_id"] === options?.["channel_id"] && now() - atMs < profile.auditLogMergeMs
        )
        : undefined
      if (like !== undefined) {
        like.count++
        like.entry = { ...like.entry, options: { ...like.entry.options, count: String(like.count) } }
        return
      }
      const entry: AuditLogObject.Entry = {
        id: nextId(),
        action,
        userId,
        targetId,
        changes,
        options: isCounted ? { ...options, count: "1" } : options,
        reason: actor?.reason === "" ? undefined : actor?.reason
      }
      kept.push({ entry, atMs: now(), count: 1 })
      const json = { ...AuditLogObject.json(entry), guild_id: guildId }
      Permitted.tell({ world, gateway }, guild, hearers, "GUILD_AUDIT_LOG_ENTRY_CREATE", json)
    },
    of: (guildId) => keptOf(guildId).map(({ entry }) => entry)
  }
}
