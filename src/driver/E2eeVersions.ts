/**
 * Which version of end-to-end encryption is in force in a call, which transitions to another one are announced, and whether
 * plain frames may be taken (DAVE whitepaper, Protocol Transitions). Plain code; it says nothing to anybody.
 *
 * @since 0.1.0
 */

/**
 * @category models
 * @since 0.1.0
 */
export interface E2eeVersions {
  /** 0 is none. */
  readonly inForce: () => number
  /**
   * Plain frames are taken while nobody encrypts, or is about to stop, and for ten seconds after that has changed: members
   * that are late to learn of an upgrade still send them.
   */
  readonly takesPlain: (nowMs: number) => boolean
  /** A call begins whose members encrypt already, or none of them does. */
  readonly begin: (version: number) => void
  /** The version is in force at once. */
  readonly enforce: (version: number) => void
  /** A transition leads to a version. One with the id 0 is executed at once; gives whether this is one. */
  readonly announce: (transition: number, version: number) => boolean
  /** Gives false for a transition that was not announced, or is over. */
  readonly execute: (transition: number) => boolean
  /** The ids of what was announced and not executed yet. */
  readonly announced: () => ReadonlyArray<number>
  /** The group goes on without us, or begins anew. A downgrade is for all in the channel: it is kept, unless `all`. */
  readonly forget: (all: boolean) => void
  readonly lastExecuted: () => number
  readonly executions: () => number
}

const graceMs = 10_000

/**
 * At version 0. `now` is in milliseconds of a monotonic clock. `onEncrypting` is called at once when it changes whether what
 * we send has to be encrypted.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (now: () => number, onEncrypting: (isEncrypting: boolean) => void): E2eeVersions => {
  const pending = new Map<number, number>()
  let version = 0
  let plainUntilMs = Infinity
  let last = 0
  let executions = 0

  const setVersion = (next: number): void => {
    const former = version
    version = next
    if (former > 0 !== next > 0) onEncrypting(next > 0)
  }

  const enforce = (next: number): void => {
    setVersion(next)
    if (next === 0 || Array.from(pending.values()).includes(0)) plainUntilMs = Infinity
    else if (plainUntilMs === Infinity) plainUntilMs = now() + graceMs
  }

  const execute = (transition: number): boolean => {
    const next = pending.get(transition)
    if (next === undefined) return false
    // what a downgrade overtakes is not executed any more
    if (next === 0) pending.clear()
    else pending.delete(transition)
    executions++
    last = transition
    enforce(next)
    return true
  }

  return {
    inForce: () => version,
    takesPlain: (nowMs) => nowMs <= plainUntilMs,
    begin: (next) => {
      pending.clear()
      setVersion(next)
      plainUntilMs = next === 0 ? Infinity : -Infinity
    },
    enforce,
    announce: (transition, next) => {
      pending.set(transition, next)
      if (next === 0) plainUntilMs = Infinity
      return transition === 0 && execute(0)
    },
    execute,
    announced: () => Array.from(pending.keys()),
    forget: (all) => {
      for (const [id, next] of pending) {
        if (all || next > 0) pending.delete(id)
      }
    },
    lastExecuted: () => last,
    executions: () => executions
  }
}
