/**
 * What a thread has in addition to other channels (Discord docs, Topics, Threads).
 *
 * @since 0.1.0
 */
import type { UserId } from "../../protocol/Identifier.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Thread {
  readonly ownerId: UserId
  /** Whether only its members and moderators see it. */
  readonly isPrivate: boolean
  /** When it was created, in milliseconds of Unix time. */
  readonly createdMs: number
  /** Its members and when they joined, in milliseconds of Unix time. */
  readonly members: Map<UserId, number>
  isArchived: boolean
  /** Whether only moderators may write in it and unarchive it. */
  isLocked: boolean
  /** Whether users who are not moderators may add others to a private thread. */
  isInvitable: boolean
  /** After how many minutes of inactivity it is archived. */
  autoArchiveMinutes: number
  /** When it was last archived or unarchived, in milliseconds of Unix time. */
  archiveChangedMs: number
  /** When something last happened in it, in the core's time. */
  activeMs: number
  /** How many seconds users have to wait between two messages. Not enforced. */
  slowmode: number
  /** The number of current messages of people and bots. */
  messageCount: number
  /** The same including deleted ones. */
  sentCount: number
}

/**
 * The possible values of the inactivity in minutes (Discord docs, Channel Object, `auto_archive_duration`).
 *
 * @category constants
 * @since 0.1.0
 */
export const autoArchiveMinutes = [60, 1_440, 4_320, 10_080] as const
