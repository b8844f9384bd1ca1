/**
 * The policy of a session: how to react to the loss of a connection, how long to wait between attempts, and how long to wait
 * for the main gateway. Every part can be replaced.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Schedule from "effect/Schedule"
import * as CloseCode from "../protocol/CloseCode.ts"
import type { Reason, VoiceError } from "../VoiceError.ts"

/**
 * How a session reacts to the end of a connection, or to a failed attempt to connect.
 *
 * - `rejoin`: leave and ask the main gateway for new credentials, after a delay of {@link Policy.backoff}.
 * - `rejoin-once`: the same, but a second time in a row is final.
 * - `await-gateway`: do nothing yet; the next event of the main gateway decides.
 * - `stop`: the session ends with this reason.
 *
 * @category models
 * @since 0.1.0
 */
export type Reaction = "rejoin" | "rejoin-once" | "await-gateway" | "stop"

/**
 * How a session deals with losses.
 *
 * @category models
 * @since 0.1.0
 */
export interface Policy {
  readonly react: (reason: Reason) => Reaction
  /**
   * The delays between successive attempts, given what went wrong. When the schedule is over, the session ends with the last
   * reason.
   */
  readonly backoff: Schedule.Schedule<unknown, VoiceError>
  /** How long a connection has to be up until earlier failures no longer count. */
  readonly stableAfter: Duration.Input
  /** How long to wait for the main gateway after `await-gateway`. */
  readonly gatewayPatience: Duration.Input
  /** How long to wait for a voice server that Discord is looking for, or for a main gateway that is unavailable. */
  readonly serverPatience: Duration.Input
  /**
   * What to do if Discord removes the bot from its channel while a lost connection waits for its next attempt. The loss
   * itself or a moderator can be the reason. `rejoin`: the bot comes back; `stop`: the session ends with `Disconnected`.
   */
  readonly removal: "rejoin" | "stop"
}

/**
 * Reasons other than close codes that a new attempt may fix: the network, the other side, used-up nonces, a Discord library
 * that is not connected at the moment. All others stay the same however often one tries.
 */
const passing: ReadonlySet<Reason["_tag"]> = new Set([
  "PhaseTimedOut",
  "JoinTimedOut",
  "SocketOpenFailed",
  "HeartbeatUnanswered",
  "ProtocolViolated",
  "UdpFailed",
  "UdpLost",
  "DiscoveryUnanswered",
  "CryptoFailed",
  "GatewayFailed"
])

/**
 * The reaction that the table of close codes gives, and `rejoin` for everything else that may pass. A reaction of `resume` in
 * the table becomes `rejoin`, since the driver has already tried to resume.
 *
 * @category constructors
 * @since 0.1.0
 */
export const react = (reason: Reason): Reaction => {
  // a place may become free, but a permission does not appear on its own
  if (reason._tag === "NotAdmitted") return reason.obstacle === "Full" ? "rejoin" : "stop"
  // another engine or version does not appear on its own; a group or a thread can
  if (reason._tag === "E2eeFailed") return reason.kind === "Group" || reason.kind === "Thread" ? "rejoin" : "stop"
  if (!("code" in reason) || reason._tag === "GatewayClosed") return passing.has(reason._tag) ? "rejoin" : "stop"
  const { reaction } = CloseCode.voice(reason.code)
  return reaction === "resume" ? "rejoin" : reaction
}

/**
 * The default delays: 25 ms, since the first attempt fixes most losses, then three times as long each time up to 30 seconds,
 * with jitter, for ten attempts in a row.
 *
 * @category constants
 * @since 0.1.0
 */
export const backoff: Schedule.Schedule<unknown, VoiceError> = Schedule.min([
  Schedule.exponential("25 millis", 3),
  Schedule.spaced("30 seconds")
]).pipe(Schedule.jittered, Schedule.upTo({ times: 10 }), Schedule.setInputType<VoiceError>())

/**
 * The default policy: {@link react} and {@link backoff}. A connection is stable after a minute. The main gateway has 5
 * seconds to answer, and Discord a minute to find another voice server. A bot that is removed while it waits for its next
 * attempt rejoins.
 *
 * @category constants
 * @since 0.1.0
 */
export const standard: Policy = {
  react,
  backoff,
  stableAfter: Duration.minutes(1),
  gatewayPatience: Duration.seconds(5),
  serverPatience: Duration.minutes(1),
  removal: "rejoin"
}

/**
 * Never reconnects: the first loss that cannot be resumed ends the session.
 *
 * @category constants
 * @since 0.1.0
 */
export const never: Policy = { ...standard, react: () => "stop" }
