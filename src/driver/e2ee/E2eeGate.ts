/**
 * Decides whether what is played continues while nothing can be encrypted, or nobody could decrypt it yet. While somebody else
 * is there a track waits for the group, for a few seconds at most. If nobody else is there it continues unheard. Plain code.
 *
 * @since 0.1.0
 */
import type { Gate } from "../media/Sending.ts"

/**
 * The state of a call.
 *
 * @category models
 * @since 0.1.0
 */
export interface Call {
  /** The version of the encryption in force; 0 means none. */
  readonly version: number
  /** Whether we are in a group. */
  readonly isMember: boolean
  /** Whether nobody can add us yet, because we are still preparing what that requires. */
  readonly isPreparing: boolean
  /** Whether nobody else is in the channel. */
  readonly isAlone: boolean
}

/** How long a track waits for a group while somebody is there who can add us. */
const holdMs = 5_000

/** How long a track waits for the others to be ready for a new group. The voice gateway waits for 2 s. */
const openingMs = 2_500

/**
 * @category models
 * @since 0.1.0
 */
export class E2eeGate {
  /** Whether we are in a new group for which the others may not be ready. */
  #isOpening = false
  #openingUntilMs = 0
  #heldSinceMs: number | undefined = undefined

  /**
   * A commit or Welcome took us to another epoch. What the others cannot decrypt yet should be held and not lost. In a group
   * that continues, they follow almost immediately.
   */
  joined(isNew: boolean, nowMs: number): void {
    this.#isOpening = isNew
    this.#openingUntilMs = nowMs + openingMs
  }

  /** A transition was executed: all members are ready. */
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
      // not even encrypted: a member who arrives now could not decrypt it
      return { _tag: "drop" }
    }
    // a thread that starts slowly is no reason to lose what is played: it starts, or the connection ends
    if (isPreparing && this.#heldSinceMs === undefined) {
      return { _tag: "hold", untilMs: Infinity, afterwards: "drop" }
    }
    this.#heldSinceMs ??= nowMs
    return isMember
      ? { _tag: "hold", untilMs: this.#openingUntilMs, afterwards: "open" }
      : { _tag: "hold", untilMs: this.#heldSinceMs + holdMs, afterwards: "drop" }
  }
}
