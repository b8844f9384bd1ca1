/**
 * Who else is in the channel: those whom proposals may add to the group (ops 11 and 13).
 *
 * @since 0.1.0
 */
import type { UserId } from "../../protocol/Identifier.ts"

/** Bounds what a server can make us remember, and look through with each proposal: more than there are in any call. */
const most = 10_000

/**
 * @category models
 * @since 0.1.0
 */
export class E2eeOthers {
  readonly #self: UserId
  /** Made for the first one: many connections are alone for long. */
  #users: Set<UserId> | undefined = undefined

  constructor(self: UserId) {
    this.#self = self
  }

  /** Who was added first goes where there are too many. */
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

  /** With us among them. */
  all(): Array<UserId> {
    return [this.#self, ...this.#users ?? []]
  }
}
