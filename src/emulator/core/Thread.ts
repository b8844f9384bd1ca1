/**
 * What a thread has that other channels do not (Discord docs, Topics, Threads).
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
  /** Only its members and moderators see it. */
  readonly isPrivate: boolean
  /** When it was made, in milliseconds of Unix time. */
  readonly createdMs: number
  /** Who is in it, and since when, in milliseconds of Unix time. */
  readonly members: Map<UserId, number>
  isArchived: boolean
  /** Nobody but moderators writes there, or takes it out of the archive. */
  isLocked: boolean
  /** Whether those who are no moderators take others into a private one. */
  isInvitable: boolean
  /** How long nothing has to happen before it goes into the archive. */
  autoArchiveMinutes: number
  /** When it went into the archive or came out of it last, in milliseconds of Unix time. */
  archiveChangedMs: number
  /** When something happened there last, in the core's time. */
  activeMs: number
  /** Seconds that everybody waits between two messages; nobody is held to it. */
  slowmode: number
  /** Messages of people and bots that are there. */
  messageCount: number
  /** The same with those that are gone. */
  sentCount: number
}

/**
 * After how many minutes a thread can go into the archive (Discord docs, Channel Object, `auto_archive_duration`).
 *
 * @category constants
 * @since 0.1.0
 */
export const autoArchiveMinutes = [60, 1_440, 4_320, 10_080] as const
