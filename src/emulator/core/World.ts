/**
 * The emulator's world: guilds, channels, users, members, voice servers and who is where. It contains the data and the rules
 * that only need data; what is sent about it is elsewhere.
 *
 * @since 0.1.0
 */
import { ChannelId, type GuildId, UserId } from "../../protocol/Identifier.ts"
import type { Random } from "./CoreContext.ts"
import type {
  Channel,
  ChannelKind,
  DirectChannel,
  Guild,
  Member,
  ThreadChannel,
  User,
  VoiceServer,
  VoiceState,
  World
} from "./Model.ts"
import * as Permissions from "./Permissions.ts"
import { base64 } from "./Random.ts"
import type { Thread } from "./Thread.ts"

export type * from "./Model.ts"

/**
 * Makes an empty world. All ids and tokens come from `random`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (random: Random): World => {
  // Snowflakes count milliseconds since 2015 from bit 22 on; this one is in 2023.
  let time = BigInt(252_460_800_000 + random.int(31_536_000_000))
  return {
    guilds: new Map(),
    channels: new Map(),
    directs: new Map(),
    webhooks: new Map(),
    invites: new Map(),
    emojis: new Map(),
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
 * The id of the moderators' role.
 *
 * @category getters
 * @since 0.1.0
 */
export const moderatorRole = (guildId: GuildId): string => String(BigInt(guildId) + 1n)

/** Makes the owner of a guild, who is in no other guild. */
const ownerOf = ({ id, name }: Pick<Guild, "id" | "name">): User => ({
  // decimal, as the brand requires, and far from ids that somebody counts up by hand
  id: UserId.make(String(BigInt(id) ^ (1n << 40n))),
  name: `owner of ${name}`,
  bot: false,
  // not random, so that a seed gives everything else the same values as before
  token: `owner.${id}`,
  moderator: false,
  privilegedIntents: true
})

const noTimeOut = { timedOutUntilMs: undefined, isTimedOut: false }

/**
 * Makes a user a member of a guild, unless it already is one.
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
 * Adds a guild. For an id that is already used, returns the existing guild.
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
  const owner = ownerOf(options)
  const guild: Guild = {
    ...options,
    ownerId: owner.id,
    afkChannelId: undefined,
    afkSeconds: 300,
    systemChannelId: undefined,
    channels: new Map(),
    members: new Map(),
    roles,
    bans: new Map(),
    events: new Map(),
    sounds: new Map(),
    available: true
  }
  world.guilds.set(guild.id, guild)
  world.users.set(owner.id, owner)
  world.tokens.set(owner.token, owner)
  join(guild, owner)
  for (const userId of world.everywhere) {
    const user = world.users.get(userId)
    if (user !== undefined) join(guild, user)
  }
  return guild
}

/**
 * Adds a channel to its guild; `undefined` if there is no such guild. For an id that is already used, returns the existing
 * channel.
 *
 * @category constructors
 * @since 0.1.0
 */
export const addChannel = (
  world: World,
  options:
    & Pick<Channel, "id" | "guildId" | "name" | "e2ee" | "userLimit" | "bitrate">
    & { readonly kind: ChannelKind }
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
    stage: undefined,
    thread: undefined
  }
  world.channels.set(channel.id, channel)
  guild.channels.set(channel.id, channel)
  return channel
}

/**
 * Adds a thread to the world. It is not in its guild's list of channels.
 *
 * @category constructors
 * @since 0.1.0
 */
export const addThread = (
  world: World,
  { id, name, parent, thread }: {
    readonly id: ChannelId
    readonly name: string
    readonly parent: Channel
    readonly thread: Thread
  }
): ThreadChannel => {
  const channel: ThreadChannel = {
    id,
    guildId: parent.guildId,
    name,
    kind: "thread",
    e2ee: "never",
    userLimit: 0,
    full: false,
    bitrate: 0,
    region: undefined,
    server: undefined,
    overwrites: new Map(),
    parentId: parent.id,
    position: 0,
    topic: undefined,
    status: undefined,
    stage: undefined,
    thread
  }
  world.channels.set(id, channel)
  return channel
}

/**
 * Whether a channel is a thread.
 *
 * @category guards
 * @since 0.1.0
 */
export const isThread = (channel: Channel): channel is ThreadChannel => channel.thread !== undefined

/**
 * The threads of a guild.
 *
 * @category guards
 * @since 0.1.0
 */
export const threadsOf = (world: World, guildId: GuildId): ReadonlyArray<ThreadChannel> =>
  Array.from(world.channels.values()).filter((channel) => channel.guildId === guildId).filter(isThread)

/**
 * The direct messages between two users, which are opened if necessary.
 *
 * @category constructors
 * @since 0.1.0
 */
export const openDirect = (world: World, from: User, to: User): DirectChannel => {
  for (const direct of world.directs.values()) {
    if ((direct.from === from && direct.to === to) || (direct.from === to && direct.to === from)) return direct
  }
  // Ids from the counter are decimal, as the brand requires.
  const direct: DirectChannel = { id: ChannelId.make(world.nextId()), from, to }
  world.directs.set(direct.id, direct)
  return direct
}

/**
 * Adds a user, as a member of the given guilds or of every guild. For an id that is already used, returns the existing user.
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
 * Removes a channel from the world. Its voice states have to be removed before. Channels in a category leave it.
 *
 * @category constructors
 * @since 0.1.0
 */
export const removeChannel = (world: World, channel: Channel): void => {
  world.channels.delete(channel.id)
  for (const { channelId, code } of world.invites.values()) if (channelId === channel.id) world.invites.delete(code)
  for (const { channelId, id } of world.webhooks.values()) if (channelId === channel.id) world.webhooks.delete(id)
  const guild = world.guilds.get(channel.guildId)
  if (guild === undefined) return
  guild.channels.delete(channel.id)
  if (guild.afkChannelId === channel.id) guild.afkChannelId = undefined
  if (guild.systemChannelId === channel.id) guild.systemChannelId = undefined
}

/**
 * @category guards
 * @since 0.1.0
 */
export const voiceState = (world: World, guildId: GuildId, userId: UserId): VoiceState | undefined =>
  world.voiceStates.get(guildId)?.get(userId)

/**
 * All voice states of a user, in all guilds.
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
 * The members in a channel, in the order of arrival in the guild's voice.
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
 * The voice server for a channel: the current one of its call, else the first of the requested region, else the first of all.
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
