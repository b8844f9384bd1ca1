/**
 * The driver line: everything that crosses between a session and the driver of its connection. Commands go down, events come
 * up, and ready frames are in a `FrameRing` in a shared buffer. Schemas describe all of it, so the driver can run in a worker
 * thread or another process. Secrets are `Redacted` on this side and plain only in the encoded form.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import { EncryptionMode } from "../protocol/EncryptionMode.ts"
import { ChannelId, GuildId, Ssrc, UserId } from "../protocol/Identifier.ts"
import { VoiceVersion } from "../protocol/VoicePayload.ts"
import { VoiceError } from "../VoiceError.ts"

/**
 * Everything that a driver needs to connect: the two voice events of the main gateway in one record.
 *
 * @category models
 * @since 0.1.0
 */
export class ConnectionInfo extends Schema.Class<ConnectionInfo>("effect-discord-voice/VoiceDriver/ConnectionInfo")({
  /** Host and port as in VOICE_SERVER_UPDATE. */
  endpoint: Schema.String,
  serverId: GuildId,
  channelId: ChannelId,
  userId: UserId,
  sessionId: Schema.RedactedFromValue(Schema.String),
  token: Schema.RedactedFromValue(Schema.String)
}) {}

const Milliseconds = Schema.Finite.pipe(Schema.check(Schema.isGreaterThan(0)))

/**
 * Which reports (RTCP) are sent: "sender" sends sender reports while we send; "all" also sends receiver reports about what we
 * receive while we do not send; "none" sends no reports.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Reports = Schema.Literals(["none", "sender", "all"])

/**
 * @category models
 * @since 0.1.0
 */
export type Reports = typeof Reports.Type

/**
 * What it means if answers over UDP were received before and have all stopped. See {@link ConnectOptions}.
 *
 * @category schemas
 * @since 0.1.0
 */
export const UdpSilence = Schema.Literals(["lost", "ignored"])

/**
 * @category models
 * @since 0.1.0
 */
export type UdpSilence = typeof UdpSilence.Type

/**
 * The options of a connection.
 *
 * @category models
 * @since 0.1.0
 */
export const ConnectOptions = Schema.Struct({
  /** The voice gateway version. Default 8. */
  version: Schema.optional(VoiceVersion),
  /** The accepted encryption modes, best first. Default: those of `VoiceCrypto`. */
  modes: Schema.optional(Schema.Array(EncryptionMode)),
  /** The speaking flags (op 5) that are announced before the first packet. Default 1, microphone. */
  speaking: Schema.optional(Schema.Int),
  /** The deadline of each phase of the handshake except IP discovery, in milliseconds. Default 10 000. */
  phaseTimeoutMs: Schema.optional(Milliseconds),
  /** How many times to try to resume a lost WebSocket before the connection is given up. Default 5; 0 means never. */
  resumeAttempts: Schema.optional(Schema.Int.pipe(Schema.check(Schema.isBetween({ minimum: 0, maximum: 100 })))),
  /** The number of received packets that are held for a slow listener. Beyond it, the oldest are dropped. Default 256. */
  receiveCapacity: Schema.optional(Schema.Int.pipe(Schema.check(Schema.isGreaterThan(0)))),
  /**
   * Which reports (RTCP) are sent, about every 5 seconds. Default "sender": Discord's servers answer sender reports, and
   * without the answers nothing is known about loss on the way to them. What they do with receiver reports is unknown. Received
   * reports are read in any case.
   */
  reports: Schema.optional(Reports),
  /**
   * What it means if answers over UDP, to pings and in reports, were received before and have all stopped. "lost": the socket
   * does not reach the server any more (`UdpLost`, and a session connects again). "ignored": nothing, for networks that let
   * answers through only for a while. A socket that cannot send, or whose address is gone, counts as lost in any case. Default
   * "lost".
   */
  udpSilence: Schema.optional(UdpSilence)
})

/**
 * @category models
 * @since 0.1.0
 */
export type ConnectOptions = typeof ConnectOptions.Type

/**
 * The number of a track within its connection.
 *
 * @category models
 * @since 0.1.0
 */
export type TrackNumber = number

/**
 * A command from a session to the driver. A ring is passed as its buffer.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Command = Schema.TaggedUnion({
  Attach: {
    track: Schema.Int,
    ring: Schema.instanceOf(SharedArrayBuffer),
    paused: Schema.Boolean,
    /**
     * When to change to it from what is played: when that many of its frames have been read, or at its end. Immediately if
     * absent.
     */
    after: Schema.optionalKey(Schema.Union([Schema.Int, Schema.Literal("drained")]))
  },
  Detach: { track: Schema.Int },
  SetPaused: { track: Schema.Int, paused: Schema.Boolean },
  SetMuted: { muted: Schema.Boolean },
  SetSpeaking: { flags: Schema.Int },
  /** With `users`, packets of other users are not opened, except those whose sender is unknown. */
  Listen: { on: Schema.Boolean, users: Schema.optionalKey(Schema.Array(UserId)) },
  AskStatistics: { request: Schema.Int },
  AskVerificationCode: { request: Schema.Int, userId: UserId }
})

/**
 * @category models
 * @since 0.1.0
 */
export type Command = typeof Command.Type

/**
 * The state of a connection's end-to-end encryption (DAVE).
 *
 * - `version`: the protocol version in use. 0 means none: Discord can then listen to the audio.
 * - `membership`: the group that we are in, never at version 0. Without a group, only silence is sent unless the version is 0.
 * - `transitioning`: a change was announced and is not executed yet.
 *
 * @category schemas
 * @since 0.1.0
 */
export const E2ee = Schema.Struct({
  version: Schema.Int,
  membership: Schema.optionalKey(Schema.Struct({
    epoch: Schema.Int,
    /** The voice privacy code: 30 digits, the same for all members. */
    privacyCode: Schema.String,
    members: Schema.Array(UserId)
  })),
  transitioning: Schema.Boolean
})

/**
 * @category models
 * @since 0.1.0
 */
export type E2ee = typeof E2ee.Type

/**
 * What was negotiated when the connection was established.
 *
 * @category models
 * @since 0.1.0
 */
export const Established = Schema.Struct({
  version: VoiceVersion,
  ssrc: Ssrc,
  mode: Schema.Union([EncryptionMode, Schema.Literal("plain")]),
  /** Our own address as the voice server sees it. */
  address: Schema.String,
  port: Schema.Int
})

/**
 * @category models
 * @since 0.1.0
 */
export type Established = typeof Established.Type

/**
 * A received audio packet: opened, without header extension and padding. `userId` is absent while it is unknown whose SSRC it
 * is.
 *
 * @category models
 * @since 0.1.0
 */
export const AudioPacket = Schema.Struct({
  ssrc: Ssrc,
  userId: Schema.optionalKey(UserId),
  sequence: Schema.Int,
  /** At 48 kHz. */
  timestamp: Schema.Int,
  /** Opus. The receiver owns the bytes. */
  payload: Schema.Uint8Array,
  /** The arrival time, in milliseconds of the driver's monotonic clock. */
  arrivalMs: Schema.Finite,
  /** How long it has waited since then for a name or a key, in milliseconds. */
  waitedMs: Schema.optionalKey(Schema.Finite)
})

/**
 * @category models
 * @since 0.1.0
 */
export type AudioPacket = typeof AudioPacket.Type

/**
 * The reception of one stream. It is counted while something listens.
 *
 * - `lost`: packets that were expected by the sequence numbers and are missing; negative if there were more duplicates than
 *   losses.
 * - `reordered`: packets that arrived after a later one, or twice.
 * - `lossShare`: the lost share of the expected packets, 0 to 1, in the last interval (about 5 s) in which something arrived.
 * - `jitterMs`: interarrival jitter (RFC 3550, A.8).
 * - `senderReport`: the last one. It gives one moment both on the sender's wall clock and as an RTP timestamp, so that streams
 *   can be aligned.
 *
 * @category models
 * @since 0.1.0
 */
export const SourceStatistics = Schema.Struct({
  ssrc: Ssrc,
  userId: Schema.optionalKey(UserId),
  packets: Schema.Int,
  lost: Schema.Int,
  reordered: Schema.Int,
  lossShare: Schema.Finite,
  jitterMs: Schema.Finite,
  senderReport: Schema.optionalKey(Schema.Struct({ unixMs: Schema.Finite, timestamp: Schema.Int }))
})

/**
 * @category models
 * @since 0.1.0
 */
export type SourceStatistics = typeof SourceStatistics.Type

/**
 * The counters of a connection. Times are in milliseconds; lateness is how much later than due a packet was sent. Optional
 * values are absent until they are known.
 *
 * @category models
 * @since 0.1.0
 */
export const Statistics = Schema.Struct({
  roundTripMs: Schema.optionalKey(Schema.Finite),
  /** The round trip time of the main gateway's heartbeat: the session's, if its gateway reports it. */
  gatewayRoundTripMs: Schema.optionalKey(Schema.Finite),
  /** The round trip time of media, from the answer to a sender report. */
  mediaRoundTripMs: Schema.optionalKey(Schema.Finite),
  /** The round trip time of a ping on the media socket. */
  pingRoundTripMs: Schema.optionalKey(Schema.Finite),
  heartbeatsSent: Schema.Int,
  /** How often a lost WebSocket was replaced (op 7). */
  resumes: Schema.Int,
  packetsSent: Schema.Int,
  silencePacketsSent: Schema.Int,
  bytesSent: Schema.Int,
  sendErrors: Schema.Int,
  /**
   * What the server last reported about our audio: the loss since its previous report (0 to 1) and since the start, and the
   * jitter.
   */
  sentLossShare: Schema.optionalKey(Schema.Finite),
  sentLost: Schema.optionalKey(Schema.Int),
  sentJitterMs: Schema.optionalKey(Schema.Finite),
  /** Stalls after which the beat returned to the grid instead of catching up. */
  reanchored: Schema.Int,
  latenessP50Ms: Schema.Finite,
  latenessP99Ms: Schema.Finite,
  latenessMaxMs: Schema.Finite,
  packetsReceived: Schema.Int,
  packetsOpened: Schema.Int,
  /** Packets that were not passed on, by cause. */
  failedToOpen: Schema.Int,
  malformed: Schema.Int,
  badPadding: Schema.Int,
  empty: Schema.Int,
  unheard: Schema.Int,
  otherMedia: Schema.Int,
  afterLeaving: Schema.Int,
  /** For all sources together, since the connection was established. */
  packetsLost: Schema.Int,
  packetsReordered: Schema.Int,
  sources: Schema.Array(SourceStatistics),
  rtcpSent: Schema.Int,
  rtcpReceived: Schema.Int,
  rtcpFailedToOpen: Schema.Int,
  rtcpMalformed: Schema.Int,
  unknownDatagrams: Schema.Int,
  malformedMessages: Schema.Int,
  unknownOpcodes: Schema.Int,
  /** End-to-end encryption: frames that were sent encrypted, and frames that the engine failed to encrypt. */
  framesEncrypted: Schema.Int,
  failedToEncrypt: Schema.Int,
  /** Frames that were taken at their time but not sent, because nobody could have decrypted them. */
  framesWithheld: Schema.Int,
  framesDecrypted: Schema.Int,
  /**
   * Frames that were not passed on: no key fits; the sender is not in our group, or has left; the frame was not encrypted
   * although it had to be; the sender did not become known in time.
   */
  undecryptable: Schema.Int,
  fromNonMembers: Schema.Int,
  unencrypted: Schema.Int,
  unknownSenders: Schema.Int,
  /** Executed transitions, rejected messages of the group, and how often we asked to be added again. */
  e2eeTransitions: Schema.Int,
  e2eeRejections: Schema.Int,
  e2eeRecoveries: Schema.Int
})

/**
 * @category models
 * @since 0.1.0
 */
export type Statistics = typeof Statistics.Type

/**
 * An event from the driver to the session.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Event = Schema.TaggedUnion({
  /** The first frame of a track was sent. */
  TrackStarted: { track: Schema.Int },
  /** The ring ran empty although its producer has not ended. */
  TrackStarving: { track: Schema.Int },
  TrackRecovered: { track: Schema.Int },
  /** The producer has ended, and the media time of its last frame is over. */
  TrackDrained: { track: Schema.Int },
  /** Another member's SSRC and speaking flags (op 5). */
  Speaking: { userId: UserId, ssrc: Ssrc, flags: Schema.Int },
  /**
   * Whose SSRC it is, from a report about a member's video (op 12). This may be the only information before their audio
   * arrives.
   */
  Announced: { userId: UserId, ssrc: Ssrc },
  /**
   * What the voice gateway reports about a member's client: flags (op 18), platform (op 20), whether it sends video (op 12).
   * Null removes a value.
   */
  Described: {
    userId: UserId,
    flags: Schema.optionalKey(Schema.NullOr(Schema.Int)),
    platform: Schema.optionalKey(Schema.NullOr(Schema.Int)),
    video: Schema.optionalKey(Schema.Boolean)
  },
  UsersConnected: { userIds: Schema.Array(UserId) },
  UserDisconnected: { userId: UserId },
  Heartbeat: { roundTripMs: Schema.Finite },
  /** The WebSocket was lost and is being replaced; media continues. */
  Resuming: { error: VoiceError },
  /** The WebSocket was replaced. */
  Resumed: { elapsedMs: Schema.Finite },
  /** Something about end-to-end encryption has changed. */
  E2eeChanged: { e2ee: E2ee },
  /** If there is no code, `failure` says why. */
  VerificationCode: { request: Schema.Int, code: Schema.optionalKey(Schema.String), failure: Schema.String },
  Packet: { packet: AudioPacket },
  Statistics: { request: Schema.Int, value: Statistics },
  /** The connection is over. No event follows. */
  Ended: { error: VoiceError }
})

/**
 * @category models
 * @since 0.1.0
 */
export type Event = typeof Event.Type

/**
 * What happens on a connection: its events except packets and answers, which go to whoever asked for them.
 *
 * @category models
 * @since 0.1.0
 */
export type Happening = Exclude<Event, { readonly _tag: "Packet" | "Statistics" | "VerificationCode" }>
