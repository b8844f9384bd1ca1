/**
 * Whose SSRC is whose, as the voice gateway tells it (ops 5, 12 and 13). Each connection starts with an empty map.
 *
 * @since 0.1.0
 */
import type { Ssrc, UserId } from "../protocol/Identifier.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface SsrcMap {
  /** Says whose SSRC it is. A user has one audio SSRC: an earlier one is forgotten. */
  readonly assign: (ssrc: Ssrc, userId: UserId) => void
  /** Forgets a user who has left. */
  readonly forget: (userId: UserId) => void
  readonly userOf: (ssrc: Ssrc) => UserId | undefined
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (): SsrcMap => {
  const users = new Map<Ssrc, UserId>()
  const ssrcs = new Map<UserId, Ssrc>()
  return {
    assign: (ssrc, userId) => {
      const former = ssrcs.get(userId)
      if (former !== undefined) users.delete(former)
      const previousOwner = users.get(ssrc)
      if (previousOwner !== undefined) ssrcs.delete(previousOwner)
      ssrcs.set(userId, ssrc)
      users.set(ssrc, userId)
    },
    forget: (userId) => {
      const ssrc = ssrcs.get(userId)
      ssrcs.delete(userId)
      if (ssrc !== undefined) users.delete(ssrc)
    },
    userOf: (ssrc) => users.get(ssrc)
  }
}
