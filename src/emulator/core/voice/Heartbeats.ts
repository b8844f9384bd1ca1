/**
 * The supervision of heartbeats on a connection to the voice gateway.
 *
 * @since 0.1.0
 */
import type { CoreContext, Verdict } from "../CoreContext.ts"
import type { Connection } from "./Session.ts"

/**
 * What a connection tells its supervision.
 *
 * @category models
 * @since 0.1.0
 */
export interface Heartbeats {
  /** Hello was sent: the first interval begins. */
  readonly start: (connection: Connection) => void
  /** A heartbeat has left the client; whether it gets through the faults is another matter. */
  readonly sent: (connection: Connection) => void
  /** A heartbeat has arrived. */
  readonly arrived: (connection: Connection) => void
}

/** Intervals after which a heartbeat is late. */
const lateness = 1.25

/**
 * Makes the supervision. `onMissing` runs when no heartbeat has come for the profile's number of intervals.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (context: CoreContext, onMissing: (connection: Connection) => void): Heartbeats => {
  const { heartbeatTolerance, voiceHeartbeatIntervalMs } = context.profile
  const limitMs = heartbeatTolerance * voiceHeartbeatIntervalMs

  const judge = (connection: Connection, severity: Verdict["severity"], code: string, message: string): void => {
    // Without Hello, or with one that came late, nobody can keep the interval.
    if (connection.tampered) context.count(`tampered:${code}`)
    else context.judge(severity, code, message, connection.session?.userId)
  }

  const watch = (connection: Connection): void => {
    connection.cancelDeadline = context.timers.at(connection.beatMs + limitMs, () => {
      connection.cancelDeadline = undefined
      if (context.now() < connection.beatMs + limitMs) return watch(connection)
      if (context.now() >= connection.sentBeatMs + limitMs) {
        judge(connection, "violation", "heartbeat-missing", `no heartbeat on the voice gateway for ${limitMs} ms`)
      }
      onMissing(connection)
    })
  }

  return {
    start: (connection) => {
      connection.beatMs = context.now()
      connection.sentBeatMs = context.now()
      watch(connection)
    },
    sent: (connection) => {
      const since = context.now() - connection.sentBeatMs
      if (since > lateness * voiceHeartbeatIntervalMs) {
        judge(
          connection,
          "advice",
          "late-heartbeat",
          `a heartbeat on the voice gateway came after ${Math.round(since)} of ${voiceHeartbeatIntervalMs} ms`
        )
      }
      connection.sentBeatMs = context.now()
    },
    arrived: (connection) => {
      connection.beatMs = context.now()
    }
  }
}
