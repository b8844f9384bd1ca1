/**
 * What can go wrong, as one closed union. There is one public error, {@link VoiceError}; its `reason` says what happened.
 * Handle a reason with `Effect.catchReason("VoiceError", "Kicked", ...)`, several with `Effect.catchReasons`, or move the
 * reasons into the error channel with `Effect.unwrapReason("VoiceError")`.
 *
 * Every reason's `message` says what happened, what it means and what to do about it. None contains a token or a key.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as CloseCode from "./protocol/CloseCode.ts"
import { ChannelId, GuildId } from "./protocol/Identifier.ts"

const key = "effect-discord-voice/VoiceError"

/**
 * What the voice gateway said when it closed: its close code and the text beside it.
 */
const closeFields = { code: Schema.Int, detail: Schema.String }

/**
 * The table of close codes says what a code means and what to do; a reason only names it.
 */
const closeMessage = (error: { readonly code: number; readonly detail: string }): string => {
  const entry = CloseCode.voice(error.code)
  return `${entry.meaning} ${said(error)}. ${entry.remedy}`
}

const said = (error: { readonly code: number; readonly detail: string }) =>
  `(close code ${error.code}${error.detail === "" ? "" : `: ${error.detail}`})`

/**
 * Voice close code 4001: we sent an opcode that the voice gateway does not know.
 *
 * @category reasons
 * @since 0.1.0
 */
export class UnknownOpcode
  extends Schema.TaggedError<UnknownOpcode>(`${key}/UnknownOpcode`)("UnknownOpcode", closeFields)
{
  override get message(): string {
    return closeMessage(this)
  }
}

/**
 * Voice close code 4002: the voice gateway could not decode a payload of ours.
 *
 * @category reasons
 * @since 0.1.0
 */
export class PayloadRejected
  extends Schema.TaggedError<PayloadRejected>(`${key}/PayloadRejected`)("PayloadRejected", closeFields)
{
  override get message(): string {
    return closeMessage(this)
  }
}

/**
 * Voice close code 4003: something was sent before Identify.
 *
 * @category reasons
 * @since 0.1.0
 */
export class NotAuthenticated
  extends Schema.TaggedError<NotAuthenticated>(`${key}/NotAuthenticated`)("NotAuthenticated", closeFields)
{
  override get message(): string {
    return closeMessage(this)
  }
}

/**
 * Voice close code 4004: the voice token is not accepted.
 *
 * @category reasons
 * @since 0.1.0
 */
export class AuthenticationFailed
  extends Schema.TaggedError<AuthenticationFailed>(`${key}/AuthenticationFailed`)("AuthenticationFailed", closeFields)
{
  override get message(): string {
    return closeMessage(this)
  }
}

/**
 * Voice close code 4005: Identify or Resume was sent twice on one connection.
 *
 * @category reasons
 * @since 0.1.0
 */
export class AlreadyAuthenticated
  extends Schema.TaggedError<AlreadyAuthenticated>(`${key}/AlreadyAuthenticated`)("AlreadyAuthenticated", closeFields)
{
  override get message(): string {
    return closeMessage(this)
  }
}

/**
 * Voice close code 4006: the voice session is gone.
 *
 * @category reasons
 * @since 0.1.0
 */
export class SessionInvalid
  extends Schema.TaggedError<SessionInvalid>(`${key}/SessionInvalid`)("SessionInvalid", closeFields)
{
  override get message(): string {
    return closeMessage(this)
  }
}

/**
 * Voice close code 4009: the voice gateway heard no heartbeat for too long.
 *
 * @category reasons
 * @since 0.1.0
 */
export class SessionTimedOut
  extends Schema.TaggedError<SessionTimedOut>(`${key}/SessionTimedOut`)("SessionTimedOut", closeFields)
{
  override get message(): string {
    return closeMessage(this)
  }
}

/**
 * Voice close code 4011: the voice server that we identified for does not exist.
 *
 * @category reasons
 * @since 0.1.0
 */
export class ServerNotFound
  extends Schema.TaggedError<ServerNotFound>(`${key}/ServerNotFound`)("ServerNotFound", closeFields)
{
  override get message(): string {
    return closeMessage(this)
  }
}

/**
 * Voice close code 4012: the voice gateway does not know the transport protocol.
 *
 * @category reasons
 * @since 0.1.0
 */
export class UnknownProtocol
  extends Schema.TaggedError<UnknownProtocol>(`${key}/UnknownProtocol`)("UnknownProtocol", closeFields)
{
  override get message(): string {
    return closeMessage(this)
  }
}

/**
 * Voice close code 4013: the media worker of the voice server crashed.
 *
 * @category reasons
 * @since 0.1.0
 */
export class WebRtcCrashed
  extends Schema.TaggedError<WebRtcCrashed>(`${key}/WebRtcCrashed`)("WebRtcCrashed", closeFields)
{
  override get message(): string {
    return closeMessage(this)
  }
}

/**
 * Voice close code 4014: we were disconnected: kicked, moved, or the main gateway session was dropped.
 *
 * @category reasons
 * @since 0.1.0
 */
export class Disconnected extends Schema.TaggedError<Disconnected>(`${key}/Disconnected`)("Disconnected", closeFields) {
  override get message(): string {
    return closeMessage(this)
  }
}

/**
 * Voice close code 4015: the voice server crashed.
 *
 * @category reasons
 * @since 0.1.0
 */
export class ServerCrashed
  extends Schema.TaggedError<ServerCrashed>(`${key}/ServerCrashed`)("ServerCrashed", closeFields)
{
  override get message(): string {
    return closeMessage(this)
  }
}

/**
 * Voice close code 4016: the voice gateway does not know the transport encryption mode.
 *
 * @category reasons
 * @since 0.1.0
 */
export class UnknownEncryptionMode extends Schema.TaggedError<UnknownEncryptionMode>(`${key}/UnknownEncryptionMode`)(
  "UnknownEncryptionMode",
  closeFields
) {
  override get message(): string {
    return closeMessage(this)
  }
}

/**
 * Voice close code 4017: the channel demands end-to-end encryption (DAVE).
 *
 * @category reasons
 * @since 0.1.0
 */
export class E2eeRequired extends Schema.TaggedError<E2eeRequired>(`${key}/E2eeRequired`)("E2eeRequired", closeFields) {
  override get message(): string {
    return closeMessage(this)
  }
}

/**
 * Voice close code 4020: a message was malformed.
 *
 * @category reasons
 * @since 0.1.0
 */
export class BadRequest extends Schema.TaggedError<BadRequest>(`${key}/BadRequest`)("BadRequest", closeFields) {
  override get message(): string {
    return closeMessage(this)
  }
}

/**
 * Voice close code 4021: too many connections or requests.
 *
 * @category reasons
 * @since 0.1.0
 */
export class RateLimited extends Schema.TaggedError<RateLimited>(`${key}/RateLimited`)("RateLimited", closeFields) {
  override get message(): string {
    return closeMessage(this)
  }
}

/**
 * Voice close code 4022: the call has ended for everyone: channel deleted, or moved to another voice server.
 *
 * @category reasons
 * @since 0.1.0
 */
export class CallTerminated
  extends Schema.TaggedError<CallTerminated>(`${key}/CallTerminated`)("CallTerminated", closeFields)
{
  override get message(): string {
    return closeMessage(this)
  }
}

/**
 * The voice WebSocket ended below the range of Discord's own codes (1000, 1001, 1005, 1006 ...).
 *
 * @category reasons
 * @since 0.1.0
 */
export class ConnectionLost
  extends Schema.TaggedError<ConnectionLost>(`${key}/ConnectionLost`)("ConnectionLost", closeFields)
{
  override get message(): string {
    return closeMessage(this)
  }
}

/**
 * A close code that is not in the table.
 *
 * @category reasons
 * @since 0.1.0
 */
export class UnknownCloseCode
  extends Schema.TaggedError<UnknownCloseCode>(`${key}/UnknownCloseCode`)("UnknownCloseCode", closeFields)
{
  override get message(): string {
    return closeMessage(this)
  }
}

/**
 * The parts of bringing a voice connection up, each with a deadline of its own.
 *
 * @category models
 * @since 0.1.0
 */
export const Phase = Schema.Literals(["open", "hello", "ready", "discovery", "session-description", "resume"])

/**
 * @category models
 * @since 0.1.0
 */
export type Phase = typeof Phase.Type

const phaseHelp: Record<Phase, string> = {
  open: "the WebSocket did not open: check endpoint and port, and that outgoing TCP is allowed",
  hello: "the voice gateway sent no Hello (op 8): check that the endpoint is a voice gateway",
  ready: "the voice gateway did not answer Identify with Ready (op 2): check server id, user id, session id and token",
  discovery: "no answer to IP discovery came: check that outgoing UDP and its answers pass the firewall",
  "session-description": "the voice gateway did not answer Select Protocol (op 1) with a Session Description (op 4)",
  resume: "the voice gateway did not answer Resume (op 7) with Resumed (op 9): the session is gone, connect anew"
}

/**
 * A part of bringing the voice connection up took longer than its deadline. Milliseconds.
 *
 * @category reasons
 * @since 0.1.0
 */
export class PhaseTimedOut extends Schema.TaggedError<PhaseTimedOut>(`${key}/PhaseTimedOut`)("PhaseTimedOut", {
  phase: Phase,
  elapsedMs: Schema.Finite
}) {
  override get message(): string {
    return `The voice connection did not get past "${this.phase}" within ${Math.round(this.elapsedMs)} ms: ${
      phaseHelp[this.phase]
    }.`
  }
}

const joinHelp = {
  gateway: "the main gateway did not become ready. Check its token, URL and network",
  both:
    "neither VOICE_STATE_UPDATE nor VOICE_SERVER_UPDATE came. Is the channel full, are the permissions View Channel and " +
    "Connect missing, is the channel id wrong, or are we in the channel already",
  VOICE_STATE_UPDATE: "our own VOICE_STATE_UPDATE did not come. The gateway connection most likely lacks the intent " +
    "GuildVoiceStates (1 << 7)",
  VOICE_SERVER_UPDATE:
    "no VOICE_SERVER_UPDATE came. Are we in this channel already, from an earlier process? Leave it first",
  endpoint:
    "VOICE_SERVER_UPDATE came without an endpoint: Discord is looking for a voice server and did not find one in time"
} as const

/**
 * The main gateway did not send both voice events in time. `missing` says which did not come. Milliseconds.
 *
 * @category reasons
 * @since 0.1.0
 */
export class JoinTimedOut extends Schema.TaggedError<JoinTimedOut>(`${key}/JoinTimedOut`)("JoinTimedOut", {
  guildId: GuildId,
  channelId: ChannelId,
  missing: Schema.Literals(["gateway", "both", "VOICE_STATE_UPDATE", "VOICE_SERVER_UPDATE", "endpoint"]),
  elapsedMs: Schema.Finite
}) {
  override get message(): string {
    return `Joining channel ${this.channelId} of guild ${this.guildId} did not finish within ${
      Math.round(this.elapsedMs)
    } ms: ${joinHelp[this.missing]}.`
  }
}

/**
 * There is a session in this guild already. Discord allows a bot one voice connection in a guild.
 *
 * @category reasons
 * @since 0.1.0
 */
export class AlreadyJoined extends Schema.TaggedError<AlreadyJoined>(`${key}/AlreadyJoined`)("AlreadyJoined", {
  guildId: GuildId,
  channelId: ChannelId
}) {
  override get message(): string {
    return `There is a voice session in guild ${this.guildId} already (channel ${this.channelId}). A bot has one voice connection in a guild: close that session first, or move it.`
  }
}

/**
 * A moderator removed us from the channel.
 *
 * @category reasons
 * @since 0.1.0
 */
export class Kicked
  extends Schema.TaggedError<Kicked>(`${key}/Kicked`)("Kicked", { guildId: GuildId, channelId: ChannelId })
{
  override get message(): string {
    return `We were removed from channel ${this.channelId} of guild ${this.guildId}. Stay out until somebody asks us back.`
  }
}

/**
 * The channel that we were in is gone.
 *
 * @category reasons
 * @since 0.1.0
 */
export class CallEnded
  extends Schema.TaggedError<CallEnded>(`${key}/CallEnded`)("CallEnded", { guildId: GuildId, channelId: ChannelId })
{
  override get message(): string {
    return `The call in channel ${this.channelId} of guild ${this.guildId} has ended: the channel was most likely deleted.`
  }
}

/**
 * Something was asked of a session or connection that has ended.
 *
 * @category reasons
 * @since 0.1.0
 */
export class NotConnected
  extends Schema.TaggedError<NotConnected>(`${key}/NotConnected`)("NotConnected", { operation: Schema.String })
{
  override get message(): string {
    return `${this.operation} needs a live voice connection, and this one has ended. Look at the session's state for the reason.`
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
    return `The voice gateway at ${this.endpoint} could not be reached (${this.kind}${status}): ${this.detail}. Check endpoint, port, certificate and network.`
  }
}

/**
 * The voice gateway did not acknowledge our heartbeats: the connection is dead though it is open. Milliseconds.
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
 * The voice gateway sent something that breaks the protocol at a point where we cannot go on.
 *
 * @category reasons
 * @since 0.1.0
 */
export class ProtocolViolated
  extends Schema.TaggedError<ProtocolViolated>(`${key}/ProtocolViolated`)("ProtocolViolated", { detail: Schema.String })
{
  override get message(): string {
    return `The voice gateway broke the protocol: ${this.detail}. Try again; if it repeats, report it with the gateway version.`
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
    return `The UDP socket to ${this.address}:${this.port} could not be opened: ${this.detail}. Check that this host may send UDP.`
  }
}

/**
 * IP discovery got no valid answer. Milliseconds.
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
    } ms. Check that UDP passes the firewall in both directions.`
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
    return `No common encryption mode: the server offers [${this.offered.join(", ")}], we accept [${
      this.accepted.join(", ")
    }]. Widen the mode preference.`
  }
}

/**
 * A cipher could not be made or may no longer be used (its nonces are used up).
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

/**
 * An Opus encoder or decoder could not be made. `limit` is the number a process can have, where that is the cause.
 *
 * @category reasons
 * @since 0.1.0
 */
export class CodecUnavailable
  extends Schema.TaggedError<CodecUnavailable>(`${key}/CodecUnavailable`)("CodecUnavailable", {
    codec: Schema.String,
    limit: Schema.optionalKey(Schema.Int),
    detail: Schema.String
  })
{
  override get message(): string {
    const limit = this.limit === undefined ? "" : ` This library can hold ${this.limit} codecs in a process.`
    return `No Opus codec from ${this.codec}: ${this.detail}.${limit} Close codecs that are not needed, or provide another codec layer.`
  }
}

/**
 * Opus refused to encode or decode.
 *
 * @category reasons
 * @since 0.1.0
 */
export class EncodeFailed extends Schema.TaggedError<EncodeFailed>(`${key}/EncodeFailed`)("EncodeFailed", {
  codec: Schema.String,
  detail: Schema.String
}) {
  override get message(): string {
    return `${this.codec} failed: ${this.detail}.`
  }
}

/**
 * An audio source could not be opened or read. `positionMs` is how much of it was read before.
 *
 * @category reasons
 * @since 0.1.0
 */
export class SourceFailed extends Schema.TaggedError<SourceFailed>(`${key}/SourceFailed`)("SourceFailed", {
  source: Schema.String,
  kind: Schema.Literals([
    "NotFound",
    "Unreadable",
    "Empty",
    "UnknownFormat",
    "Unsupported",
    "Corrupt",
    "Truncated",
    "Failed"
  ]),
  positionMs: Schema.Finite,
  detail: Schema.String
}) {
  override get message(): string {
    const position = this.positionMs > 0 ? ` at ${(this.positionMs / 1000).toFixed(2)} s` : ""
    return `The audio source ${this.source} failed${position} (${this.kind}): ${this.detail}.`
  }
}

/**
 * A track is playing already; this version plays one at a time.
 *
 * @category reasons
 * @since 0.1.0
 */
export class TrackActive
  extends Schema.TaggedError<TrackActive>(`${key}/TrackActive`)("TrackActive", { position: Schema.String })
{
  override get message(): string {
    return `A track is playing already (${this.position}). Stop it, or await its end, before the next.`
  }
}

/**
 * Something that this version does not do.
 *
 * @category reasons
 * @since 0.1.0
 */
export class Unsupported extends Schema.TaggedError<Unsupported>(`${key}/Unsupported`)("Unsupported", {
  feature: Schema.String,
  detail: Schema.String
}) {
  override get message(): string {
    return `${this.feature} is not supported: ${this.detail}.`
  }
}

/**
 * End-to-end encryption (DAVE) failed for good.
 *
 * @category reasons
 * @since 0.1.0
 */
export class E2eeFailed
  extends Schema.TaggedError<E2eeFailed>(`${key}/E2eeFailed`)("E2eeFailed", { detail: Schema.String })
{
  override get message(): string {
    return `End-to-end encryption failed: ${this.detail}.`
  }
}

/**
 * The main gateway closed for good. `name` is the close code's name; `remedy` says what to do.
 *
 * @category reasons
 * @since 0.1.0
 */
export class GatewayClosed extends Schema.TaggedError<GatewayClosed>(`${key}/GatewayClosed`)("GatewayClosed", {
  code: Schema.Int,
  name: Schema.String,
  remedy: Schema.String,
  detail: Schema.String
}) {
  override get message(): string {
    return `The main gateway closed: ${this.name} ${said(this)}. ${this.remedy}`
  }
}

/**
 * The main gateway could not be reached. `status` is an HTTP status, where there was one.
 *
 * @category reasons
 * @since 0.1.0
 */
export class GatewayUnreachable
  extends Schema.TaggedError<GatewayUnreachable>(`${key}/GatewayUnreachable`)("GatewayUnreachable", {
    url: Schema.String,
    status: Schema.optionalKey(Schema.Int),
    detail: Schema.String
  })
{
  override get message(): string {
    const status = this.status === undefined ? "" : ` (HTTP ${this.status})`
    const hint = this.status === 401 ? " The bot token is wrong." : " Check the network and the URL."
    return `The main gateway at ${this.url} could not be reached${status}: ${this.detail}.${hint}`
  }
}

/**
 * The Discord library below could not send for us.
 *
 * @category reasons
 * @since 0.1.0
 */
export class GatewayFailed
  extends Schema.TaggedError<GatewayFailed>(`${key}/GatewayFailed`)("GatewayFailed", { detail: Schema.String })
{
  override get message(): string {
    return `The main gateway could not send our voice state: ${this.detail}.`
  }
}

/**
 * Every reason.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Reason = Schema.Union([
  UnknownOpcode,
  PayloadRejected,
  NotAuthenticated,
  AuthenticationFailed,
  AlreadyAuthenticated,
  SessionInvalid,
  SessionTimedOut,
  ServerNotFound,
  UnknownProtocol,
  WebRtcCrashed,
  Disconnected,
  ServerCrashed,
  UnknownEncryptionMode,
  E2eeRequired,
  BadRequest,
  RateLimited,
  CallTerminated,
  ConnectionLost,
  UnknownCloseCode,
  PhaseTimedOut,
  JoinTimedOut,
  AlreadyJoined,
  Kicked,
  CallEnded,
  NotConnected,
  SocketOpenFailed,
  HeartbeatUnanswered,
  ProtocolViolated,
  UdpFailed,
  DiscoveryUnanswered,
  NoCommonMode,
  CryptoFailed,
  CodecUnavailable,
  EncodeFailed,
  SourceFailed,
  TrackActive,
  Unsupported,
  E2eeFailed,
  GatewayClosed,
  GatewayUnreachable,
  GatewayFailed
])

/**
 * @category models
 * @since 0.1.0
 */
export type Reason = typeof Reason.Type

/**
 * The one public error. `message` is the reason's.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 *
 * program.pipe(
 *   Effect.catchReasons("VoiceError", {
 *     Kicked: () => Effect.log("asked to leave"),
 *     JoinTimedOut: (reason) => Effect.logError(reason.message)
 *   })
 * )
 * ```
 *
 * @category errors
 * @since 0.1.0
 */
export class VoiceError extends Schema.TaggedError<VoiceError>(key)("VoiceError", { reason: Reason }) {
  override get message(): string {
    return this.reason.message
  }
}

/**
 * Wraps a reason.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (reason: Reason): VoiceError => new VoiceError({ reason })

/**
 * Fails with a reason.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fail = (reason: Reason): Effect.Effect<never, VoiceError> => Effect.fail(make(reason))
