/**
 * What the emulator's world consists of: guilds, channels, users, members, voice servers and who is where.
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
  /** What Identify and `Authorization: Bot` say. */
  readonly token: string
  /** Whether it is a moderator in guilds that it becomes a member of. */
  readonly moderator: boolean
  /**
   * Whether the privileged intents (members, presences, message content) may be asked for; otherwise 4014, and a bot does not read what
   * others write over REST either.
   */
  readonly privilegedIntents: boolean
}

/**
 * A user in a guild. `mute` and `deaf` are those of the server.
 *
 * @category models
 * @since 0.1.0
 */
export interface Member {
  readonly userId: UserId
  readonly guildId: GuildId
  /** `undefined` is none: the user's own name is shown. */
  nick: string | undefined
  mute: boolean
  deaf: boolean
  /** The ids of its roles, without everybody's. */
  readonly roles: Set<string>
  /** When its time-out ends or has ended, in milliseconds of Unix time; `undefined` if it was given none. */
  timedOutUntilMs: number | undefined
  isTimedOut: boolean
}

/**
 * What can be made in a guild. In a text channel people write and nobody speaks; a category has other channels in it.
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
  /** 0: no limit. */
  userLimit: number
  /** Whether it takes nobody, whatever its limit. */
  full: boolean
  /** Bits per second. */
  bitrate: number
  /** The region that was asked for; `undefined` is automatic. */
  region: string | undefined
  /** Where the call is, once there has been one. */
  server: VoiceServerId | undefined
  readonly overwrites: Map<string, Permissions.Overwrite>
  /** The category that it is in. */
  parentId: ChannelId | undefined
  position: number
  topic: string | undefined
  /** What is said beside the name of a voice channel. */
  status: string | undefined
  /** What a stage is about, while somebody holds it. */
  stage: { readonly id: string; readonly topic: string; readonly eventId?: string | undefined } | undefined
  /** What only threads have, whose `parentId` is the channel that they are in, and by whose overwrites they go. */
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
 * The direct messages between two users, of whom at least one is a bot.
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
  /** What it is called; a test knows it by the name that it had first. */
  name: string
  /** May do everything, and nobody moderates it. */
  readonly ownerId: UserId
  /** Where those are taken who are away. */
  afkChannelId: ChannelId | undefined
  /** After how many seconds. */
  afkSeconds: number
  /** Where Discord tells who has come. */
  systemChannelId: ChannelId | undefined
  readonly channels: Map<ChannelId, Channel>
  readonly members: Map<UserId, Member>
  readonly roles: Map<string, Permissions.Role>
  /** Who is kept out, and why. */
  readonly bans: Map<UserId, string | undefined>
  readonly events: Map<string, ScheduledEvent>
  /** Its soundboard, by the ids of the sounds. */
  readonly sounds: Map<string, Sound>
  /** Whether it can be reached: there is no outage. */
  available: boolean
}

/**
 * @category models
 * @since 0.1.0
 */
export interface VoiceServer {
  readonly id: VoiceServerId
  readonly region: string
  /** As VOICE_SERVER_UPDATE writes it. */
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
   * The id of the main gateway session that holds the state, which some libraries rely on (discord/discord-api-docs#1724); a
   * scripted participant has one of its own.
   */
  readonly sessionId: string
  selfMute: boolean
  selfDeaf: boolean
  selfVideo: boolean
  selfStream: boolean
  /** In a stage: whether the member is in the audience. */
  suppress: boolean
  requestToSpeak: string | undefined
  /** The main gateway session that holds it; a scripted participant's has none. */
  readonly owner: string | undefined
  /** The voice session that was handed out; none while the channel has no voice server. */
  grant: VoiceGrant | undefined
  /** Whether the voice connection of the grant has come and gone. */
  disconnected: boolean
}

/**
 * By which anybody writes in a channel who knows its token.
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
 * What is planned in a voice channel, in a stage, or elsewhere.
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
  /** None of what is elsewhere, which has a `location` and an end. */
  channelId: ChannelId | undefined
  location: string | undefined
  /** In milliseconds of Unix time. */
  startMs: number
  endMs: number | undefined
  status: "scheduled" | "active" | "completed" | "canceled"
  /** Of the stage that is held for it. */
  stageId: string | undefined
  /** Who is interested. */
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
 * A sound of a guild's soundboard, or one of Discord's own, which everybody has.
 *
 * @category models
 * @since 0.1.0
 */
export interface Sound {
  readonly id: string
  /** Discord's own are of none. */
  readonly guildId: GuildId | undefined
  name: string
  /** From 0 to 1. */
  volume: number
  /** The `id` of one of the guild, or the characters of one of Unicode as its `name`; or neither. */
  emoji: { readonly id: string | null; readonly name: string | null }
  readonly creator: User | undefined
  /** What is served; nothing of Discord's own. */
  readonly file: { readonly contentType: string; readonly data: Uint8Array } | undefined
}

/**
 * By which people become members.
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
  /** How long it is good for, in seconds; 0 is for ever. */
  readonly maxAge: number
  /** How often; 0 is without end. */
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
  /** By the id of the guild or the application whose they are, then by their own. */
  readonly emojis: Map<string, Map<string, Emoji>>
  readonly users: Map<UserId, User>
  readonly tokens: Map<string, User>
  readonly servers: Map<VoiceServerId, VoiceServer>
  /** Users that belong to every guild, those that come later too. */
  readonly everywhere: Set<UserId>
  /** By guild, then by user. */
  readonly voiceStates: Map<GuildId, Map<UserId, VoiceState>>
  /** A fresh id. Ids look like Discord's: the upper bits are a time, and they ascend. */
  readonly nextId: () => string
  readonly random: Random
}
