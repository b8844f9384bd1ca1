/**
 * The other users in the channel: those whom proposals may add to the group (ops 11 and 13).
 *
 * @since 0.1.0
 */
import type { UserId } from "../../protocol/Identifier.ts"

/** Limits what a server can make us remember, and search for each proposal, to more than there are in any call. */
const most = 10_000

/**
 * @category models
 * @since 0.1.0
 */
export class E2eeOthers {
  readonly #self: UserId
  /** Created for the first user: many connections are alone for a long time. */
  #users: Set<UserId> | undefined = undefined

  constructor(self: UserId) {
    this.#self = self
  }

  /** Adds users. If there are too many, the oldest is dropped. */
  add(users: ReadonlyArray<UserId>): void {
    for (const userId of users) {
      if (userId !== this.#self) (this.#users ??= new Set()).add(userId)
    }
    for (const first of this.#users ?? []) {
      if ((this.#users?.size ?? 0) <= most) break
      this.#users?.delete(first)
    }
  }

  remove(userId: UserId): void {
    this.#users?.delete(userId)
  }

  isEmpty(): boolean {
    return this.#users === undefined || this.#users.size === 0
  }

  /** All users, including us. */
  all(): Array<UserId> {
    return [this.#self, ...this.#users ?? []]
  }
}
