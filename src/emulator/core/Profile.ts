/**
 * The version of Discord that the emulator simulates: the gateway versions, encryption modes and habits of a time, as plain
 * data.
 *
 * @since 0.1.0
 */
import type { EncryptionMode } from "../../protocol/EncryptionMode.ts"
import type { VoiceVersion } from "../../protocol/VoicePayload.ts"

/**
 * A version of Discord. Durations are in milliseconds.
 *
 * @category models
 * @since 0.1.0
 */
export interface Profile {
  readonly name: string
  /** The voice gateway versions that are accepted. */
  readonly versions: ReadonlyArray<VoiceVersion>
  /**
   * The version of a connection whose URL has no `v`, or "refuse" (how is undocumented; here with HTTP 400). The documentation
   * has required a version since November 2024, but clients without one were still accepted a year later
   * (bwmarrin/discordgo#1677).
   */
  readonly defaultVersion: VoiceVersion | "refuse"
  /** The modes in the order in which Ready (op 2) lists them. */
  readonly modes: ReadonlyArray<EncryptionMode>
  /** Whether channels that require end-to-end encryption close clients without it with 4017. */
  readonly e2ee: boolean
  /**
   * Whether a voice channel without a setting of its own requires end-to-end encryption, or admits clients without it. Stages
   * never have it.
   */
  readonly channelE2ee: "required" | "optional"
  /** The forms of IP discovery that are answered. */
  readonly discovery: ReadonlyArray<"74" | "70">
  /**
   * Where audio is sent: to the source address of a client's packets ("observed"), or only to the address in Select Protocol
   * (op 1), so that a client that names another address hears nothing ("selected"). Undocumented.
   */
  readonly mediaTarget: "observed" | "selected"
  /**
   * How IP discovery requests are treated whose address field is not all zeros: "answer" them as voice servers did for a long
   * time, or "refuse" them as they have since 2025 (abalabahaha/eris#1589, projectdysnomia/dysnomia#205).
   */
  readonly discoveryGarbage: "answer" | "refuse"
  readonly voiceHeartbeatIntervalMs: number
  /**
   * Whether the heartbeat interval is written as a float. Real voice gateways have been seen to send 13750.0, which is the same
   * JSON number.
   */
  readonly floatHeartbeatInterval: boolean
  /**
   * The number of heartbeat intervals without a heartbeat after which a voice connection is ended with `heartbeatTimeoutCode`.
   */
  readonly heartbeatTolerance: number
  /**
   * How it is ended: closed with 4009, as documented, which also ends the session; closed with 1000, as clients have seen it;
   * or cut without a close frame, which clients report as 1006. After 1000 and 1006 the session can be resumed.
   */
  readonly heartbeatTimeoutCode: 4009 | 1000 | 1006
  readonly gatewayHeartbeatIntervalMs: number
  /** How long a dropped voice session can be resumed. */
  readonly resumeWindowMs: number
  /** The number of messages that are kept for replay in a voice session. */
  readonly replayLimit: number
  /**
   * What happens to audio before Speaking (op 5), unless it has only overtaken it: "drop" it, or "close" the connection with
   * "an invalid SSRC error" as documented. The documentation names no code; here it is 4020. Frames of silence are only
   * dropped.
   */
  readonly audioBeforeSpeaking: "drop" | "close"
  /**
   * Whether to forward audio to a client that has never sent Speaking (op 5) with any flags: "forward" or "withhold". Old
   * threads say that such clients receive nothing (discord/discord-api-docs#808); today's clients that only listen do not send
   * it, and hear.
   */
  readonly audioToUnannounced: "forward" | "withhold"
  /**
   * The greatest SSRC that a client gets, 65536 to 4294967295. Discord's are small. From 2147483648 on it exposes clients that
   * treat SSRCs as signed, as JDA 6.5 does.
   */
  readonly largestSsrc: number
  /**
   * Whether an SSRC is reused: "never", or "after-leaving" for the next different user on the same voice server, as observed
   * with Discord (Pycord-Development/pycord#2808).
   */
  readonly ssrcReuse: "never" | "after-leaving"
  /**
   * The number of frames of silence that the server adds where a sender's audio stops without any, because the sender pauses or
   * was muted. They are never encrypted end to end. 0 for none. The DAVE whitepaper says that there are such packets, but not
   * when.
   */
  readonly addedSilence: number
  /** How long audio has to be absent before that, in milliseconds. */
  readonly addedSilenceAfterMs: number
  /**
   * The sequence numbers and timestamps of added silence. With "fitted", later packets continue the count and their timestamps
   * follow the clock. With "clashing", added silence continues the earlier numbers, and later packets have the same ones again.
   */
  readonly addedSilenceNumbers: "fitted" | "clashing"
  /**
   * The video of scripted participants: only "announced" to others (op 12), or "sent" as packets with their own SSRCs and
   * payload types.
   */
  readonly guestVideo: "announced" | "sent"
  /** Whether forwarded audio gets a one-byte header extension (0xBEDE, elements 1 and 9), as Discord adds it. */
  readonly headerExtension: boolean
  /** The maximum RTP padding that is added to forwarded audio, in bytes, 0 to 255; 0 for none. */
  readonly maxPadding: number
  /**
   * The share of forwarded packets that get padding of 1 to `maxPadding` bytes, 0 to 1. Frames of silence never do. Clients
   * have measured 3 to 15 % (discord-net/Discord.Net#3262, disgoorg/disgo#594).
   */
  readonly paddingRate: number
  /** Whether sender reports (RTCP) are forwarded to the others in the channel, without their report blocks. Undocumented. */
  readonly relaySenderReports: boolean
  /** Whether 8-byte keepalives are echoed, as they were until March 2023. */
  readonly echoKeepalive: boolean
  /** Whether Clients Connect (op 11) lists the receiver too. Undocumented. */
  readonly clientsConnectIncludesSelf: boolean
  /**
   * The number of main gateway intervals without a heartbeat after which a connection is closed with 4009 and its session ends.
   */
  readonly gatewayHeartbeatTolerance: number
  /** How long a main gateway session outlives its connection. */
  readonly gatewayResumeWindowMs: number
  /** The number of dispatches that are kept for replay in a main gateway session. */
  readonly gatewayReplayLimit: number
  /**
   * The minimum time between two Identify of one bot, for shards whose ids are equal modulo `identifyConcurrency`. An earlier
   * one is answered with Invalid Session. 0 means no limit; Discord's is 5000.
   */
  readonly identifyIntervalMs: number
  /**
   * The number of shards of a bot that may identify at the same time: the `max_concurrency` of `GET /gateway/bot`, at least 1.
   */
  readonly identifyConcurrency: number
  /** Which of VOICE_STATE_UPDATE and VOICE_SERVER_UPDATE comes first after a join or a move. Discord promises nothing. */
  readonly voiceEventOrder: "state-first" | "server-first" | "random"
  /**
   * The time between Update Voice State (op 4) and the first of its events. A scripted participant that joins or is moved goes
   * to its voice server when its voice state has been sent; until then it is on none, or on the former one.
   */
  readonly voiceEventDelayMs: number
  /** The time between the two events. */
  readonly voiceEventGapMs: number
  /** Whether the voice connection of a removed or moved member is closed before or after the gateway's events. */
  readonly voiceCloseOrder: "close-first" | "event-first" | "random"
  /** The close code of the voice connection in a channel that a member was moved out of. */
  readonly moveCloseCode: 4006 | 4014 | 4022
  /**
   * How long it takes to find a voice server for a channel that has none; until then VOICE_SERVER_UPDATE has `endpoint: null`.
   * 0 means immediately, without such an event.
   */
  readonly allocationMs: number
  /**
   * When op 4 for the channel that the member is already in brings a new voice server update: "when-disconnected", if the voice
   * connection has ended since, or "never" (a client has to leave first).
   */
  readonly rejoinSameChannel: "when-disconnected" | "never"
  /** Whether a member enters a stage in the audience (`suppress`), where it is not heard. Moderators never do. */
  readonly stageAudience: boolean
  /**
   * The first transition id after a group has been created or recreated: "zero", which is executed immediately, as clients have
   * seen it, or "counted", like the later ones.
   */
  readonly daveFirstTransition: "zero" | "counted"
  /** How long a transition waits for all members to be ready (op 23). Discord names about two seconds. */
  readonly daveTransitionTimeoutMs: number
  /** Whether the external sender (op 25) comes before or after the session description (op 4). Undocumented. */
  readonly daveExternalSender: "before-description" | "after-description"
  /** What Prepare Transition (op 21) to the last member of a group names: the "same" version, or "zero". Undocumented. */
  readonly daveSoleMemberVersion: "same" | "zero"
  /**
   * Whether Prepare Epoch (op 24) has a `transition_id`, namely that of the first transition: 0. Sources differ; undocumented.
   */
  readonly daveEpochTransition: boolean
  /**
   * What happens to a group member whose voice WebSocket is lost: it is "kept" until the time to resume is over, or "removed"
   * immediately and asked for a new key package (op 24) when it resumes. Undocumented.
   */
  readonly daveLostMember: "kept" | "removed"
  /**
   * How long moves, disconnections and deleted messages of one moderator are merged into one entry of the audit log. With 0,
   * each has its own entry. Undocumented.
   */
  readonly auditLogMergeMs: number
  /** How long the channel of a scheduled event has to be empty for the event to end. Discord names some minutes. */
  readonly eventEmptyMs: number
  /** How long after its time a scheduled event of a channel is canceled if it has not begun. Discord names a few hours. */
  readonly eventOverdueMs: number
}

/**
 * Discord of 2026: versions 4 to 9, the two live modes, end-to-end encryption required in every channel but stages.
 *
 * @category constants
 * @since 0.1.0
 */
export const today: Profile = {
  name: "today",
  versions: [4, 5, 6, 7, 8, 9],
  defaultVersion: "refuse",
  modes: ["aead_aes256_gcm_rtpsize", "aead_xchacha20_poly1305_rtpsize"],
  e2ee: true,
  channelE2ee: "required",
  discovery: ["74"],
  mediaTarget: "observed",
  discoveryGarbage: "refuse",
  voiceHeartbeatIntervalMs: 13_750,
  floatHeartbeatInterval: false,
  heartbeatTolerance: 3,
  heartbeatTimeoutCode: 4009,
  gatewayHeartbeatIntervalMs: 41_250,
  resumeWindowMs: 60_000,
  replayLimit: 1_000,
  audioBeforeSpeaking: "drop",
  audioToUnannounced: "forward",
  largestSsrc: 0x7fff_ffff,
  ssrcReuse: "never",
  addedSilence: 0,
  addedSilenceAfterMs: 100,
  addedSilenceNumbers: "fitted",
  guestVideo: "announced",
  headerExtension: true,
  maxPadding: 32,
  paddingRate: 0.1,
  relaySenderReports: true,
  echoKeepalive: false,
  clientsConnectIncludesSelf: false,
  gatewayHeartbeatTolerance: 2,
  gatewayResumeWindowMs: 120_000,
  gatewayReplayLimit: 500,
  identifyIntervalMs: 0,
  identifyConcurrency: 1,
  voiceEventOrder: "state-first",
  voiceEventDelayMs: 0,
  voiceEventGapMs: 0,
  voiceCloseOrder: "close-first",
  moveCloseCode: 4014,
  allocationMs: 0,
  rejoinSameChannel: "when-disconnected",
  stageAudience: true,
  daveFirstTransition: "zero",
  daveTransitionTimeoutMs: 2_000,
  daveExternalSender: "after-description",
  daveSoleMemberVersion: "same",
  daveEpochTransition: false,
  daveLostMember: "kept",
  auditLogMergeMs: 300_000,
  eventEmptyMs: 300_000,
  eventOverdueMs: 14_400_000
}

/**
 * Discord of 2022: versions 1 to 4 (no `v` means 1), the three xsalsa20 modes, no end-to-end encryption.
 *
 * @category constants
 * @since 0.1.0
 */
export const year2022: Profile = {
  ...today,
  name: "2022",
  versions: [1, 2, 3, 4],
  defaultVersion: 1,
  modes: ["xsalsa20_poly1305", "xsalsa20_poly1305_suffix", "xsalsa20_poly1305_lite"],
  e2ee: false,
  channelE2ee: "optional",
  discovery: ["74", "70"],
  discoveryGarbage: "answer",
  maxPadding: 0,
  relaySenderReports: false,
  echoKeepalive: true
}

/**
 * Whether a channel is closed to clients without end-to-end encryption.
 *
 * @category guards
 * @since 0.1.0
 */
export const demandsE2ee = (
  profile: Profile,
  { e2ee }: { readonly e2ee: "required" | "optional" | "never" }
): boolean => profile.e2ee && e2ee === "required"
