/**
 * What the voice half of the emulator's core shows to the main half: scripted participants, hooks and the view of its
 * sessions.
 *
 * @since 0.1.0
 */
import type { EncryptionMode } from "../../../protocol/EncryptionMode.ts"
import type { ChannelId, GuildId, UserId } from "../../../protocol/Identifier.ts"
import type { VoiceVersion } from "../../../protocol/VoicePayload.ts"
import type { Address, ConnectionId, VoiceServerId } from "../CoreContext.ts"
import type { Misbehaviour } from "../dave/Misbehaviour.ts"
import type { GroupView } from "../dave/Model.ts"
import type { Membership, Undecryptable } from "../dave/Seat.ts"
import type { Disturbance } from "./Disturbance.ts"
import type { Shown } from "./Shown.ts"

/**
 * An Opus packet that a scripted participant received, opened with its own key, without header extension and padding, and
 * decrypted where it was end-to-end encrypted.
 *
 * @category models
 * @since 0.1.0
 */
export interface HeardFrame {
  readonly userId: UserId
  readonly ssrc: number
  /** 0 to 65535. */
  readonly sequence: number
  /** In samples at 48 kHz, an unsigned 32-bit integer. */
  readonly timestamp: number
  /** A copy that belongs to the receiver. */
  readonly payload: Uint8Array
  /**
   * When it came, in milliseconds of Effect's monotonic clock (`Clock.monotonicTimeNanos`), by which utterances and what a
   * session receives have their times, too.
   */
  readonly arrivalMs: number
  /** Whether the payload is the silence frame `F8 FF FE`. */
  readonly silence: boolean
  /** Whether it came end-to-end encrypted. Silence never does. */
  readonly encrypted: boolean
}

/**
 * A sender report that a scripted participant received (RFC 3550, 6.4.1).
 *
 * @category models
 * @since 0.1.0
 */
export interface HeardReport {
  readonly userId: UserId
  readonly ssrc: number
  /** 64 bits: seconds since 1900 in the upper half. */
  readonly ntpTimestamp: bigint
  /** The same moment in samples at 48 kHz. */
  readonly rtpTimestamp: number
  readonly packetCount: number
  readonly octetCount: number
  /** When it came, by the same clock as that of {@link HeardFrame}. */
  readonly arrivalMs: number
}

/**
 * An Opus packet to be sent by a scripted participant.
 *
 * @category models
 * @since 0.1.0
 */
export interface SpokenFrame {
  readonly data: Uint8Array
  /** Duration in samples at 48 kHz. */
  readonly samples: number
}

/**
 * A member of a channel without a socket, moved by a script.
 *
 * @category models
 * @since 0.1.0
 */
export interface ParticipantHandle {
  readonly userId: UserId
  /** Changes with {@link ParticipantHandle.move}. */
  readonly ssrc: number
  /**
   * Sends Speaking (op 5; `speaking` is 1 unless given) to the others, then each frame at its media time, the first one
   * now, after what is still being spoken, or (for 5 seconds at most) when it can be encrypted, and five silence frames unless `trailingSilence` is false. `onDone` runs
   * when the last frame was sent, or `onCut`, with how many were, when the participant leaves, is removed or moves before.
   */
  readonly speak: (
    frames: ReadonlyArray<SpokenFrame>,
    options?: {
      readonly speaking?: number | undefined
      readonly trailingSilence?: boolean | undefined
      readonly onDone?: (() => void) | undefined
      readonly onCut?: ((said: number) => void) | undefined
    }
  ) => void
  /** Sends Speaking (op 5) with these flags to the others: 1 microphone, 2 soundshare, 4 priority. */
  readonly setSpeaking: (flags: number) => void
  /** What others are told of its client (ops 12, 18 and 20), in place of what was before. */
  readonly show: (shown: Shown) => void
  /** Calls `listener` for every frame heard from now on. */
  readonly onHeard: (listener: (frame: HeardFrame) => void) => void
  /** Calls `listener` for every sender report from now on. */
  readonly onReport: (listener: (report: HeardReport) => void) => void
  /** Calls `listener` for every frame that is not heard from now on, because it cannot be decrypted. */
  readonly onUndecryptable: (listener: (cause: Undecryptable, userId: UserId) => void) => void
  /** Whether what it says now goes to a user, who can read it. */
  readonly reaches: (userId: UserId) => boolean
  /** The end-to-end encrypted group as it knows it; `undefined` while it is in none. */
  readonly membership: () => Membership | undefined
  /** 45 digits that both sides see; `undefined` if the other is not in its group. */
  readonly verificationCode: (userId: UserId) => Promise<string | undefined>
  /** From now on it does these things wrong in the end-to-end encrypted group, in place of others before. */
  readonly misbehave: (how: Misbehaviour) => void
  /** Goes on in another channel or on another voice server, with another SSRC and key. What was being spoken ends. */
  readonly move: (to: { readonly channelId: ChannelId; readonly server: VoiceServerId }) => void
  /** Tells the others with Client Disconnect (op 13). Leaving twice does nothing. */
  readonly leave: () => void
}

/**
 * The RTP of a scripted participant. What is left out is drawn by the emulator's seed.
 *
 * @category models
 * @since 0.1.0
 */
export interface AudioOptions {
  /** The first sequence number, 16 bits: 65500 soon wraps around. */
  readonly sequence?: number | undefined
  /** The timestamp at the moment of joining, 32 bits. It goes on by the clock. */
  readonly timestamp?: number | undefined
  /** How far its clock runs ahead of ours, in parts per million. Default 0. */
  readonly clockPpm?: number | undefined
  /**
   * Bytes of RTP padding of its packets as they are forwarded, 0 to 255, one after another and again from the first, in place
   * of the profile's.
   */
  readonly padding?: ReadonlyArray<number> | undefined
}

/**
 * How a scripted participant takes part: in end-to-end encryption, and with which RTP.
 *
 * @category models
 * @since 0.1.0
 */
export interface EncryptionOptions {
  /** Whether it can encrypt; true unless given. A channel is encrypted as long as all in it can. */
  readonly e2ee?: boolean | undefined
  /** What it does wrong from the start. */
  readonly misbehave?: Misbehaviour | undefined
  readonly audio?: AudioOptions | undefined
  /** What others are told of its client from the start. */
  readonly shown?: Shown | undefined
}

/**
 * Makes scripted participants.
 *
 * @category models
 * @since 0.1.0
 */
export interface Participants {
  /** A scripted member, whose voice state the main half has put in place. */
  readonly join: (where: {
    readonly userId: UserId
    readonly guildId: GuildId
    readonly channelId: ChannelId
    readonly server: VoiceServerId
  }, options?: EncryptionOptions) => ParticipantHandle
}

/**
 * The end-to-end encryption of one channel.
 *
 * @category models
 * @since 0.1.0
 */
export interface DaveView extends GroupView {
  readonly server: VoiceServerId
  readonly guildId: GuildId
  readonly channelId: ChannelId
}

/**
 * A voice session as displays show it.
 *
 * @category models
 * @since 0.1.0
 */
export interface SessionView {
  readonly userId: UserId
  readonly guildId: GuildId
  readonly channelId: ChannelId
  readonly server: VoiceServerId
  readonly ssrc: number
  /** `undefined` until Select Protocol (op 1). */
  readonly mode: EncryptionMode | undefined
  /** `undefined` for a scripted participant. */
  readonly version: VoiceVersion | undefined
  /** `identified` until the session description (op 4), `lost` while the connection is gone and may be resumed. */
  readonly state: "identified" | "ready" | "lost" | "scripted"
  readonly speaking: number
  /** Where media goes to, if that is known. */
  readonly address: Address | undefined
}

/**
 * The voice half of the core: voice gateways, media relay and scripted participants.
 *
 * @category models
 * @since 0.1.0
 */
export interface VoiceHalf {
  /** Makes a voice server known; `udp` is what Ready (op 2) names. Again with the same id: moves its address. */
  readonly addServer: (id: VoiceServerId, udp: Address) => void
  /** Takes a connection to the voice gateway of a server and sends Hello (op 8), or refuses with an HTTP status. */
  readonly accept: (
    connection: ConnectionId,
    server: VoiceServerId,
    search: URLSearchParams
  ) => void | { readonly reject: number }
  readonly receive: (connection: ConnectionId, frame: string | Uint8Array) => void
  /** The peer of a connection went away; 1006 without a close frame. */
  readonly disconnected: (connection: ConnectionId, code: number) => void
  /** Takes a datagram that came to a voice server. The bytes are used during the call only. */
  readonly datagram: (server: VoiceServerId, from: Address, bytes: Uint8Array) => void
  /** Whether the connection was accepted here and has not gone away. */
  readonly owns: (connection: ConnectionId) => boolean
  /**
   * Takes note of the sessions that a user has in a guild at this moment. The result ends them, at once or later: closes their
   * connections with this code and tells the others with Client Disconnect (op 13). A session that the user begins meanwhile,
   * with another token, is not touched. `voluntary` says that the user left, so that closing silence was due.
   */
  readonly revocation: (of: { readonly userId: UserId; readonly guildId: GuildId }) => (how: {
    readonly code: number
    readonly reason: string
    readonly voluntary?: boolean | undefined
  }) => void
  /** Closes the user's connections, in one guild or in all. The sessions can be resumed if the code is one after which a client resumes. */
  readonly closeUser: (userId: UserId, code: number, reason: string, guildId?: GuildId) => boolean
  /** Cuts the user's connections without a close frame, in one guild or in all. The sessions can be resumed. */
  readonly terminateUser: (userId: UserId, guildId?: GuildId) => boolean
  /** We have closed or cut a connection: 1006 without a close frame. */
  readonly ended: (connection: ConnectionId, code: number) => void
  readonly disturbance: Disturbance
  readonly participants: Participants
  readonly sessions: () => ReadonlyArray<SessionView>
  readonly groups: () => ReadonlyArray<DaveView>
}
