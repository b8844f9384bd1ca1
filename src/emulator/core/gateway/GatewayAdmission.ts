/**
 * The ways into the main gateway: Identify (op 2) begins a session, Resume (op 6) continues one.
 *
 * @since 0.1.0
 */
import type { Identify, Resume } from "../../../protocol/GatewayPayload.ts"
import type { CoreContext } from "../CoreContext.ts"
import type { World } from "../World.ts"
import { type GatewayConnection, taint } from "./GatewayConnection.ts"
import * as GatewayLogin from "./GatewayLogin.ts"
import type { GatewayRoster } from "./GatewayRoster.ts"
import type { GatewayWire } from "./GatewayWire.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface GatewayAdmission {
  readonly identify: (connection: GatewayConnection, d: Identify) => void
  readonly resume: (connection: GatewayConnection, d: Resume) => void
  /** The number of Identifies that a bot has left in the current 24 hours, of {@link GatewayLogin.identifyLimit}. */
  readonly identifiesLeft: GatewayLogin.Budget["left"]
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  context: CoreContext,
  world: World,
  wire: GatewayWire,
  roster: GatewayRoster
): GatewayAdmission => {
  const { identifyConcurrency, identifyIntervalMs } = context.profile
  const budget = GatewayLogin.makeBudget(context.now, identifyIntervalMs, identifyConcurrency)

  return {
    identify: (connection, d) => {
      if (connection.session !== undefined) {
        return wire.blame(connection, 4005, "Already authenticated.", "double-identify", "Identify was sent twice.")
      }
      const user = GatewayLogin.examine(world, d)
      if ("closeCode" in user) return wire.blame(connection, user.closeCode, user.reason, user.verdict, user.message)
      switch (budget.spend(user.id, d.shard?.[0] ?? 0)) {
        case "exhausted":
          return wire.blame(
            connection,
            4004,
            "Authentication failed.",
            "identify-limit",
            `Identify was sent more than ${GatewayLogin.identifyLimit} times in 24 hours: Discord then resets the bot's token.`
          )
        case "too-early":
          context.judge(
            "violation",
            "identify-limit",
            `Identify was sent less than ${identifyIntervalMs} ms after the previous one.`,
            user.id
          )
          return wire.control(connection, 9, false)
        case "granted":
          break
      }
      // Ignored with transport compression, because the two cannot be combined.
      connection.compressPayloads = d.compress === true
      roster.begin(connection, user, d)
    },
    resume: (connection, d) => {
      if (connection.session !== undefined) {
        return wire.blame(
          connection,
          4005,
          "Already authenticated.",
          "double-identify",
          "Resume was sent on a live session."
        )
      }
      const user = GatewayLogin.userOf(world, d.token)
      if (user === undefined) {
        return wire.blame(
          connection,
          4004,
          "Authentication failed.",
          "bad-token",
          "The token in Resume belongs to no user."
        )
      }
      const session = roster.byId(d.session_id)
      if (session === undefined || session.user.id !== user.id) {
        context.count("gateway-resume-refused")
        return wire.control(connection, 9, false)
      }
      if (d.seq > session.seq) {
        connection.session = session
        session.connection = connection.id
        if (session.tampered) taint(connection)
        wire.judge(
          connection,
          "violation",
          "invalid-seq",
          `Resume names sequence number ${d.seq}, but the last one was ${session.seq}.`
        )
        return wire.close(connection, 4007, "Invalid seq.")
      }
      const oldest = session.replay[0]?.s ?? session.seq + 1
      if (d.seq < oldest - 1) {
        context.count("gateway-replay-overrun")
        wire.control(connection, 9, false)
        return roster.end(session)
      }
      roster.resume(session, connection, d.seq)
    },
    identifiesLeft: budget.left
  }
}
