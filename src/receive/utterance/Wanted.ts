/**
 * Who is listened to, by what is known of them: asked again when that is something else.
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
  /** What it throws is what the program's choice throws. */
  readonly has: (userId: UserId) => boolean
  /** What is known of somebody from now on; `undefined`: they have left. */
  readonly know: (userId: UserId, member: Member | undefined, nowMs: number) => void
  /** Forgets those who left long ago. */
  readonly pass: (nowMs: number) => void
}

/**
 * `lingerMs`: for so long something still comes of somebody who has left, in milliseconds.
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
