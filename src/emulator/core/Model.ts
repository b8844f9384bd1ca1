/**
 * The content of the emulator's world: guilds, channels, users, members, voice servers and who is where.
 *
 * @since 0.1.0
 */
import type { ChannelId, GuildId, UserId } from "../../protocol/Identifier.ts"
import type { Address, Random, VoiceGrant, VoiceServerId } from "./CoreContext.ts"
import type * as Permissions from "./Permissions.ts"
import type { Thread } from "./Thread.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface User {
  readonly id: UserId
  readonly name: string
  readonly bot: boolean
  /** The token in Identify and in `Authorization: Bot`. */
  readonly token: string
  /** Whether the user becomes a moderator in guilds that it joins. */
  readonly moderator: boolean
  /**
   * Whether the privileged intents (members, presences, message content) may be requested. Otherwise requesting them closes
   * with 4014, and REST hides what others write from a bot.
   */
  readonly privilegedIntents: boolean
}

/**
 * A user in a guild. `mute` and `deaf` are set by the server.
 *
 * @category models
 * @since 0.1.0
 */
export interface Member {
  readonly userId: UserId
  readonly guildId: GuildId
  /** `undefined` if there is none: then the user's own name is shown. */
  nick: string | undefined
  mute: boolean
  deaf: boolean
  /** The ids of its roles, except the role of everybody. */
  readonly roles: Set<string>
  /** When its time-out ends or has ended, in milliseconds of Unix time; `undefined` if it never had one. */
  timedOutUntilMs: number | undefined
  isTimedOut: boolean
}

/**
 * What can be created in a guild. In a text channel people write and nobody speaks; a category contains other channels.
 *
 * @category models
 * @since 0.1.0
 */
export type ChannelKind = "voice" | "stage" | "text" | "category"

/**
 * @category models
 * @since 0.1.0
 */
export interface Channel {
  readonly id: ChannelId
  readonly guildId: GuildId
  name: string
  readonly kind: ChannelKind | "thread"
  readonly e2ee: VoiceGrant["e2ee"]
  /** 0 means no limit. */
  userLimit: number
  /** Whether it admits nobody, whatever its limit. */
  full: boolean
  /** Bits per second. */
  bitrate: number
  /** The requested region; `undefined` means automatic. */
  region: string | undefined
  /** The server of the call, once there has been one. */
  server: VoiceServerId | undefined
  readonly overwrites: Map<string, Permissions.Overwrite>
  /** The category that it is in. */
  parentId: ChannelId | undefined
  position: number
  topic: string | undefined
  /** The text next to the name of a voice channel. */
  status: string | undefined
  /** The current session of a stage. */
  stage: { readonly id: string; readonly topic: string; readonly eventId?: string | undefined } | undefined
  /** Only for threads. Their `parentId` is the channel that they are in, whose overwrites apply. */
  readonly thread: Thread | undefined
}

/**
 * A thread in a text channel.
 *
 * @category models
 * @since 0.1.0
 */
export interface ThreadChannel extends Channel {
  readonly kind: "thread"
  readonly thread: Thread
}

/**
 * The direct messages between two users, at least one of whom is a bot.
 *
 * @category models
 * @since 0.1.0
 */
export interface DirectChannel {
  readonly id: ChannelId
  /** Who opened them. */
  readonly from: User
  readonly to: User
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Guild {
  readonly id: GuildId
  /** The current name. A test refers to the guild by its first name. */
  name: string
  /** May do everything, and cannot be moderated. */
  readonly ownerId: UserId
  /** The channel to which inactive members are moved. */
  afkChannelId: ChannelId | undefined
  /** After how many seconds that happens. */
  afkSeconds: number
  /** The channel in which Discord announces new members. */
  systemChannelId: ChannelId | undefined
  readonly channels: Map<ChannelId, Channel>
  readonly members: Map<UserId, Member>
  readonly roles: Map<string, Permissions.Role>
  /** The banned users, and why. */
  readonly bans: Map<UserId, string | undefined>
  readonly events: Map<string, ScheduledEvent>
  /** Its soundboard, by the ids of the sounds. */
  readonly sounds: Map<string, Sound>
  /** Whether it is available: there is no outage. */
  available: boolean
}

/**
 * @category models
 * @since 0.1.0
 */
export interface VoiceServer {
  readonly id: VoiceServerId
  readonly region: string
  /** The endpoint in VOICE_SERVER_UPDATE. */
  readonly endpoint: string
  readonly udp: Address
}

/**
 * Where a member is and how. A user has at most one in each guild.
 *
 * @category models
 * @since 0.1.0
 */
export interface VoiceState {
  readonly guildId: GuildId
  readonly userId: UserId
  channelId: ChannelId
  /**
   * The id of the main gateway session that owns the state, which some libraries rely on (discord/discord-api-docs#1724). A
   * scripted participant has its own.
   */
  readonly sessionId: string
  selfMute: boolean
  selfDeaf: boolean
  selfVideo: boolean
  selfStream: boolean
  /** On a stage: whether the member is in the audience. */
  suppress: boolean
  requestToSpeak: string | undefined
  /** The main gateway session that owns it; `undefined` for a scripted participant. */
  readonly owner: string | undefined
  /** The voice session that was issued; none while the channel has no voice server. */
  grant: VoiceGrant | undefined
  /** Whether the voice connection of the grant has come and gone. */
  disconnected: boolean
}

/**
 * A way to write in a channel for everybody who knows its token.
 *
 * @category models
 * @since 0.1.0
 */
export interface Webhook {
  readonly id: string
  readonly token: string
  readonly guildId: GuildId
  channelId: ChannelId
  name: string
  readonly creator: User
}

/**
 * An event that is planned in a voice channel, on a stage, or elsewhere.
 *
 * @category models
 * @since 0.1.0
 */
export interface ScheduledEvent {
  readonly id: string
  readonly guildId: GuildId
  readonly creator: User
  name: string
  description: string | undefined
  kind: "voice" | "stage" | "external"
  /** `undefined` for an event elsewhere, which has a `location` and an end. */
  channelId: ChannelId | undefined
  location: string | undefined
  /** In milliseconds of Unix time. */
  startMs: number
  endMs: number | undefined
  status: "scheduled" | "active" | "completed" | "canceled"
  /** The id of the stage session for this event. */
  stageId: string | undefined
  /** The users who are interested. */
  readonly subscribers: Set<UserId>
}

/**
 * A picture for texts and buttons, of a guild or of an application.
 *
 * @category models
 * @since 0.1.0
 */
export interface Emoji {
  readonly id: string
  name: string
  readonly isAnimated: boolean
  readonly creator: User
}

/**
 * A sound of a guild's soundboard, or one of Discord's default sounds.
 *
 * @category models
 * @since 0.1.0
 */
export interface Sound {
  readonly id: string
  /** `undefined` for Discord's own. */
  readonly guildId: GuildId | undefined
  name: string
  /** From 0 to 1. */
  volume: number
  /** The `id` of an emoji of the guild, or the characters of a Unicode one as its `name`; or neither. */
  emoji: { readonly id: string | null; readonly name: string | null }
  readonly creator: User | undefined
  /** The file to serve; none for Discord's own. */
  readonly file: { readonly contentType: string; readonly data: Uint8Array } | undefined
}

/**
 * An invite, by which people become members.
 *
 * @category models
 * @since 0.1.0
 */
export interface Invite {
  readonly code: string
  readonly guildId: GuildId
  readonly channelId: ChannelId
  readonly inviter: User
  /** In milliseconds of Unix time. */
  readonly createdMs: number
  /** How long it is valid, in seconds; 0 means forever. */
  readonly maxAge: number
  /** How often it can be used; 0 means no limit. */
  readonly maxUses: number
  readonly isTemporary: boolean
}

/**
 * @category models
 * @since 0.1.0
 */
export interface World {
  readonly guilds: Map<GuildId, Guild>
  readonly channels: Map<ChannelId, Channel>
  readonly directs: Map<ChannelId, DirectChannel>
  readonly webhooks: Map<string, Webhook>
  readonly invites: Map<string, Invite>
  /** By the id of the owning guild or application, then by their own. */
  readonly emojis: Map<string, Map<string, Emoji>>
  readonly users: Map<UserId, User>
  readonly tokens: Map<string, User>
  readonly servers: Map<VoiceServerId, VoiceServer>
  /** Users that belong to every guild, including later ones. */
  readonly everywhere: Set<UserId>
  /** By guild, then by user. */
  readonly voiceStates: Map<GuildId, Map<UserId, VoiceState>>
  /** Returns a new id. Ids look like Discord's: the upper bits are a time, and they ascend. */
  readonly nextId: () => string
  readonly random: Random
}
