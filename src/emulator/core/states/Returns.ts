/**
 * Detects clients that rejoin a channel immediately whenever a moderator removes them: nobody can get rid of such a client
 * (andersfylling/disgord#258).
 *
 * @since 0.1.0
 */
import type { GuildId, UserId } from "../../../protocol/Identifier.ts"
import type { CoreContext } from "../CoreContext.ts"

/**
 * A member of a guild.
 *
 * @category models
 * @since 0.1.0
 */
export interface Who {
  readonly userId: UserId
  readonly guildId: GuildId
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Returns {
  /** Tells that a moderator has removed a member, who is told so. */
  readonly removed: (who: Who) => void
  /** Tells that a member who was in no channel enters one. `tampered`: a fault may have hidden from it that it was removed. */
  readonly entered: (who: Who, tampered: boolean) => void
}

/**
 * How soon after a removal a return is immediate, in milliseconds.
 *
 * @category constants
 * @since 0.1.0
 */
export const atOnceMs = 5_000

/**
 * How many consecutive removals have to be answered like this: once or twice somebody may have asked for it.
 *
 * @category constants
 * @since 0.1.0
 */
export const patience = 3

/** How long a return is remembered, in milliseconds. */
const memoryMs = 600_000

interface Removal {
  readonly atMs: number
  /** How many consecutive removals before this one were answered immediately. */
  readonly streak: number
  returned: boolean
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (context: CoreContext): Returns => {
  const { voiceEventDelayMs, voiceEventGapMs } = context.profile
  const removals = new Map<string, Removal>()
  const keyOf = ({ guildId, userId }: Who) => `${guildId}/${userId}`

  return {
    removed: (who) => {
      const before = removals.get(keyOf(who))
      const goesOn = before !== undefined && context.now() - before.atMs < memoryMs
      removals.set(keyOf(who), { atMs: context.now(), streak: goesOn ? before.streak + 1 : 0, returned: false })
    },
    entered: (who, tampered) => {
      const removal = removals.get(keyOf(who))
      if (removal === undefined || removal.returned) return
      if (context.now() - removal.atMs > atOnceMs + voiceEventDelayMs + voiceEventGapMs) {
        removals.delete(keyOf(who))
        return
      }
      removal.returned = true
      if (removal.streak + 1 !== patience) return
      const code = "return-after-kick"
      if (tampered) return context.count(`tampered:${code}`)
      context.judge(
        "advice",
        code,
        `Update Voice State was sent right after each of ${patience} kicks: a bot that a moderator has removed must stay out.`,
        who.userId
      )
    }
  }
}
