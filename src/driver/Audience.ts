/**
 * Who listens on a connection, and to which users: packets of users to whom nobody listens are not opened.
 *
 * @since 0.1.0
 */
import type { UserId } from "../protocol/Identifier.ts"
import type { Command } from "./Line.ts"

/**
 * The users that a listener wants to hear; `undefined` means everybody.
 *
 * @category models
 * @since 0.1.0
 */
export type Only = () => ReadonlySet<UserId> | undefined

/**
 * @category models
 * @since 0.1.0
 */
export interface Audience {
  /** Adds a listener, and returns a function that removes it. */
  readonly join: (only: Only) => () => void
  /** Asks all listeners again. */
  readonly refresh: () => void
}

type Listen = Extract<Command, { readonly _tag: "Listen" }>

/**
 * The users that at least one listener wants to hear.
 *
 * @category combinators
 * @since 0.1.0
 */
export const union = (all: Iterable<Only>): ReadonlySet<UserId> | undefined => {
  const users = new Set<UserId>()
  for (const only of all) {
    const wanted = only()
    if (wanted === undefined) return undefined
    for (const userId of wanted) users.add(userId)
  }
  return users
}

class Listeners implements Audience {
  readonly #tell: (command: Listen) => void
  /** One entry per listener, even if two want the same users. */
  #members: Set<{ readonly only: Only }> | undefined
  #told: ReadonlySet<UserId> | undefined
  #isOn = false

  constructor(tell: (command: Listen) => void) {
    this.#tell = tell
  }

  join(only: Only): () => void {
    const member = { only }
    this.#members ??= new Set()
    this.#members.add(member)
    this.refresh()
    return () => {
      this.#members?.delete(member)
      this.refresh()
    }
  }

  refresh(): void {
    const members = this.#members ?? new Set()
    const on = members.size > 0
    const users = on ? union(Array.from(members, ({ only }) => only)) : undefined
    const before = this.#told
    const isSame = on === this.#isOn && users?.size === before?.size &&
      Array.from(users ?? []).every((userId) => before?.has(userId) === true)
    if (isSame) return
    this.#isOn = on
    this.#told = users
    this.#tell({ _tag: "Listen", on, ...(users === undefined ? {} : { users: [...users] }) })
  }
}

/**
 * Makes an audience without listeners. `tell` is called with what the driver has to know when that has changed.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (tell: (command: Listen) => void): Audience => new Listeners(tell)
