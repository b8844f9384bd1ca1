/**
 * Which Discord the emulator is: gateway versions, encryption modes and habits of a time, as plain data.
 *
 * @since 0.1.0
 */
import type { EncryptionMode } from "../../protocol/EncryptionMode.ts"
import type { VoiceVersion } from "../../protocol/VoicePayload.ts"

/**
 * Durations are in milliseconds.
 *
 * @category models
 * @since 0.1.0
 */
export interface Profile {
  readonly name: string
  /** Voice gateway versions that are accepted. */
  readonly versions: ReadonlyArray<VoiceVersion>
  /**
   * The version of a connection whose URL has no `v`, or "refuse" (nobody documents how: HTTP 400 here). The documentation demands
   * one since November 2024; a client without was still taken a year later (bwmarrin/discordgo#1677).
   */
  readonly defaultVersion: VoiceVersion | "refuse"
  /** Modes in the order in which Ready (op 2) lists them. */
  readonly modes: ReadonlyArray<EncryptionMode>
  /** Whether channels that demand end-to-end encryption close 4017 to clients without it. */
  readonly e2ee: boolean
  /**
   * Whether a voice channel that says nothing of its own demands end-to-end encryption, or lets clients without it in. Stages
   * never have it.
   */
  readonly channelE2ee: "required" | "optional"
  /** Forms of IP discovery that are answered. */
  readonly discovery: ReadonlyArray<"74" | "70">
  /**
   * Where audio is sent to: where a client's packets come from ("observed"), or only to what it has named in Select Protocol
   * (op 1), so that a client that names something else hears nothing ("selected"). Nobody documents it.
   */
  readonly mediaTarget: "observed" | "selected"
  /**
   * IP discovery requests with bytes that are not zero where an address will stand: "answer" them as voice servers did for
   * long, or "refuse" them as since 2025 (abalabahaha/eris#1589, projectdysnomia/dysnomia#205).
   */
  readonly discoveryGarbage: "answer" | "refuse"
  readonly voiceHeartbeatIntervalMs: number
  /** Real voice gateways have been seen to send 13750.0; it is the same JSON number, written as a float. */
  readonly floatHeartbeatInterval: boolean
  /** Heartbeat intervals without a heartbeat after which a voice connection is ended with `heartbeatTimeoutCode`. */
  readonly heartbeatTolerance: number
  /**
   * How it is ended: closed with 4009, as the documentation says, which ends the session too; closed with 1000, as clients
   * have seen it; or cut without a close frame, which they call 1006. After these two the session can be resumed.
   */
  readonly heartbeatTimeoutCode: 4009 | 1000 | 1006
  readonly gatewayHeartbeatIntervalMs: number
  /** How long a dropped voice session can be resumed. */
  readonly resumeWindowMs: number
  /** Messages kept for replay in a voice session. */
  readonly replayLimit: number
  /**
   * Audio before Speaking (op 5), unless it has just overtaken it: "drop", or "close" the connection as the documentation
   * says, with "an invalid SSRC error". It names no code; here it is 4020. Frames of silence are only dropped.
   */
  readonly audioBeforeSpeaking: "drop" | "close"
  /**
   * Audio for a client that has never sent Speaking (op 5), whatever its flags: "forward" or "withhold". Old threads say that
   * nothing is received then (discord/discord-api-docs#808); clients of today that only listen send none, and hear.
   */
  readonly audioToUnannounced: "forward" | "withhold"
  /**
   * The greatest SSRC that a client gets, 65536 to 4294967295. Discord's are small; from 2147483648 on it shows who takes them
   * for numbers with a sign, as JDA 6.5 does.
   */
  readonly largestSsrc: number
  /**
   * Whether an SSRC is given again: "never", or "after-leaving" to the next who comes to the same voice server and is somebody
   * else, as has been seen of Discord's (Pycord-Development/pycord#2808).
   */
  readonly ssrcReuse: "never" | "after-leaving"
  /**
   * How many frames of silence the server says itself where a sender's audio stops without any, because it pauses or was muted,
   * never encrypted end to end; 0 for none. The DAVE whitepaper says that there are such packets, and not when.
   */
  readonly addedSilence: number
  /** How long there has to be no audio before that, in milliseconds. */
  readonly addedSilenceAfterMs: number
  /**
   * The numbers of added silence: "fitted", so that what comes afterwards is counted on and its timestamps are those of the clock, or
   * "clashing", so that they go on from what was before, and what comes afterwards has the same ones again.
   */
  readonly addedSilenceNumbers: "fitted" | "clashing"
  /**
   * What there is of the video of scripted participants: "announced" to others (op 12) and nothing else, or "sent", as packets
   * with SSRCs and payload types of its own.
   */
  readonly guestVideo: "announced" | "sent"
  /** Whether forwarded audio gets a one-byte header extension (0xBEDE, elements 1 and 9) as Discord adds it. */
  readonly headerExtension: boolean
  /** The greatest RTP padding added to forwarded audio, in bytes, 0 to 255; 0 for none. */
  readonly maxPadding: number
  /**
   * The share of forwarded packets that get padding, of 1 to `maxPadding` bytes, 0 to 1. Frames of silence never do. Clients
   * have measured 3 to 15 % (discord-net/Discord.Net#3262, disgoorg/disgo#594).
   */
  readonly paddingRate: number
  /** Whether sender reports (RTCP) go to the others in the channel too, without their report blocks; nobody documents it. */
  readonly relaySenderReports: boolean
  /** Whether 8-byte keepalives are echoed, as until March 2023. */
  readonly echoKeepalive: boolean
  /** Whether Clients Connect (op 11) lists the receiver too; nobody documents it. */
  readonly clientsConnectIncludesSelf: boolean
  /** Main gateway: intervals without a heartbeat after which a connection is closed with 4009 and its session ended. */
  readonly gatewayHeartbeatTolerance: number
  /** How long a main gateway session outlives its connection. */
  readonly gatewayResumeWindowMs: number
  /** Dispatches kept for replay in a main gateway session. */
  readonly gatewayReplayLimit: number
  /**
   * The least time between two Identify of one bot, of shards whose ids have the same remainder when divided by `identifyConcurrency`; an
   * earlier one is answered with Invalid Session. 0 lets all pass; Discord's is 5000.
   */
  readonly identifyIntervalMs: number
  /** How many shards of a bot may identify at a time: the `max_concurrency` that `GET /gateway/bot` tells, at least 1. */
  readonly identifyConcurrency: number
  /** Which of VOICE_STATE_UPDATE and VOICE_SERVER_UPDATE comes first after a join or a move; Discord promises nothing. */
  readonly voiceEventOrder: "state-first" | "server-first" | "random"
  /** Between Update Voice State (op 4) and the first of its events. */
  readonly voiceEventDelayMs: number
  /** Between the two events. */
  readonly voiceEventGapMs: number
  /** When a member is removed or moved: whether its voice connection is closed before or after the gateway's events. */
  readonly voiceCloseOrder: "close-first" | "event-first" | "random"
  /** What closes the voice connection in a channel that a member was moved out of. */
  readonly moveCloseCode: 4006 | 4014 | 4022
  /**
   * How long it takes to find a voice server for a channel that has none: meanwhile VOICE_SERVER_UPDATE says `endpoint:
   * null`. 0: at once, without such an event.
   */
  readonly allocationMs: number
  /**
   * When op 4 for the channel that the member is in already brings a new voice server update: "when-disconnected", if its
   * voice connection has ended since, or "never" (a client has to leave first).
   */
  readonly rejoinSameChannel: "when-disconnected" | "never"
  /** Whether a member enters a stage in the audience (`suppress`), where it is not heard. Moderators never do. */
  readonly stageAudience: boolean
  /**
   * The first transition id after a group has begun or begun anew: "zero", which is executed at once, as clients have seen
   * it, or "counted", like those that follow.
   */
  readonly daveFirstTransition: "zero" | "counted"
  /** How long all members have to be ready (op 23) for a transition. Discord names about two seconds. */
  readonly daveTransitionTimeoutMs: number
  /** Whether the external sender (op 25) comes before or after the session description (op 4); nobody documents it. */
  readonly daveExternalSender: "before-description" | "after-description"
  /** What Prepare Transition (op 21) to the last member of a group names: the "same" version, or "zero"; not documented. */
  readonly daveSoleMemberVersion: "same" | "zero"
  /** Whether Prepare Epoch (op 24) has a `transition_id`, which is that of the first transition: 0. Sources differ, nobody documents it. */
  readonly daveEpochTransition: boolean
  /**
   * What becomes of a member of a group whose voice WebSocket is lost: it is "kept" until the time to resume is over, or "removed" at once,
   * and asked for a new key package (op 24) when it resumes. Nobody documents it.
   */
  readonly daveLostMember: "kept" | "removed"
  /**
   * For how long moves, disconnections and deleted messages of one moderator are counted in one entry of the audit log; nobody documents it.
   * 0: each has an entry of its own.
   */
  readonly auditLogMergeMs: number
  /** How long nobody is in the channel of a scheduled event before it is over. Discord names some minutes. */
  readonly eventEmptyMs: number
  /** How long after its time a scheduled event of a channel is called off that has not begun. Discord names a few hours. */
  readonly eventOverdueMs: number
}

/**
 * Discord of 2026: versions 4 to 9, the two live modes, end-to-end encryption demanded in every channel but stages.
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
 * Whether a channel is closed to those who cannot encrypt end to end.
 *
 * @category guards
 * @since 0.1.0
 */
export const demandsE2ee = (
  profile: Profile,
  { e2ee }: { readonly e2ee: "required" | "optional" | "never" }
): boolean => profile.e2ee && e2ee === "required"
