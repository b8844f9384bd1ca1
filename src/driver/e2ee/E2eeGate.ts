/**
 * Whether what plays goes on while nothing can be encrypted, or nobody could read it yet: a track waits for the group while
 * somebody else is there, for a few seconds at most, and goes on unheard where nobody is. Plain code.
 *
 * @since 0.1.0
 */
import type { Gate } from "../media/Sending.ts"

/**
 * How a call stands.
 *
 * @category models
 * @since 0.1.0
 */
export interface Call {
  /** Of the encryption that is in force; 0 is none. */
  readonly version: number
  /** Whether we are in a group. */
  readonly isMember: boolean
  /** Whether nobody can add us yet, because what it takes is being made here. */
  readonly isPreparing: boolean
  /** Whether nobody else is in the channel. */
  readonly isAlone: boolean
}

/** How long a track waits for a group while somebody is there who can add us. */
const holdMs = 5_000

/** How long a track waits for the others to be ready for a group that is new. The voice gateway waits for 2 s. */
const openingMs = 2_500

/**
 * @category models
 * @since 0.1.0
 */
export class E2eeGate {
  /** We are in a new group, and the others may not be yet. */
  #isOpening = false
  #openingUntilMs = 0
  #heldSinceMs: number | undefined = undefined

  /**
   * A commit or Welcome took us to another epoch. What the others cannot read yet is better held than lost; where a group goes
   * on, they follow in no time.
   */
  joined(isNew: boolean, nowMs: number): void {
    this.#isOpening = isNew
    this.#openingUntilMs = nowMs + openingMs
  }

  /** A transition was executed: all are ready. */
  executed(): void {
    this.#isOpening = false
  }

  gate({ isAlone, isMember, isPreparing, version }: Call, nowMs: number): Gate {
    if (version === 0 || (isMember && !this.#isOpening)) {
      this.#heldSinceMs = undefined
      return { _tag: "open" }
    }
    if (isAlone) {
      this.#heldSinceMs = undefined
      // not even encrypted: who comes now could not read it
      return { _tag: "drop" }
    }
    // a thread that is slow to start is no reason to lose what plays: it comes, or the connection ends
    if (isPreparing && this.#heldSinceMs === undefined) {
      return { _tag: "hold", untilMs: Infinity, afterwards: "drop" }
    }
    this.#heldSinceMs ??= nowMs
    return isMember
      ? { _tag: "hold", untilMs: this.#openingUntilMs, afterwards: "open" }
      : { _tag: "hold", untilMs: this.#heldSinceMs + holdMs, afterwards: "drop" }
  }
}
