/**
 * What can be done to the voice sessions of a user from within the server.
 *
 * @since 0.1.0
 */
import type { UserId } from "../../../protocol/Identifier.ts"
import type { Address, CoreContext } from "../CoreContext.ts"
import type { Roster } from "./Roster.ts"
import type { Session } from "./Session.ts"
import type { Signalling } from "./Signalling.ts"
import type { Wire } from "./Wire.ts"

/**
 * Every method that returns a boolean tells whether there was a session to act on.
 *
 * @category models
 * @since 0.1.0
 */
export interface Disturbance {
  /** Sends a heartbeat (op 3) of the server, which the client has to answer immediately. */
  readonly requestHeartbeat: (userId: UserId) => boolean
  /**
   * Sends another session description (op 4), with a new key. Packets under way that were sealed with the former key are still
   * opened.
   */
  readonly rekey: (userId: UserId) => boolean
  /** From now on a Resume finds that what it missed is not kept any more: 4006. Versions before 8 miss nothing. */
  readonly overrunReplay: (userId: UserId) => boolean
  /** Cuts the connection, if there is one, and ends the session as if the time to resume were over. */
  readonly expire: (userId: UserId) => boolean
  /** Sets the number of the first message in the sessions that the user begins from now on. */
  readonly startSequence: (userId: UserId, first: number) => void
  /**
   * Sends media to the address in Select Protocol (op 1) until that comes again. Returns the addresses at which clients are
   * seen.
   */
  readonly pin: (userId: UserId) => ReadonlyArray<Address>
  /** Sends media to where the client is seen again. */
  readonly unpin: (userId: UserId, seen: (address: Address) => Address) => void
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (context: CoreContext, wire: Wire, roster: Roster, signalling: Signalling): Disturbance => {
  const clients = (userId: UserId): ReadonlyArray<Session> =>
    roster.ofUser(userId).filter(({ credentials }) => credentials !== undefined)

  /** Acts on each session of a client, and returns whether that was possible for one of them. */
  const each = (userId: UserId, f: (session: Session) => boolean): boolean => {
    let found = false
    for (const session of clients(userId)) if (f(session)) found = true
    return found
  }

  return {
    requestHeartbeat: (userId) =>
      each(userId, ({ connection }) => {
        if (connection === undefined) return false
        wire.send(connection, { op: 3, d: { t: Math.trunc(context.now()) } })
        return true
      }),
    rekey: (userId) => each(userId, signalling.rekey),
    overrunReplay: (userId) =>
      each(userId, ({ outbox, version }) => {
        if (version === undefined || version < 8) return false
        outbox.overrun()
        return true
      }),
    expire: (userId) =>
      each(userId, (session) => {
        if (session.connection !== undefined) wire.terminate(session.connection)
        roster.end(session, 1006)
        return true
      }),
    startSequence: roster.setFirstSequence,
    pin: (userId) =>
      clients(userId).flatMap((session) => {
        const seen = session.target ?? session.selected ?? session.discovered
        if (seen === undefined) return []
        session.pinned = true
        session.target = seen
        return [seen]
      }),
    unpin: (userId, seen) => {
      for (const session of clients(userId)) {
        if (!session.pinned) continue
        session.pinned = false
        if (session.target !== undefined) session.target = seen(session.target)
      }
    }
  }
}
