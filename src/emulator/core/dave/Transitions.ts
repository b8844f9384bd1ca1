/**
 * The transitions of one channel (DAVE whitepaper, Protocol Transitions): announced, prepared (op 23), executed (op 22).
 * Several can be under way.
 *
 * @since 0.1.0
 */
import type { CoreContext } from "../CoreContext.ts"
import type { Session } from "../voice/Session.ts"
import type { Standing } from "./Standing.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Transition {
  readonly id: number
  /** The protocol version after it. */
  readonly version: number
  readonly waiting: ReadonlySet<Standing>
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Transitions {
  /** The id of the next transition: 0 after (re)initialization, if the profile says so, otherwise counted from 1. */
  readonly nextId: () => number
  /**
   * Begins a transition that its recipients are told about. `onExecuted` runs when all are ready or time is up, and immediately
   * for id 0, which has no ops 22 and 23. It gets the recipients that were not dismissed.
   */
  readonly begin: (
    id: number,
    version: number,
    recipients: ReadonlyArray<Standing>,
    onExecuted: (recipients: Iterable<Standing>) => void
  ) => void
  /** Handles Ready (op 23). Returns whether a transition was waiting for it. */
  readonly ready: (standing: Standing, id: number) => boolean
  /** Stops waiting for this member, and tells it nothing more. */
  readonly dismiss: (standing: Standing) => void
  /** The same for the transitions of a group: a downgrade also concerns those outside of it. */
  readonly excuse: (standing: Standing) => void
  /** Cancels what is under way. */
  readonly cancel: () => void
  /** The group starts again, and so do the ids. */
  readonly restart: () => void
  readonly pending: () => ReadonlyArray<Transition>
}

interface Entry extends Transition {
  readonly waiting: Set<Standing>
  readonly recipients: Set<Standing>
  readonly onExecuted: (recipients: Iterable<Standing>) => void
  readonly cancel: () => void
}

/**
 * Makes the transitions of one group. `execute` tells a member that one is executed; `onTimeout` is called for each member that
 * was not ready in time.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  context: CoreContext,
  execute: (session: Session, id: number) => void,
  onTimeout: (standing: Standing, id: number) => void
): Transitions => {
  const { profile } = context
  const entries = new Map<number, Entry>()
  let first = true
  let last = 0

  const finish = (entry: Entry): void => {
    entry.cancel()
    if (entries.get(entry.id) === entry) entries.delete(entry.id)
    for (const { session } of entry.recipients) execute(session, entry.id)
    entry.onExecuted(entry.recipients)
  }

  const strike = (entry: Entry, standing: Standing): void => {
    if (entry.waiting.delete(standing) && entry.waiting.size === 0) finish(entry)
  }

  const remove = (standing: Standing, leastVersion: number): void => {
    for (const entry of Array.from(entries.values())) {
      if (entry.version < leastVersion) continue
      entry.recipients.delete(standing)
      strike(entry, standing)
    }
  }

  const cancel = (): void => {
    for (const entry of entries.values()) entry.cancel()
    entries.clear()
  }

  return {
    nextId: () => {
      const isFirst = first
      first = false
      if (isFirst && profile.daveFirstTransition === "zero") return 0
      last = last === 0xffff ? 1 : last + 1
      return last
    },
    begin: (id, version, recipients, onExecuted) => {
      context.count("dave-transition")
      for (const { transitions, welcomes } of recipients) transitions.set(id, welcomes)
      if (id === 0) return onExecuted(recipients)
      const cancel = context.timers.at(context.now() + profile.daveTransitionTimeoutMs, () => {
        context.count("dave-transition-timeout")
        for (const standing of entry.waiting) onTimeout(standing, id)
        finish(entry)
      })
      const entry: Entry = {
        id,
        version,
        waiting: new Set(recipients),
        recipients: new Set(recipients),
        onExecuted,
        cancel
      }
      entries.set(id, entry)
      if (entry.waiting.size === 0) finish(entry)
    },
    ready: (standing, id) => {
      const entry = entries.get(id)
      if (entry === undefined || !entry.waiting.has(standing)) return false
      strike(entry, standing)
      return true
    },
    dismiss: (standing) => remove(standing, 0),
    excuse: (standing) => remove(standing, 1),
    cancel,
    restart: () => {
      cancel()
      first = true
    },
    pending: () => Array.from(entries.values())
  }
}
