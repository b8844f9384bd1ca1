/**
 * Tracks which users are listened to. The choice is made again when something about a user changes.
 *
 * @since 0.1.0
 */
import type { UserId } from "../../protocol/Identifier.ts"
import type { Member } from "../Member.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Wanted {
  /** Whether the user is listened to. Throws what the program's function throws. */
  readonly has: (userId: UserId) => boolean
  /** What is known about the user, or was known last. */
  readonly member: (userId: UserId) => Member | undefined
  /** Sets what is known about a user from now on; `undefined` means that the user has left. */
  readonly know: (userId: UserId, member: Member | undefined, nowMs: number) => void
  /** Forgets the users who left long ago. */
  readonly pass: (nowMs: number) => void
}

/**
 * `lingerMs`: how long audio of a user may still arrive after the user has left, in milliseconds.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  isWanted: (userId: UserId, member?: Member) => boolean,
  members: ReadonlyMap<UserId, Member>,
  lingerMs: number
): Wanted => {
  const known = new Map(members)
  const left = new Map<UserId, number>()
  return {
    has: (userId) => isWanted(userId, known.get(userId)),
    member: (userId) => known.get(userId),
    know: (userId, member, nowMs) => {
      if (member === undefined) {
        left.set(userId, nowMs)
        return
      }
      left.delete(userId)
      known.set(userId, member)
    },
    pass: (nowMs) => {
      for (const [userId, leftMs] of left) {
        if (nowMs - leftMs < lingerMs) continue
        left.delete(userId)
        known.delete(userId)
      }
    }
  }
}
