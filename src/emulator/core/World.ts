/**
 * The emulator's world: guilds, channels, users, members, voice servers and who is where. Data and the rules that only
 * need data; what is said about it on the wire stands elsewhere.
 *
 * @since 0.1.0
 */
import { ChannelId, type GuildId, type UserId } from "../../protocol/Identifier.ts"
import type { Address, Random, VoiceGrant, VoiceServerId } from "./CoreContext.ts"
import * as Permissions from "./Permissions.ts"
import { base64 } from "./Random.ts"

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
 * @category models
 * @since 0.1.0
 */
export interface Channel {
  readonly id: ChannelId
  readonly guildId: GuildId
  name: string
  /** In a text channel people write and nobody speaks; a category has other channels in it. */
  readonly kind: "voice" | "stage" | "text" | "category"
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
  stage: { readonly id: string; readonly topic: string } | undefined
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
  readonly name: string
  readonly channels: Map<ChannelId, Channel>
  readonly members: Map<UserId, Member>
  readonly roles: Map<string, Permissions.Role>
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
 * @category models
 * @since 0.1.0
 */
export interface World {
  readonly guilds: Map<GuildId, Guild>
  readonly channels: Map<ChannelId, Channel>
  readonly directs: Map<ChannelId, DirectChannel>
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

/**
 * An empty world. All ids and tokens come from `random`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (random: Random): World => {
  // Snowflakes count milliseconds since 2015 from bit 22 on; this one lies in 2023.
  let time = BigInt(252_460_800_000 + random.int(31_536_000_000))
  return {
    guilds: new Map(),
    channels: new Map(),
    directs: new Map(),
    users: new Map(),
    tokens: new Map(),
    servers: new Map(),
    everywhere: new Set(),
    voiceStates: new Map(),
    nextId: () => {
      time += BigInt(1 + random.int(100_000))
      return String((time << 22n) | BigInt(random.int(0x40_0000)))
    },
    random
  }
}

/**
 * The id of the role that moderators have.
 *
 * @category getters
 * @since 0.1.0
 */
export const moderatorRole = (guildId: GuildId): string => String(BigInt(guildId) + 1n)

const noTimeOut = { timedOutUntilMs: undefined, isTimedOut: false }

/**
 * Makes a user a member of a guild, unless it is one already.
 *
 * @category constructors
 * @since 0.1.0
 */
export const join = (guild: Guild, { id: userId, moderator }: User): Member => {
  const roles = new Set(moderator ? [moderatorRole(guild.id)] : [])
  const member = guild.members.get(userId) ??
    { userId, guildId: guild.id, nick: undefined, mute: false, deaf: false, roles, ...noTimeOut }
  guild.members.set(userId, member)
  return member
}

/**
 * Adds a guild; an id that is taken gives the guild that has it.
 *
 * @category constructors
 * @since 0.1.0
 */
export const addGuild = (world: World, options: { readonly id: GuildId; readonly name: string }): Guild => {
  const existing = world.guilds.get(options.id)
  if (existing !== undefined) return existing
  const plain = { color: 0, hoist: false, mentionable: false }
  const moderators = moderatorRole(options.id)
  const roles = new Map([
    [options.id, { id: options.id, name: "@everyone", permissions: Permissions.everyone, position: 0, ...plain }],
    [moderators, { id: moderators, name: "moderators", permissions: Permissions.moderator, position: 1, ...plain }]
  ])
  const guild: Guild = { ...options, channels: new Map(), members: new Map(), roles, available: true }
  world.guilds.set(guild.id, guild)
  for (const userId of world.everywhere) {
    const user = world.users.get(userId)
    if (user !== undefined) join(guild, user)
  }
  return guild
}

/**
 * Adds a channel to its guild; `undefined` if there is no such guild. An id that is taken gives the channel that has it.
 *
 * @category constructors
 * @since 0.1.0
 */
export const addChannel = (
  world: World,
  options:
    & Pick<Channel, "id" | "guildId" | "name" | "kind" | "e2ee" | "userLimit" | "bitrate">
    & Partial<Pick<Channel, "overwrites" | "parentId" | "position" | "region" | "topic">>
): Channel | undefined => {
  const existing = world.channels.get(options.id)
  if (existing !== undefined) return existing
  const guild = world.guilds.get(options.guildId)
  if (guild === undefined) return undefined
  const channel: Channel = {
    overwrites: new Map(),
    parentId: undefined,
    position: guild.channels.size,
    region: undefined,
    topic: undefined,
    ...options,
    full: false,
    server: undefined,
    status: undefined,
    stage: undefined
  }
  world.channels.set(channel.id, channel)
  guild.channels.set(channel.id, channel)
  return channel
}

/**
 * The direct messages between two users, which are opened if they are not yet.
 *
 * @category constructors
 * @since 0.1.0
 */
export const openDirect = (world: World, from: User, to: User): DirectChannel => {
  for (const direct of world.directs.values()) {
    if ((direct.from === from && direct.to === to) || (direct.from === to && direct.to === from)) return direct
  }
  // Ids from the counter are decimal, as the brand wants.
  const direct: DirectChannel = { id: ChannelId.make(world.nextId()), from, to }
  world.directs.set(direct.id, direct)
  return direct
}

/**
 * Adds a user, as a member of the given guilds or of every guild. An id that is taken gives the user that has it.
 *
 * @category constructors
 * @since 0.1.0
 */
export const addUser = (
  world: World,
  options: Pick<User, "id" | "name" | "bot" | "moderator" | "privilegedIntents"> & {
    readonly token: string | undefined
    readonly guilds: ReadonlyArray<GuildId> | undefined
  }
): User => {
  const existing = world.users.get(options.id)
  if (existing !== undefined) return existing
  const { guilds, token, ...rest } = options
  const user: User = {
    ...rest,
    // The form of a bot token: the id, a time and a signature, each in base64.
    token: token ??
      `${Buffer.from(options.id).toString("base64url")}.${base64(world.random, 4)}.${base64(world.random, 27)}`
  }
  world.users.set(user.id, user)
  world.tokens.set(user.token, user)
  if (guilds === undefined) {
    world.everywhere.add(user.id)
    for (const guild of world.guilds.values()) join(guild, user)
  } else {
    for (const id of guilds) {
      const guild = world.guilds.get(id)
      if (guild !== undefined) join(guild, user)
    }
  }
  return user
}

/**
 * Takes a channel out of the world. Its voice states have to be gone before, and what is in a category no longer is.
 *
 * @category constructors
 * @since 0.1.0
 */
export const removeChannel = (world: World, channel: Channel): void => {
  world.channels.delete(channel.id)
  world.guilds.get(channel.guildId)?.channels.delete(channel.id)
}

/**
 * @category guards
 * @since 0.1.0
 */
export const voiceState = (world: World, guildId: GuildId, userId: UserId): VoiceState | undefined =>
  world.voiceStates.get(guildId)?.get(userId)

/**
 * Every voice state of a user, in all guilds.
 *
 * @category guards
 * @since 0.1.0
 */
export const voiceStatesOf = (world: World, userId: UserId): Array<VoiceState> => {
  const found: Array<VoiceState> = []
  for (const states of world.voiceStates.values()) {
    const state = states.get(userId)
    if (state !== undefined) found.push(state)
  }
  return found
}

/**
 * Who is in a channel, in the order of arrival in the guild's voice.
 *
 * @category guards
 * @since 0.1.0
 */
export const occupants = (world: World, channel: Channel): Array<VoiceState> => {
  const found: Array<VoiceState> = []
  for (const state of world.voiceStates.get(channel.guildId)?.values() ?? []) {
    if (state.channelId === channel.id) found.push(state)
  }
  return found
}

/**
 * The voice server for a channel: where its call is, else the first of the region it asks for, else the first of all.
 *
 * @category guards
 * @since 0.1.0
 */
export const serverFor = (world: World, channel: Channel): VoiceServer | undefined => {
  const current = channel.server === undefined ? undefined : world.servers.get(channel.server)
  if (current !== undefined) return current
  let first: VoiceServer | undefined
  for (const server of world.servers.values()) {
    if (channel.region === undefined || server.region === channel.region) return server
    first ??= server
  }
  return first
}
