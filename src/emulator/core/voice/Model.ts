/**
 * What the voice half of the emulator's core offers to the main half: scripted participants, hooks and a view of its sessions.
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
 * An Opus packet that a scripted participant received, decrypted with the participant's own key, without header extension and
 * padding, and decrypted end to end if it was encrypted so.
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
  /** A copy that the receiver owns. */
  readonly payload: Uint8Array
  /**
   * The arrival time, in milliseconds of Effect's monotonic clock (`Clock.monotonicTimeNanos`), the clock of utterances and of
   * everything that a session receives.
   */
  readonly arrivalMs: number
  /** Whether the payload is the silence frame `F8 FF FE`. */
  readonly silence: boolean
  /** Whether it was end-to-end encrypted. Silence never is. */
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
  /** A 64-bit NTP timestamp: seconds since 1900 in the upper half. */
  readonly ntpTimestamp: bigint
  /** The same moment in samples at 48 kHz. */
  readonly rtpTimestamp: number
  readonly packetCount: number
  readonly octetCount: number
  /** The arrival time, on the same clock as in {@link HeardFrame}. */
  readonly arrivalMs: number
}

/**
 * An Opus packet for a scripted participant to send.
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
 * A member of a channel without a socket, controlled by a script.
 *
 * @category models
 * @since 0.1.0
 */
export interface ParticipantHandle {
  readonly userId: UserId
  /** Changes with {@link ParticipantHandle.move}. */
  readonly ssrc: number
  /**
   * Sends Speaking (op 5; `speaking` defaults to 1) to the others, then each frame at its media time, and five silence frames
   * unless `trailingSilence` is false. The first frame is sent now, after what is still being spoken, or (for at most 5
   * seconds) when it can be encrypted. `onDone` runs when the last frame was sent. `onCut` runs, with the number of frames
   * sent, when the participant leaves, is removed or moves before that.
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
  /** Replaces what others are told about its client (ops 12, 18 and 20). */
  readonly show: (shown: Shown) => void
  /** Calls `listener` for every frame heard from now on. */
  readonly onHeard: (listener: (frame: HeardFrame) => void) => void
  /** Calls `listener` for every sender report from now on. */
  readonly onReport: (listener: (report: HeardReport) => void) => void
  /** Calls `listener` for every frame from now on that is not heard because it cannot be decrypted. */
  readonly onUndecryptable: (listener: (cause: Undecryptable, userId: UserId) => void) => void
  /** Whether what it says now is sent to a user who can decrypt it. */
  readonly reaches: (userId: UserId) => boolean
  /** The end-to-end encrypted group as the participant knows it; `undefined` while it is in none. */
  readonly membership: () => Membership | undefined
  /** The 45 digits that both sides see; `undefined` if the other user is not in its group. */
  readonly verificationCode: (userId: UserId) => Promise<string | undefined>
  /** Sets its misbehavior in the end-to-end encrypted group from now on, replacing earlier settings. */
  readonly misbehave: (how: Misbehaviour) => void
  /** Continues in another channel or on another voice server, with a new SSRC and key. What was being spoken ends. */
  readonly move: (to: { readonly channelId: ChannelId; readonly server: VoiceServerId }) => void
  /** Leaves, and tells the others with Client Disconnect (op 13). It can be called more than once. */
  readonly leave: () => void
}

/**
 * The RTP of a scripted participant. Values that are left out are derived from the emulator's seed.
 *
 * @category models
 * @since 0.1.0
 */
export interface AudioOptions {
  /** The first sequence number, 16 bits. 65500, for example, soon wraps around. */
  readonly sequence?: number | undefined
  /** The timestamp at the moment of joining, 32 bits. It advances with the clock. */
  readonly timestamp?: number | undefined
  /** How far its clock runs ahead of ours, in parts per million. Default 0. */
  readonly clockPpm?: number | undefined
  /**
   * The RTP padding of its forwarded packets in bytes, 0 to 255. The values are used in turn and then repeated, and replace
   * those of the profile.
   */
  readonly padding?: ReadonlyArray<number> | undefined
}

/**
 * How a scripted participant takes part: its end-to-end encryption, and its RTP.
 *
 * @category models
 * @since 0.1.0
 */
export interface EncryptionOptions {
  /** Whether it can encrypt end to end. Default true. A channel is encrypted as long as all members can. */
  readonly e2ee?: boolean | undefined
  /** Its misbehavior from the start. */
  readonly misbehave?: Misbehaviour | undefined
  readonly audio?: AudioOptions | undefined
  /** What others are told about its client from the start. */
  readonly shown?: Shown | undefined
}

/**
 * Makes scripted participants.
 *
 * @category models
 * @since 0.1.0
 */
export interface Participants {
  /** Joins with a scripted member whose voice state the main half has set. */
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
 * A voice session for displays.
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
  /** Where media is sent to, if known. */
  readonly address: Address | undefined
}

/**
 * The voice half of the core: voice gateways, media relay and scripted participants.
 *
 * @category models
 * @since 0.1.0
 */
export interface VoiceHalf {
  /** Adds a voice server. `udp` is the address in Ready (op 2). With an id that is already known, it changes the address. */
  readonly addServer: (id: VoiceServerId, udp: Address) => void
  /** Accepts a connection to the voice gateway of a server and sends Hello (op 8), or refuses it with an HTTP status. */
  readonly accept: (
    connection: ConnectionId,
    server: VoiceServerId,
    search: URLSearchParams
  ) => void | { readonly reject: number }
  readonly receive: (connection: ConnectionId, frame: string | Uint8Array) => void
  /** Tells that the peer of a connection is gone; 1006 without a close frame. */
  readonly disconnected: (connection: ConnectionId, code: number) => void
  /** Takes a datagram that arrived at a voice server. The bytes are used only during the call. */
  readonly datagram: (server: VoiceServerId, from: Address, bytes: Uint8Array) => void
  /** Whether the connection was accepted here and is not gone. */
  readonly owns: (connection: ConnectionId) => boolean
  /**
   * Captures the sessions that a user has in a guild at this moment. The returned function ends them, immediately or later: it
   * closes their connections with this code and tells the others with Client Disconnect (op 13). A session that the user begins
   * in the meantime, with another token, is not affected. `voluntary` says that the user left, so closing silence was expected.
   */
  readonly revocation: (of: { readonly userId: UserId; readonly guildId: GuildId }) => (how: {
    readonly code: number
    readonly reason: string
    readonly voluntary?: boolean | undefined
  }) => void
  /** Closes the user's connections, in one guild or in all. The sessions can be resumed if clients resume after this code. */
  readonly closeUser: (userId: UserId, code: number, reason: string, guildId?: GuildId) => boolean
  /** Cuts the user's connections without a close frame, in one guild or in all. The sessions can be resumed. */
  readonly terminateUser: (userId: UserId, guildId?: GuildId) => boolean
  /** Tells that we have closed or cut a connection: 1006 without a close frame. */
  readonly ended: (connection: ConnectionId, code: number) => void
  readonly disturbance: Disturbance
  readonly participants: Participants
  readonly sessions: () => ReadonlyArray<SessionView>
  readonly groups: () => ReadonlyArray<DaveView>
}
