/**
 * Supervises the heartbeats on a connection to the main gateway: that they arrive, in time, and are answered.
 *
 * @since 0.1.0
 */
import type { CoreContext } from "../CoreContext.ts"
import type { GatewayConnection } from "./GatewayConnection.ts"
import type { GatewayWire } from "./GatewayWire.ts"

/**
 * What a connection reports to its supervision.
 *
 * @category models
 * @since 0.1.0
 */
export interface GatewayHeartbeats {
  /** Begins the first interval: sends Hello (op 10). */
  readonly start: (connection: GatewayConnection) => void
  /** Tells that a heartbeat has left the client, whether it gets through the faults or not. */
  readonly sent: (connection: GatewayConnection) => void
  /** Tells that a heartbeat has arrived, and acknowledges it (op 11). */
  readonly arrived: (connection: GatewayConnection) => void
}

/** The number of intervals after which a heartbeat is late. */
const lateness = 1.25

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (context: CoreContext, wire: GatewayWire): GatewayHeartbeats => {
  const { gatewayHeartbeatIntervalMs, gatewayHeartbeatTolerance } = context.profile

  const watch = (connection: GatewayConnection) => {
    connection.cancelSupervision()
    connection.cancelSupervision = context.timers.at(
      context.now() + gatewayHeartbeatIntervalMs * gatewayHeartbeatTolerance,
      () =>
        wire.blame(
          connection,
          4009,
          "Session timed out.",
          "heartbeat-missing",
          `The main gateway received no heartbeat for ${gatewayHeartbeatTolerance} intervals.`
        )
    )
  }

  return {
    start: (connection) => {
      watch(connection)
      wire.control(connection, 10, { heartbeat_interval: gatewayHeartbeatIntervalMs })
    },
    sent: (connection) => {
      const since = context.now() - connection.sentBeatMs
      connection.sentBeatMs = context.now()
      if (since <= gatewayHeartbeatIntervalMs * lateness) return
      wire.judge(
        connection,
        "advice",
        "late-heartbeat",
        `A main gateway heartbeat was sent ${
          Math.round(since)
        } ms after the previous one; the interval is ${gatewayHeartbeatIntervalMs} ms.`
      )
    },
    arrived: (connection) => {
      watch(connection)
      wire.control(connection, 11, null)
    }
  }
}
