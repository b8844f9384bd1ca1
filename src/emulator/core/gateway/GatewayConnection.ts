/**
 * A connection to the main gateway: what its URL and its Identify have asked for, whose it is, and how much it has sent.
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
  /** Of the API, as its URL says. */
  readonly version: number
  readonly compress: ((text: string) => Uint8Array) | undefined
  /** Whether Identify has asked for payload compression. */
  compressPayloads: boolean
  session: GatewaySession | undefined
  /** Whether a fault has kept back or changed a message, so that the client cannot be blamed any more. */
  tampered: boolean
  /** Whose connection it is, by its first message, or by who is expected, until it has a session. */
  claimant: UserId | undefined
  windowStartMs: number
  sent: number
  /** Until when messages may come that were sent before the client heard of Invalid Session (op 9). */
  underWayUntilMs: number
  /** When the last heartbeat came, or Hello went, before the faults. */
  sentBeatMs: number
  cancelSupervision: () => void
}

/**
 * A connection that has just come.
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
 * Whose connection it is, as far as anybody can know.
 *
 * @category guards
 * @since 0.1.0
 */
export const userOf = (connection: GatewayConnection): UserId | undefined =>
  connection.session?.user.id ?? connection.claimant

/**
 * Notes that a fault has kept back or changed a message.
 *
 * @category tampering
 * @since 0.1.0
 */
export const taint = (connection: GatewayConnection): void => {
  connection.tampered = true
  if (connection.session !== undefined) connection.session.tampered = true
}

/**
 * Messages that a connection may send within {@link sendWindowMs}; more close it with 4008 (Discord docs, Gateway, Rate
 * Limiting).
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
 * Counts a message of the client; whether it is one too many.
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
