/**
 * Which SSRC belongs to whom, as reported by the voice gateway (ops 5, 12 and 13). Each connection starts with an empty map.
 *
 * An SSRC that belongs to nobody any more may be assigned to another user next. Packets of the former user may still be under
 * way then, and must not wait for a name: it would be the wrong one.
 *
 * @since 0.1.0
 */
import type { Ssrc, UserId } from "../protocol/Identifier.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface SsrcMap {
  /** Assigns an SSRC to a user. A user has one audio SSRC: an earlier one is removed. */
  readonly assign: (ssrc: Ssrc, userId: UserId) => void
  /** Removes a user who has left. */
  readonly forget: (userId: UserId) => void
  readonly userOf: (ssrc: Ssrc) => UserId | undefined
  /** Whether the SSRC recently belonged to somebody, and belongs to nobody now. */
  readonly isFreed: (ssrc: Ssrc) => boolean
}

/**
 * How long packets of a user who has left are recognized as such, in milliseconds.
 *
 * @category constants
 * @since 0.1.0
 */
export const freedMs = 1_000

/** How many of the last users who left are remembered. */
const freedKept = 256

/** Limits what a server can make us remember, to more than the listeners of any stage. The oldest user is dropped first. */
const mostUsers = 100_000

/**
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** Milliseconds of the monotonic clock. Without it, users who have left are not remembered. */
  readonly now?: (() => number) | undefined
  /** Called when an SSRC does not belong to its former user any more, whether it belongs to another one or to nobody. */
  readonly onFreed?: ((ssrc: Ssrc) => void) | undefined
}

/** Maps are created when something is put into them. */
class Known implements SsrcMap {
  readonly #now: () => number
  readonly #onFreed: ((ssrc: Ssrc) => void) | undefined
  #users: Map<Ssrc, UserId> | undefined
  #ssrcs: Map<UserId, Ssrc> | undefined
  /** The expiry times, with the SSRC that was freed first at the front. */
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
