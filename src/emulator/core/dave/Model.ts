/**
 * The group of a channel, as the rest of the core sees it.
 *
 * @since 0.1.0
 */
import type { UserId } from "../../../protocol/Identifier.ts"
import type { Session } from "../voice/Session.ts"

/**
 * A group as displays and tests see it.
 *
 * @category models
 * @since 0.1.0
 */
export interface GroupView {
  /** The version that all have in common, 0 for none. Session descriptions (op 4) say it. */
  readonly version: number
  /** 0 while there is no group. */
  readonly epoch: number
  readonly members: ReadonlyArray<{ readonly userId: UserId; readonly leaf: number }>
  /** Who has sent a key package and is not in the group. */
  readonly pending: ReadonlyArray<UserId>
  /** How many proposals wait for a commit. */
  readonly proposals: number
  readonly transitions: ReadonlyArray<{
    readonly id: number
    readonly version: number
    readonly waiting: ReadonlyArray<UserId>
  }>
}

/**
 * The group of one channel. Nothing in it may be called from within `tell`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Group {
  readonly enter: (session: Session) => void
  readonly leave: (session: Session) => void
  readonly isEmpty: () => boolean
  /** What the session description says. */
  readonly version: () => number
  /** Sends op 25, if the session needs it and has not got it. */
  readonly sendSender: (session: Session) => void
  /** The session description was sent. */
  readonly described: (session: Session) => void
  /** The connection of the session is lost, and may be resumed. */
  readonly lost: (session: Session) => void
  /**
   * The session was resumed. A commit may have been lost with the connection, and nobody else may be there to make one: what
   * is open is proposed anew.
   */
  readonly resumed: (session: Session) => void
  readonly keyPackage: (session: Session, payload: Uint8Array) => void
  readonly commit: (session: Session, payload: Uint8Array) => void
  readonly ready: (session: Session, transitionId: number) => void
  readonly invalid: (session: Session, transitionId: number) => void
  /** Whether encrypted frames of one session are of use to the other. */
  readonly reads: (sender: Session, listener: Session) => boolean
  /** Since when the session has had to encrypt, in milliseconds; `undefined` if it has not. */
  readonly securedMs: (session: Session) => number | undefined
  /** Since when a session has owed its first key package; `undefined` for one that owes none. */
  readonly owingMs: (session: Session) => number | undefined
  readonly view: () => GroupView
}
