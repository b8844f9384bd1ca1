/**
 * The reasons of a voice connection that are not close codes of the voice gateway: failures of the network, the voice server
 * and encryption.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

const key = "effect-discord-voice/VoiceError"

/**
 * The phases of establishing a voice connection. Each has its own deadline.
 *
 * @category models
 * @since 0.1.0
 */
export const Phase = Schema.Literals(["open", "hello", "ready", "session-description", "resume"])

/**
 * @category models
 * @since 0.1.0
 */
export type Phase = typeof Phase.Type

const phaseHelp: Record<Phase, string> = {
  open: "the WebSocket did not open. Check the endpoint and the port, and that outgoing TCP is allowed",
  hello: "the voice gateway sent no Hello (op 8). Check that the endpoint is a voice gateway",
  ready:
    "the voice gateway did not answer Identify with Ready (op 2). Check the server id, user id, session id and token",
  "session-description": "the voice gateway did not answer Select Protocol (op 1) with Session Description (op 4)",
  resume: "the voice gateway did not answer Resume (op 7) with Resumed (op 9). The session is gone: connect again"
}

/**
 * A phase of establishing the voice connection exceeded its deadline, in milliseconds. If a message of the voice gateway could
 * not be used, `malformed` says why the last such message could not: it may have been the expected one.
 *
 * @category reasons
 * @since 0.1.0
 */
export class PhaseTimedOut extends Schema.TaggedError<PhaseTimedOut>(`${key}/PhaseTimedOut`)("PhaseTimedOut", {
  phase: Phase,
  elapsedMs: Schema.Finite,
  malformed: Schema.optionalKey(Schema.String)
}) {
  override get message(): string {
    const malformed = this.malformed === undefined
      ? ""
      : ` A malformed message arrived, and may have been the missing one: ${this.malformed.replace(/\.$/, "")}.`
    return `The voice connection did not get past "${this.phase}" within ${Math.round(this.elapsedMs)} ms: ${
      phaseHelp[this.phase]
    }.${malformed}`
  }
}

/**
 * The WebSocket to the voice gateway could not be opened. `status` is the HTTP status of a refused upgrade.
 *
 * @category reasons
 * @since 0.1.0
 */
export class SocketOpenFailed
  extends Schema.TaggedError<SocketOpenFailed>(`${key}/SocketOpenFailed`)("SocketOpenFailed", {
    endpoint: Schema.String,
    kind: Schema.Literals(["InvalidUrl", "Refused", "TimedOut", "Rejected", "Tls", "Failed"]),
    status: Schema.optionalKey(Schema.Int),
    detail: Schema.String
  })
{
  override get message(): string {
    const status = this.status === undefined ? "" : `, HTTP ${this.status}`
    return `The voice gateway at ${this.endpoint} could not be reached (${this.kind}${status}): ${this.detail}. Check the endpoint, port, certificate and network.`
  }
}

/**
 * The voice gateway did not acknowledge our heartbeats, so the connection is dead although it is open. Times are in
 * milliseconds.
 *
 * @category reasons
 * @since 0.1.0
 */
export class HeartbeatUnanswered
  extends Schema.TaggedError<HeartbeatUnanswered>(`${key}/HeartbeatUnanswered`)("HeartbeatUnanswered", {
    missed: Schema.Int,
    silentMs: Schema.Finite
  })
{
  override get message(): string {
    return `The voice gateway did not acknowledge ${this.missed} heartbeats in ${
      Math.round(this.silentMs)
    } ms: the connection is dead. Reconnect.`
  }
}

/**
 * The voice gateway violated the protocol at a point where we cannot continue.
 *
 * @category reasons
 * @since 0.1.0
 */
export class ProtocolViolated
  extends Schema.TaggedError<ProtocolViolated>(`${key}/ProtocolViolated`)("ProtocolViolated", { detail: Schema.String })
{
  override get message(): string {
    return `The voice gateway violated the protocol: ${this.detail}. Try again; if it happens again, report it with the gateway version.`
  }
}

/**
 * The UDP socket could not be opened.
 *
 * @category reasons
 * @since 0.1.0
 */
export class UdpFailed extends Schema.TaggedError<UdpFailed>(`${key}/UdpFailed`)("UdpFailed", {
  address: Schema.String,
  port: Schema.Int,
  detail: Schema.String
}) {
  override get message(): string {
    return `The UDP socket to ${this.address}:${this.port} could not be opened: ${this.detail}. Check that this host is allowed to send UDP.`
  }
}

const udpHelp = {
  "send-errors": "the operating system no longer accepts datagrams for it, because this machine has lost its network",
  "no-replies":
    "the voice server has stopped answering, although the bot still sends: a firewall or NAT no longer lets its packets through",
  "address-gone":
    "this machine no longer has the address that the socket is bound to, because it has moved to another network"
} as const

/**
 * The UDP socket does not reach the voice server any more. `sign` says how that was detected.
 *
 * @category reasons
 * @since 0.1.0
 */
export class UdpLost extends Schema.TaggedError<UdpLost>(`${key}/UdpLost`)("UdpLost", {
  address: Schema.String,
  port: Schema.Int,
  sign: Schema.Literals(["send-errors", "no-replies", "address-gone"])
}) {
  override get message(): string {
    return `The UDP socket to ${this.address}:${this.port} is dead: ${
      udpHelp[this.sign]
    }. A new connection will work once there is a network.`
  }
}

/**
 * IP discovery got no valid answer. Times are in milliseconds.
 *
 * @category reasons
 * @since 0.1.0
 */
export class DiscoveryUnanswered
  extends Schema.TaggedError<DiscoveryUnanswered>(`${key}/DiscoveryUnanswered`)("DiscoveryUnanswered", {
    address: Schema.String,
    port: Schema.Int,
    tries: Schema.Int,
    elapsedMs: Schema.Finite
  })
{
  override get message(): string {
    return `No answer to ${this.tries} IP discovery datagrams to ${this.address}:${this.port} in ${
      Math.round(this.elapsedMs)
    } ms. Check that the firewall lets UDP through in both directions.`
  }
}

/**
 * The server offers no transport encryption mode that we accept.
 *
 * @category reasons
 * @since 0.1.0
 */
export class NoCommonMode extends Schema.TaggedError<NoCommonMode>(`${key}/NoCommonMode`)("NoCommonMode", {
  offered: Schema.Array(Schema.String),
  accepted: Schema.Array(Schema.String)
}) {
  override get message(): string {
    return `No common encryption mode: the server offers [${this.offered.join(", ")}], the bot accepts [${
      this.accepted.join(", ")
    }]. Accept more of the offered modes.`
  }
}

/**
 * A cipher could not be created or may not be used any more (its nonces are used up).
 *
 * @category reasons
 * @since 0.1.0
 */
export class CryptoFailed extends Schema.TaggedError<CryptoFailed>(`${key}/CryptoFailed`)("CryptoFailed", {
  mode: Schema.String,
  detail: Schema.String
}) {
  override get message(): string {
    return `The cipher ${this.mode} cannot be used: ${this.detail}.`
  }
}

const e2eeRemedies = {
  Engine: "Install @snazzah/davey, or provide Dave.layerDisabled if you do not need encryption.",
  Version: "Update this library.",
  Thread:
    "Join again; if it happens again, look at what the thread logged, and at which resource the process runs out of.",
  Group: "Join again; if it happens again, the fault lies with another member or the voice server.",
  Verification: "Only members of the same encrypted call have a verification code for each other."
} as const

/**
 * End-to-end encryption (DAVE) failed permanently.
 *
 * - `Engine`: the library that implements it cannot be loaded, or cannot create a key.
 * - `Version`: the voice gateway wants a version of the protocol that this library does not support.
 * - `Thread`: the thread that keeps the groups has ended, with `detail` as its last words; the next connection starts another
 *   one. If it cannot be started at all, the groups are kept without it, and this is not a reason.
 * - `Group`: we could not get into the channel's group, however often we asked to be added again.
 * - `Verification`: there is no verification code for a user.
 *
 * @category reasons
 * @since 0.1.0
 */
export class E2eeFailed extends Schema.TaggedError<E2eeFailed>(`${key}/E2eeFailed`)("E2eeFailed", {
  kind: Schema.Literals(["Engine", "Version", "Thread", "Group", "Verification"]),
  detail: Schema.String
}) {
  override get message(): string {
    return `End-to-end encryption failed: ${this.detail}. ${e2eeRemedies[this.kind]}`
  }
}
