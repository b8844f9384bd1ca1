/**
 * A connection to the main gateway: what its URL and its Identify have requested, its user, and how much it has sent.
 *
 * @since 0.1.0
 */
import type { UserId } from "../../../protocol/Identifier.ts"
import type { ConnectionId } from "../CoreContext.ts"
import type { GatewaySession } from "./GatewaySession.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface GatewayConnection {
  readonly id: ConnectionId
  /** The API version in its URL. */
  readonly version: number
  readonly compress: ((text: string) => Uint8Array) | undefined
  /** Whether Identify has requested payload compression. */
  compressPayloads: boolean
  session: GatewaySession | undefined
  /** Whether a fault has withheld or changed a message, so that the client cannot be blamed any more. */
  tampered: boolean
  /** The user of the connection until it has a session, by its first message or by who is expected. */
  claimant: UserId | undefined
  windowStartMs: number
  sent: number
  /** Until when messages may arrive that were sent before the client received Invalid Session (op 9). */
  underWayUntilMs: number
  /** When the last heartbeat arrived, or Hello was sent, before the faults. */
  sentBeatMs: number
  cancelSupervision: () => void
}

/**
 * Makes a new connection.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  options: Pick<GatewayConnection, "id" | "version" | "compress" | "claimant">,
  nowMs: number
): GatewayConnection => ({
  ...options,
  compressPayloads: false,
  session: undefined,
  tampered: false,
  windowStartMs: nowMs,
  sent: 0,
  underWayUntilMs: 0,
  sentBeatMs: nowMs,
  cancelSupervision: () => {}
})

/**
 * The user of a connection, as far as it can be known.
 *
 * @category guards
 * @since 0.1.0
 */
export const userOf = (connection: GatewayConnection): UserId | undefined =>
  connection.session?.user.id ?? connection.claimant

/**
 * Notes that a fault has withheld or changed a message.
 *
 * @category tampering
 * @since 0.1.0
 */
export const taint = (connection: GatewayConnection): void => {
  connection.tampered = true
  if (connection.session !== undefined) connection.session.tampered = true
}

/**
 * The number of messages that a connection may send within {@link sendWindowMs}; more close it with 4008 (Discord docs,
 * Gateway, Rate Limiting).
 *
 * @category constants
 * @since 0.1.0
 */
export const sendLimit = 120

/**
 * In milliseconds.
 *
 * @category constants
 * @since 0.1.0
 */
export const sendWindowMs = 60_000

/**
 * Counts a message of the client. Returns whether it exceeds the limit.
 *
 * @category limits
 * @since 0.1.0
 */
export const isOverLimit = (connection: GatewayConnection, nowMs: number): boolean => {
  if (nowMs - connection.windowStartMs >= sendWindowMs) {
    connection.windowStartMs = nowMs
    connection.sent = 0
  }
  return ++connection.sent > sendLimit
}
