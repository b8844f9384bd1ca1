/**
 * The driver line: everything that crosses between a session and the driver of its connection. Commands go down, events
 * come up, and ready frames lie in a `FrameRing` on a shared buffer. All of it is described by schemas, so that the driver
 * can run in a worker thread or another process; secrets are `Redacted` on this side and plain only in the encoded form.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import { EncryptionMode } from "../protocol/EncryptionMode.ts"
import { ChannelId, GuildId, Ssrc, UserId } from "../protocol/Identifier.ts"
import { VoiceVersion } from "../protocol/VoicePayload.ts"
import { VoiceError } from "../VoiceError.ts"

/**
 * All that a driver has to know to connect: the two voice events of the main gateway in one record.
 *
 * @category models
 * @since 0.1.0
 */
export class ConnectionInfo extends Schema.Class<ConnectionInfo>("effect-discord-voice/VoiceDriver/ConnectionInfo")({
  /** Host and port as VOICE_SERVER_UPDATE gave them. */
  endpoint: Schema.String,
  serverId: GuildId,
  channelId: ChannelId,
  userId: UserId,
  sessionId: Schema.RedactedFromValue(Schema.String),
  token: Schema.RedactedFromValue(Schema.String)
}) {}

const Milliseconds = Schema.Finite.pipe(Schema.check(Schema.isGreaterThan(0)))

/**
 * Which reports (RTCP) are sent: sender reports while we send; with "all", also what we receive of others, in receiver reports
 * while we do not send; or none.
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
 * How to connect.
 *
 * @category models
 * @since 0.1.0
 */
export const ConnectOptions = Schema.Struct({
  /** Voice gateway version. Default 8. */
  version: Schema.optional(VoiceVersion),
  /** Encryption modes that are accepted, best first. Default: those of `VoiceCrypto`. */
  modes: Schema.optional(Schema.Array(EncryptionMode)),
  /** Speaking flags (op 5) announced before the first packet. Default 1, microphone. */
  speaking: Schema.optional(Schema.Int),
  /** Deadline of each phase of the handshake except IP discovery, in milliseconds. Default 10 000. */
  phaseTimeoutMs: Schema.optional(Milliseconds),
  /** How often to try to resume after the WebSocket was lost, before the connection is given up. Default 5; 0 never. */
  resumeAttempts: Schema.optional(Schema.Int.pipe(Schema.check(Schema.isBetween({ minimum: 0, maximum: 100 })))),
  /** Received packets held for a slow listener; the oldest are dropped beyond. Default 256. */
  receiveCapacity: Schema.optional(Schema.Int.pipe(Schema.check(Schema.isGreaterThan(0)))),
  /**
   * Which reports (RTCP) are sent about every 5 seconds. Default "sender": Discord's servers answer them, and without answers
   * nothing is known of loss on our way to them. What they do with receiver reports is not known. Those that arrive are read
   * in any case.
   */
  reports: Schema.optional(Reports),
  /**
   * What it means that all answers over UDP that came before, to pings and in reports, have stopped: "lost", that the socket leads nowhere
   * any more (`UdpLost`, and a session connects anew), or "ignored", for networks that let them through for a while only. That nothing can
   * be sent, or the address is gone, counts in any case. Default "lost".
   */
  udpSilence: Schema.optional(UdpSilence)
})

/**
 * @category models
 * @since 0.1.0
 */
export type ConnectOptions = typeof ConnectOptions.Type

/**
 * Numbers a track within its connection.
 *
 * @category models
 * @since 0.1.0
 */
export type TrackNumber = number

/**
 * What a session tells the driver. A ring crosses as its buffer.
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
     * When to go over to it from what is played: when that many of its frames have been read, or at its end. At once where it
     * is left out.
     */
    after: Schema.optionalKey(Schema.Union([Schema.Int, Schema.Literal("drained")]))
  },
  Detach: { track: Schema.Int },
  SetPaused: { track: Schema.Int, paused: Schema.Boolean },
  SetMuted: { muted: Schema.Boolean },
  SetSpeaking: { flags: Schema.Int },
  /** With `users` packets of others are not opened, unless nobody has said whose they are. */
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
 * How a connection stands with end-to-end encryption (DAVE).
 *
 * - `version`: the version of the protocol that is in use; 0 is none, and audio is readable for Discord then.
 * - `membership`: the group that we are in, never at version 0. Without one nothing but silence is sent while the version is
 *   not 0.
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
 * What was agreed when the connection came up.
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
 * One received audio packet: opened, without header extension and padding. `userId` is absent while nobody has said whose
 * SSRC it is.
 *
 * @category models
 * @since 0.1.0
 */
export const AudioPacket = Schema.Struct({
  ssrc: Ssrc,
  userId: Schema.optionalKey(UserId),
  sequence: Schema.Int,
  /** 48 kHz. */
  timestamp: Schema.Int,
  /** Opus. The bytes belong to the receiver. */
  payload: Schema.Uint8Array,
  /** When it arrived, in milliseconds of the driver's monotonic clock. */
  arrivalMs: Schema.Finite,
  /** How long it has waited since for a name or a key, in milliseconds. */
  waitedMs: Schema.optionalKey(Schema.Finite)
})

/**
 * @category models
 * @since 0.1.0
 */
export type AudioPacket = typeof AudioPacket.Type

/**
 * What arrives of one stream that we hear. It is counted while somebody listens.
 *
 * - `lost`: expected by the sequence numbers and not there; below 0 where more duplicates came than packets were lost.
 * - `reordered`: came behind a later one, or twice.
 * - `lossShare`: lost of those expected, 0 to 1, in the last interval (about 5 s) in which something came.
 * - `jitterMs`: interarrival jitter (RFC 3550, A.8).
 * - `senderReport`: the last one. It is one moment, on the sender's wall clock and as an RTP timestamp, so that streams can be
 *   aligned.
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
 * Counters of a connection. Times are in milliseconds; lateness is how much later than due a packet was sent. What is optional
 * is absent until it is known.
 *
 * @category models
 * @since 0.1.0
 */
export const Statistics = Schema.Struct({
  roundTripMs: Schema.optionalKey(Schema.Finite),
  /** Round trip of the main gateway's heartbeat: the session's, where its gateway tells. */
  gatewayRoundTripMs: Schema.optionalKey(Schema.Finite),
  /** Round trip of media, by the answer to a sender report. */
  mediaRoundTripMs: Schema.optionalKey(Schema.Finite),
  /** Round trip of a ping on the media socket. */
  pingRoundTripMs: Schema.optionalKey(Schema.Finite),
  heartbeatsSent: Schema.Int,
  /** How often a lost WebSocket was replaced (op 7). */
  resumes: Schema.Int,
  packetsSent: Schema.Int,
  silencePacketsSent: Schema.Int,
  bytesSent: Schema.Int,
  sendErrors: Schema.Int,
  /** What the server has last reported of our audio: lost since its report before (0 to 1) and since the start, and jitter. */
  sentLossShare: Schema.optionalKey(Schema.Finite),
  sentLost: Schema.optionalKey(Schema.Int),
  sentJitterMs: Schema.optionalKey(Schema.Finite),
  /** Stalls after which the beat was put back on the grid instead of catching up. */
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
  /** Of all sources together, since the connection came up. */
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
  /** End-to-end encryption. Frames that were sent encrypted, and those that the engine refused to encrypt. */
  framesEncrypted: Schema.Int,
  failedToEncrypt: Schema.Int,
  /** Frames that were taken at their time but not sent, because nobody could have read them. */
  framesWithheld: Schema.Int,
  framesDecrypted: Schema.Int,
  /** Frames that were not passed on: no key fits; the sender is not in our group, or has left; not encrypted though it had to be; nobody said in time whose they are. */
  undecryptable: Schema.Int,
  fromNonMembers: Schema.Int,
  unencrypted: Schema.Int,
  unknownSenders: Schema.Int,
  /** Transitions that were executed, messages of the group that were refused, and how often we asked to be added anew. */
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
 * What the driver tells the session.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Event = Schema.TaggedUnion({
  /** The first frame of a track was sent. */
  TrackStarted: { track: Schema.Int },
  /** The ring ran empty though its producer has not ended. */
  TrackStarving: { track: Schema.Int },
  TrackRecovered: { track: Schema.Int },
  /** The producer has ended, and the media time of its last frame is over. */
  TrackDrained: { track: Schema.Int },
  /** Another member's SSRC and speaking flags (op 5). */
  Speaking: { userId: UserId, ssrc: Ssrc, flags: Schema.Int },
  /** Whose SSRC it is, from what is said of a member's video (op 12), which may be all that is said before their audio comes. */
  Announced: { userId: UserId, ssrc: Ssrc },
  /** What the voice gateway says of a member's client: flags (op 18), platform (op 20), whether it sends video (op 12). Null takes back. */
  Described: {
    userId: UserId,
    flags: Schema.optionalKey(Schema.NullOr(Schema.Int)),
    platform: Schema.optionalKey(Schema.NullOr(Schema.Int)),
    video: Schema.optionalKey(Schema.Boolean)
  },
  UsersConnected: { userIds: Schema.Array(UserId) },
  UserDisconnected: { userId: UserId },
  Heartbeat: { roundTripMs: Schema.Finite },
  /** The WebSocket was lost and is being replaced; media goes on. */
  Resuming: { error: VoiceError },
  /** It was replaced. */
  Resumed: { elapsedMs: Schema.Finite },
  /** Something about end-to-end encryption has changed. */
  E2eeChanged: { e2ee: E2ee },
  /** Without a code, `failure` says why there is none. */
  VerificationCode: { request: Schema.Int, code: Schema.optionalKey(Schema.String), failure: Schema.String },
  Packet: { packet: AudioPacket },
  Statistics: { request: Schema.Int, value: Statistics },
  /** The connection is over. Nothing comes after it. */
  Ended: { error: VoiceError }
})

/**
 * @category models
 * @since 0.1.0
 */
export type Event = typeof Event.Type

/**
 * What happens on a connection: its events but for packets and answers, which go to whoever has asked for them.
 *
 * @category models
 * @since 0.1.0
 */
export type Happening = Exclude<Event, { readonly _tag: "Packet" | "Statistics" | "VerificationCode" }>
