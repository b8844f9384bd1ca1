/**
 * What the loss of a connection means, as a value: a reaction to each reason, delays between attempts, and how long to wait
 * for the main gateway's word. Every part can be replaced.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Schedule from "effect/Schedule"
import * as CloseCode from "../protocol/CloseCode.ts"
import type { Reason, VoiceError } from "../VoiceError.ts"

/**
 * How a session reacts to the end of a connection, or to the failure of an attempt to connect.
 *
 * - `rejoin`: leave and ask the main gateway for new credentials, after a delay of {@link Policy.backoff}.
 * - `rejoin-once`: the same, but a second time in a row is final.
 * - `await-gateway`: do nothing by itself; the main gateway's next word decides.
 * - `stop`: the session ends with this reason.
 *
 * @category models
 * @since 0.1.0
 */
export type Reaction = "rejoin" | "rejoin-once" | "await-gateway" | "stop"

/**
 * @category models
 * @since 0.1.0
 */
export interface Policy {
  readonly react: (reason: Reason) => Reaction
  /** Delays between attempts in a row, by what went wrong; the session ends with its reason when there is none left. */
  readonly backoff: Schedule.Schedule<unknown, VoiceError>
  /** A connection that was up for so long has nothing to do with the failures before it. */
  readonly stableAfter: Duration.Input
  /** How long to wait for the main gateway's word after `await-gateway`. */
  readonly gatewayPatience: Duration.Input
  /** How long to wait for a voice server that Discord is looking for, or for a main gateway that is away. */
  readonly serverPatience: Duration.Input
  /**
   * What it means when Discord has us in no channel any more while a lost connection waits for its next attempt: the loss itself
   * can be the reason, or a moderator. `rejoin`: we come back; `stop`: the session ends with `Disconnected`.
   */
  readonly removal: "rejoin" | "stop"
}

/**
 * Reasons that are no close codes and that a new attempt may mend: the network, the other side, used-up nonces, a Discord
 * library that is not connected at the moment. All others stay what they are however often one tries.
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
 * The reaction of the table of close codes, and `rejoin` to everything else that may pass. What a table calls `resume` has
 * been tried by the driver already, and is `rejoin` here.
 *
 * @category constructors
 * @since 0.1.0
 */
export const react = (reason: Reason): Reaction => {
  // a place becomes free, a permission does not come by itself
  if (reason._tag === "NotAdmitted") return reason.obstacle === "Full" ? "rejoin" : "stop"
  // another engine or version does not come by itself; a group or a thread can
  if (reason._tag === "E2eeFailed") return reason.kind === "Group" || reason.kind === "Thread" ? "rejoin" : "stop"
  if (!("code" in reason) || reason._tag === "GatewayClosed") return passing.has(reason._tag) ? "rejoin" : "stop"
  const { reaction } = CloseCode.voice(reason.code)
  return reaction === "resume" ? "rejoin" : reaction
}

/**
 * 25 ms, since most of what is lost is mended by the first attempt, then three times as long each time up to half a minute, with
 * jitter, ten times in a row.
 *
 * @category constants
 * @since 0.1.0
 */
export const backoff: Schedule.Schedule<unknown, VoiceError> = Schedule.min([
  Schedule.exponential("25 millis", 3),
  Schedule.spaced("30 seconds")
]).pipe(Schedule.jittered, Schedule.upTo({ times: 10 }), Schedule.setInputType<VoiceError>())

/**
 * {@link react} and {@link backoff}; a connection is stable after a minute, the main gateway has 5 seconds for its word
 * and Discord a minute for another voice server, and who is removed while it waits for its next attempt comes back.
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
 * Never connects again: the first loss that cannot be resumed is the end.
 *
 * @category constants
 * @since 0.1.0
 */
export const never: Policy = { ...standard, react: () => "stop" }
