/**
 * The group of a channel from the point of view of the rest of the core.
 *
 * @since 0.1.0
 */
import type { UserId } from "../../../protocol/Identifier.ts"
import type { Session } from "../voice/Session.ts"

/**
 * A group for displays and tests.
 *
 * @category models
 * @since 0.1.0
 */
export interface GroupView {
  /** The version that all have in common, 0 for none. Session descriptions (op 4) contain it. */
  readonly version: number
  /** 0 while there is no group. */
  readonly epoch: number
  readonly members: ReadonlyArray<{ readonly userId: UserId; readonly leaf: number }>
  /** The users who have sent a key package and are not in the group. */
  readonly pending: ReadonlyArray<UserId>
  /** The number of proposals that wait for a commit. */
  readonly proposals: number
  readonly transitions: ReadonlyArray<{
    readonly id: number
    readonly version: number
    readonly waiting: ReadonlyArray<UserId>
  }>
}

/**
 * The group of one channel. None of its functions may be called from inside `tell`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Group {
  readonly enter: (session: Session) => void
  readonly leave: (session: Session) => void
  readonly isEmpty: () => boolean
  /** The version in session descriptions. */
  readonly version: () => number
  /** Sends op 25, if the session needs it and has not received it. */
  readonly sendSender: (session: Session) => void
  /** Tells that the session description was sent. */
  readonly described: (session: Session) => void
  /** Tells that the connection of the session is lost, and may be resumed. */
  readonly lost: (session: Session) => void
  /**
   * Tells that the session was resumed. A commit may have been lost with the connection, and nobody else may be there to make
   * one, so what is open is proposed again.
   */
  readonly resumed: (session: Session) => void
  readonly keyPackage: (session: Session, payload: Uint8Array) => void
  readonly commit: (session: Session, payload: Uint8Array) => void
  readonly ready: (session: Session, transitionId: number) => void
  readonly invalid: (session: Session, transitionId: number) => void
  /** Whether the listener can decrypt encrypted frames of the sender. */
  readonly reads: (sender: Session, listener: Session) => boolean
  /** Since when the session has had to encrypt, in milliseconds; `undefined` if it does not. */
  readonly securedMs: (session: Session) => number | undefined
  /** Since when a session has owed its first key package; `undefined` if it owes none. */
  readonly owingMs: (session: Session) => number | undefined
  readonly view: () => GroupView
}
