/**
 * Whose SSRC is whose, as the voice gateway tells it (ops 5, 12 and 13). Each connection starts with an empty map.
 *
 * An SSRC that nobody has any more may be another user's next. Packets of the former one may still be under way then, and must
 * not wait for a name: it would be the wrong one.
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
  /** Whether somebody had it a moment ago, and nobody has it now. */
  readonly isFreed: (ssrc: Ssrc) => boolean
}

/**
 * How long packets of somebody who has left are known as such, in milliseconds.
 *
 * @category constants
 * @since 0.1.0
 */
export const freedMs = 1_000

/** How many of those who have left last are remembered. */
const freedKept = 256

/** Bounds what a server can make us remember, beyond the listeners of any stage: who was named first goes. */
const mostUsers = 100_000

/**
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** Milliseconds of the monotonic clock. Without it nobody is remembered who has left. */
  readonly now?: (() => number) | undefined
  /** An SSRC is not that user's any more to whom it belonged, whether it is another's already or nobody's. */
  readonly onFreed?: ((ssrc: Ssrc) => void) | undefined
}

/** Maps are made when something comes into them. */
class Known implements SsrcMap {
  readonly #now: () => number
  readonly #onFreed: ((ssrc: Ssrc) => void) | undefined
  #users: Map<Ssrc, UserId> | undefined
  #ssrcs: Map<UserId, Ssrc> | undefined
  /** Until when, the one that was freed first in front. */
  #freed: Map<Ssrc, number> | undefined

  constructor({ now = () => Infinity, onFreed }: Options) {
    this.#now = now
    this.#onFreed = onFreed
  }

  assign(ssrc: Ssrc, userId: UserId): void {
    const users = this.#users ??= new Map<Ssrc, UserId>()
    const ssrcs = this.#ssrcs ??= new Map<UserId, Ssrc>()
    const former = ssrcs.get(userId)
    const owner = users.get(ssrc)
    if (former !== undefined && former !== ssrc) this.#free(former)
    if (owner !== undefined && owner !== userId) {
      ssrcs.delete(owner)
      this.#free(ssrc)
    }
    this.#freed?.delete(ssrc)
    ssrcs.set(userId, ssrc)
    users.set(ssrc, userId)
    if (ssrcs.size <= mostUsers) return
    for (const first of ssrcs.keys()) {
      this.forget(first)
      break
    }
  }

  forget(userId: UserId): void {
    const ssrc = this.#ssrcs?.get(userId)
    this.#ssrcs?.delete(userId)
    if (ssrc !== undefined) this.#free(ssrc)
  }

  userOf(ssrc: Ssrc): UserId | undefined {
    return this.#users?.get(ssrc)
  }

  isFreed(ssrc: Ssrc): boolean {
    return (this.#freed?.get(ssrc) ?? -Infinity) > this.#now()
  }

  #free(ssrc: Ssrc): void {
    const freed = this.#freed ??= new Map<Ssrc, number>()
    this.#users?.delete(ssrc)
    freed.set(ssrc, this.#now() + freedMs)
    for (const [first, untilMs] of freed) {
      if (untilMs > this.#now() && freed.size <= freedKept) break
      freed.delete(first)
    }
    this.#onFreed?.(ssrc)
  }
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: Options = {}): SsrcMap => new Known(options)
