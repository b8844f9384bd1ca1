/**
 * Tracks which version of end-to-end encryption is in force in a call, which transitions are announced, and whether plain
 * frames may be accepted (DAVE whitepaper, Protocol Transitions). Plain code without output.
 *
 * @since 0.1.0
 */

/**
 * @category models
 * @since 0.1.0
 */
export interface E2eeVersions {
  /** 0 means none. */
  readonly inForce: () => number
  /**
   * Plain frames are accepted while nobody encrypts, or is about to stop encrypting, and for ten seconds after that has
   * changed: members that learn of an upgrade late still send them.
   */
  readonly takesPlain: (nowMs: number) => boolean
  /** Begins a call whose members already encrypt, or none of whom does. */
  readonly begin: (version: number) => void
  /** Puts a version into force immediately. */
  readonly enforce: (version: number) => void
  /** Announces a transition to a version. A transition with the id 0 is executed immediately; returns whether this is one. */
  readonly announce: (transition: number, version: number) => boolean
  /** Returns false for a transition that was not announced, or is over. */
  readonly execute: (transition: number) => boolean
  /** The ids of the transitions that were announced and not executed yet. */
  readonly announced: () => ReadonlyArray<number>
  /**
   * Drops transitions, because the group continues without us or begins again. A downgrade concerns all in the channel: it is
   * kept, unless `all`.
   */
  readonly forget: (all: boolean) => void
  readonly lastExecuted: () => number
  readonly executions: () => number
}

const graceMs = 10_000

/** Limits what a server can make us remember, and search for each message. The oldest announcement is dropped first. */
const mostPending = 100

class Versions implements E2eeVersions {
  readonly #now: () => number
  readonly #onEncrypting: (isEncrypting: boolean) => void
  /** The version of each transition that was announced and not executed yet. Most calls have none. */
  #pending: Map<number, number> | undefined = undefined
  #version = 0
  #plainUntilMs = Infinity
  #last = 0
  #executions = 0

  constructor(now: () => number, onEncrypting: (isEncrypting: boolean) => void) {
    this.#now = now
    this.#onEncrypting = onEncrypting
  }

  inForce(): number {
    return this.#version
  }

  takesPlain(nowMs: number): boolean {
    return nowMs <= this.#plainUntilMs
  }

  begin(version: number): void {
    this.#pending = undefined
    this.#setVersion(version)
    this.#plainUntilMs = version === 0 ? Infinity : -Infinity
  }

  enforce(version: number): void {
    this.#setVersion(version)
    if (version === 0 || Array.from(this.#pending?.values() ?? []).includes(0)) this.#plainUntilMs = Infinity
    else if (this.#plainUntilMs === Infinity) this.#plainUntilMs = this.#now() + graceMs
  }

  announce(transition: number, version: number): boolean {
    this.#pending ??= new Map()
    this.#pending.delete(transition)
    this.#pending.set(transition, version)
    for (const first of this.#pending.keys()) {
      if (this.#pending.size <= mostPending) break
      this.#pending.delete(first)
    }
    if (version === 0) this.#plainUntilMs = Infinity
    return transition === 0 && this.execute(0)
  }

  execute(transition: number): boolean {
    const next = this.#pending?.get(transition)
    if (next === undefined) return false
    // transitions that a downgrade overtakes are not executed any more
    if (next === 0) this.#pending = undefined
    else this.#pending?.delete(transition)
    this.#executions++
    this.#last = transition
    this.enforce(next)
    return true
  }

  announced(): ReadonlyArray<number> {
    return Array.from(this.#pending?.keys() ?? [])
  }

  forget(all: boolean): void {
    for (const [id, next] of this.#pending ?? []) {
      if (all || next > 0) this.#pending?.delete(id)
    }
  }

  lastExecuted(): number {
    return this.#last
  }

  executions(): number {
    return this.#executions
  }

  #setVersion(next: number): void {
    const former = this.#version
    this.#version = next
    if (former > 0 !== next > 0) this.#onEncrypting(next > 0)
  }
}

/**
 * Makes the initial state: version 0. `now` is in milliseconds of a monotonic clock. `onEncrypting` is called immediately when
 * it changes whether what we send has to be encrypted.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (now: () => number, onEncrypting: (isEncrypting: boolean) => void): E2eeVersions =>
  new Versions(now, onEncrypting)
