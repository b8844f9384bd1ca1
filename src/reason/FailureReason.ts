/**
 * The reasons that are not close codes of the voice gateway: what the main gateway, the network, the other side, the codecs
 * and the sources can do, and what a program asked for that cannot be.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import { ChannelId, GuildId } from "../protocol/Identifier.ts"
import { said } from "./CloseReason.ts"

const key = "effect-discord-voice/VoiceError"

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
 * A part of bringing the voice connection up took longer than its deadline. Milliseconds. `malformed` is why the last message of
 * the voice gateway that could not be used was not, if there was one: it may have been the one that was waited for.
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
      : ` A message that came could not be used, and may have been the one: ${this.malformed.replace(/\.$/, "")}.`
    return `The voice connection did not get past "${this.phase}" within ${Math.round(this.elapsedMs)} ms: ${
      phaseHelp[this.phase]
    }.${malformed}`
  }
}

const joinHelp = {
  gateway:
    "the main gateway has not taken our request: it is not connected, or holds the request back because of its " +
    "send limit. Its warnings in the log, or those of the Discord library that stands for it, say which; check token, " +
    "URL and network",
  userId:
    "the gateway does not know which user we are, so that it cannot tell our own VOICE_STATE_UPDATE from those of " +
    "others. It has most likely missed READY: give its layer the option userId",
  both:
    "neither VOICE_STATE_UPDATE nor VOICE_SERVER_UPDATE came. The channel may be full or its id wrong, the permissions View " +
    "Channel and Connect may be missing, or we may be in the channel already",
  VOICE_STATE_UPDATE: "our own VOICE_STATE_UPDATE did not come. The gateway connection most likely lacks the intent " +
    "GuildVoiceStates (1 << 7), or the Discord library that stands for it does not pass the event on",
  VOICE_SERVER_UPDATE:
    "no VOICE_SERVER_UPDATE came. We may be in this channel already, from an earlier process: leave it first",
  endpoint:
    "VOICE_SERVER_UPDATE came without an endpoint: Discord is looking for a voice server and did not find one in time",
  connection: "Discord has let us in, and the connection to its voice server is not up yet. The session goes on with it"
} as const

/**
 * The main gateway did not send both voice events in time. `missing` says which did not come; `userId` is what the gateway
 * does not know of us, `gateway` that it has not taken the request, `connection` (of a move) that nothing of it is missing, but
 * the connection that follows. Milliseconds.
 *
 * @category reasons
 * @since 0.1.0
 */
export class JoinTimedOut extends Schema.TaggedError<JoinTimedOut>(`${key}/JoinTimedOut`)("JoinTimedOut", {
  guildId: GuildId,
  channelId: ChannelId,
  missing: Schema.Literals([
    "gateway",
    "userId",
    "both",
    "VOICE_STATE_UPDATE",
    "VOICE_SERVER_UPDATE",
    "endpoint",
    "connection"
  ]),
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
 * Something was asked of a session or connection that has ended, or, if it `isReconnecting`, has no connection at the moment.
 *
 * @category reasons
 * @since 0.1.0
 */
export class NotConnected extends Schema.TaggedError<NotConnected>(`${key}/NotConnected`)("NotConnected", {
  operation: Schema.String,
  isReconnecting: Schema.optionalKey(Schema.Boolean)
}) {
  override get message(): string {
    return this.isReconnecting === true
      ? `${this.operation} needs a live voice connection, and there is none at the moment: the session is on its way to one, and ` +
        "its changes tell when it is there."
      : `${this.operation} needs a live voice connection, and this one has ended. Why is in the state and the awaitClosed of ` +
        "its session, or in the awaitEnd of a connection without one."
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

const udpHelp = {
  "send-errors": "the operating system takes no datagrams for it any more: the network of this machine is gone",
  "no-replies":
    "the voice server answered before and does not any more, though we send: a firewall or an address translator has lost the way",
  "address-gone": "this machine has lost the address that the socket is bound to: it is in another network now"
} as const

/**
 * The UDP socket does not lead to the voice server any more. `sign` says what showed it.
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
    }. A new connection mends it as soon as there is a network.`
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
    const remedy = this.limit === undefined
      ? "Check its options and what is installed, or provide another codec layer."
      : `This library can hold ${this.limit} codecs in a process. Close those that are not needed, or provide another codec layer.`
    return `No Opus codec from ${this.codec}: ${this.detail}. ${remedy}`
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

const recordingRemedies = {
  Unwritable: "Check that the folder exists or can be made, and that this process may write there.",
  Exists: "Nothing is ever written over: choose another folder.",
  DiskFull: "What was written stays and can be played. Make room, and start another recording in another folder.",
  NotARecording: "Check the folder.",
  Failed: "What was written stays and can be played."
} as const

/**
 * A recording could not be written. `path` is the file or folder.
 *
 * - `Unwritable`: the folder cannot be made or written to.
 * - `Exists`: there is a recording in the folder already.
 * - `DiskFull`: there is no room left, or the quota is used up.
 * - `NotARecording`: there is nothing in the folder that could be repaired.
 * - `Failed`: something else, such as a disk that is gone or takes nothing any more.
 *
 * @category reasons
 * @since 0.1.0
 */
export class RecordingFailed extends Schema.TaggedError<RecordingFailed>(`${key}/RecordingFailed`)("RecordingFailed", {
  path: Schema.String,
  kind: Schema.Literals(["Unwritable", "Exists", "DiskFull", "NotARecording", "Failed"]),
  detail: Schema.String
}) {
  override get message(): string {
    return `The recording failed at ${this.path} (${this.kind}): ${this.detail}. ${recordingRemedies[this.kind]}`
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

const e2eeRemedies = {
  Engine: "Install @snazzah/davey, or provide Dave.layerDisabled where no encryption is needed.",
  Version: "Update this library.",
  Thread: "Join again; if it happens again, look at what its thread said, and at what the process runs out of.",
  Group: "Join again; if it happens again, another member or the voice server is at fault.",
  Verification: "Only members of the same encrypted call have a verification code for each other."
} as const

/**
 * End-to-end encryption (DAVE) failed for good.
 *
 * - `Engine`: the library that does it cannot be loaded, or cannot make a key.
 * - `Version`: the voice gateway wants a version of the protocol that this library does not know.
 * - `Thread`: the thread that keeps the groups has ended, and `detail` is what it said; the next connection starts another one.
 *   Where it cannot be started at all, the groups are kept without it, and this is not a reason.
 * - `Group`: we could not get into the channel's group, however often we asked to be added anew.
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
 * The Discord library below has given our guild up: no voice event of this guild comes any more, and whatever session we had
 * there is gone at Discord's side or will be. The next request begins anew.
 *
 * @category reasons
 * @since 0.1.0
 */
export class GatewayDetached
  extends Schema.TaggedError<GatewayDetached>(`${key}/GatewayDetached`)("GatewayDetached", { guildId: GuildId })
{
  override get message(): string {
    return `The Discord library has given up voice in guild ${this.guildId}: its shard is disconnected for good, the guild is unavailable, or the bot is no member of it any more. Join again once the library is connected.`
  }
}

/**
 * The main gateway, or the Discord library that stands for it, could not take our request or has ended its events.
 *
 * @category reasons
 * @since 0.1.0
 */
export class GatewayFailed
  extends Schema.TaggedError<GatewayFailed>(`${key}/GatewayFailed`)("GatewayFailed", { detail: Schema.String })
{
  override get message(): string {
    return `The main gateway failed us: ${this.detail.replace(/\.$/, "")}.`
  }
}
