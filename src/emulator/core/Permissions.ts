/**
 * Roles, channel overwrites, and the resulting permissions of members (Discord docs, Topics, Permissions).
 *
 * @since 0.1.0
 */

/**
 * Permissions by Discord's names, as bits (Discord docs, Permissions, Bitwise Permission Flags).
 *
 * @category constants
 * @since 0.1.0
 */
export const bits = {
  CREATE_INSTANT_INVITE: 1n << 0n,
  KICK_MEMBERS: 1n << 1n,
  BAN_MEMBERS: 1n << 2n,
  ADMINISTRATOR: 1n << 3n,
  MANAGE_CHANNELS: 1n << 4n,
  MANAGE_GUILD: 1n << 5n,
  ADD_REACTIONS: 1n << 6n,
  VIEW_AUDIT_LOG: 1n << 7n,
  PRIORITY_SPEAKER: 1n << 8n,
  STREAM: 1n << 9n,
  VIEW_CHANNEL: 1n << 10n,
  SEND_MESSAGES: 1n << 11n,
  SEND_TTS_MESSAGES: 1n << 12n,
  MANAGE_MESSAGES: 1n << 13n,
  EMBED_LINKS: 1n << 14n,
  ATTACH_FILES: 1n << 15n,
  READ_MESSAGE_HISTORY: 1n << 16n,
  MENTION_EVERYONE: 1n << 17n,
  USE_EXTERNAL_EMOJIS: 1n << 18n,
  VIEW_GUILD_INSIGHTS: 1n << 19n,
  CONNECT: 1n << 20n,
  SPEAK: 1n << 21n,
  MUTE_MEMBERS: 1n << 22n,
  DEAFEN_MEMBERS: 1n << 23n,
  MOVE_MEMBERS: 1n << 24n,
  USE_VAD: 1n << 25n,
  CHANGE_NICKNAME: 1n << 26n,
  MANAGE_NICKNAMES: 1n << 27n,
  MANAGE_ROLES: 1n << 28n,
  MANAGE_WEBHOOKS: 1n << 29n,
  MANAGE_GUILD_EXPRESSIONS: 1n << 30n,
  USE_APPLICATION_COMMANDS: 1n << 31n,
  REQUEST_TO_SPEAK: 1n << 32n,
  MANAGE_EVENTS: 1n << 33n,
  MANAGE_THREADS: 1n << 34n,
  CREATE_PUBLIC_THREADS: 1n << 35n,
  CREATE_PRIVATE_THREADS: 1n << 36n,
  USE_EXTERNAL_STICKERS: 1n << 37n,
  SEND_MESSAGES_IN_THREADS: 1n << 38n,
  USE_EMBEDDED_ACTIVITIES: 1n << 39n,
  MODERATE_MEMBERS: 1n << 40n,
  VIEW_CREATOR_MONETIZATION_ANALYTICS: 1n << 41n,
  USE_SOUNDBOARD: 1n << 42n,
  CREATE_GUILD_EXPRESSIONS: 1n << 43n,
  CREATE_EVENTS: 1n << 44n,
  USE_EXTERNAL_SOUNDS: 1n << 45n,
  SEND_VOICE_MESSAGES: 1n << 46n,
  SET_VOICE_CHANNEL_STATUS: 1n << 48n,
  SEND_POLLS: 1n << 49n,
  USE_EXTERNAL_APPS: 1n << 50n,
  PIN_MESSAGES: 1n << 51n,
  BYPASS_SLOWMODE: 1n << 52n
} as const

/**
 * @category models
 * @since 0.1.0
 */
export type Name = keyof typeof bits

/**
 * @category constants
 * @since 0.1.0
 */
// the keys of the object literal above
export const names = Object.keys(bits) as ReadonlyArray<Name>

/**
 * @category constructors
 * @since 0.1.0
 */
export const of = (...names: ReadonlyArray<Name>): bigint => names.reduce((all, name) => all | bits[name], 0n)

/**
 * The initial permissions of everybody.
 *
 * @category constants
 * @since 0.1.0
 */
export const everyone: bigint = of(
  "CREATE_INSTANT_INVITE",
  "ADD_REACTIONS",
  "STREAM",
  "VIEW_CHANNEL",
  "SEND_MESSAGES",
  "EMBED_LINKS",
  "ATTACH_FILES",
  "READ_MESSAGE_HISTORY",
  "CONNECT",
  "SPEAK",
  "USE_VAD",
  "CHANGE_NICKNAME",
  "USE_APPLICATION_COMMANDS",
  "REQUEST_TO_SPEAK",
  "USE_EMBEDDED_ACTIVITIES",
  "USE_SOUNDBOARD",
  "USE_EXTERNAL_SOUNDS",
  "SET_VOICE_CHANNEL_STATUS",
  "CREATE_PUBLIC_THREADS",
  "CREATE_PRIVATE_THREADS",
  "SEND_MESSAGES_IN_THREADS"
)

/**
 * The additional permissions of a moderator.
 *
 * @category constants
 * @since 0.1.0
 */
export const moderator: bigint = of(
  "KICK_MEMBERS",
  "BAN_MEMBERS",
  "MANAGE_GUILD",
  "VIEW_AUDIT_LOG",
  "MANAGE_CHANNELS",
  "MANAGE_MESSAGES",
  "MUTE_MEMBERS",
  "DEAFEN_MEMBERS",
  "MOVE_MEMBERS",
  "MANAGE_NICKNAMES",
  "MANAGE_ROLES",
  "MODERATE_MEMBERS",
  "MANAGE_THREADS",
  "MANAGE_WEBHOOKS",
  "MANAGE_GUILD_EXPRESSIONS",
  "CREATE_GUILD_EXPRESSIONS",
  "CREATE_EVENTS",
  "MANAGE_EVENTS",
  "PIN_MESSAGES"
)

/**
 * A role of a guild. The role of everybody has the guild's id.
 *
 * @category models
 * @since 0.1.0
 */
export interface Role {
  readonly id: string
  name: string
  permissions: bigint
  color: number
  hoist: boolean
  mentionable: boolean
  /** Only members with a higher role may assign a role and change it. Everybody's is at 0. */
  position: number
}

/**
 * What is allowed or denied to a role or a member in a channel, overriding everything else.
 *
 * @category models
 * @since 0.1.0
 */
export interface Overwrite {
  readonly type: "role" | "member"
  readonly allow: bigint
  readonly deny: bigint
}

/**
 * By the id of the role or member.
 *
 * @category models
 * @since 0.1.0
 */
export type Overwrites = ReadonlyMap<string, Overwrite>

interface Guild {
  readonly id: string
  readonly ownerId: string
  readonly roles: ReadonlyMap<string, Role>
}

interface Member {
  readonly userId: string
  /** The ids of the roles, except that of everybody. */
  readonly roles: ReadonlySet<string>
  /** Whether it has a time-out from a moderator. It may then only read, whatever its roles are. */
  readonly isTimedOut: boolean
}

interface Channel {
  readonly kind: string
  readonly overwrites: Overwrites
}

const all = (1n << 53n) - 1n

/**
 * Whether permissions include one.
 *
 * @category guards
 * @since 0.1.0
 */
export const has = (permissions: bigint, name: Name): boolean => (permissions & bits[name]) !== 0n

const reading = of("VIEW_CHANNEL", "READ_MESSAGE_HISTORY")

const withTimeOut = (permissions: bigint, { isTimedOut }: Member): bigint =>
  isTimedOut ? permissions & reading : permissions

const byRoles = (guild: Guild, member: Member): bigint => {
  if (member.userId === guild.ownerId) return all
  let permissions = guild.roles.get(guild.id)?.permissions ?? 0n
  for (const id of member.roles) permissions |= guild.roles.get(id)?.permissions ?? 0n
  return has(permissions, "ADMINISTRATOR") ? all : permissions
}

/**
 * The permissions from all roles together. An owner and an administrator may do everything, and a member with a time-out may
 * only read.
 *
 * @category getters
 * @since 0.1.0
 */
export const inGuild = (guild: Guild, member: Member): bigint => {
  const permissions = byRoles(guild, member)
  return permissions === all ? all : withTimeOut(permissions, member)
}

/**
 * The permissions from the roles, and then from the overwrites: everybody's, those of the member's roles together, and the
 * member's own, each first denying and then allowing. A member who does not see a channel may do nothing in it; one who may not
 * connect to a voice channel may not manage it either.
 *
 * @category getters
 * @since 0.1.0
 */
export const inChannel = (guild: Guild, member: Member, channel: Channel): bigint => {
  let permissions = byRoles(guild, member)
  if (permissions === all) return permissions
  const apply = (ids: Iterable<string>) => {
    let [allow, deny] = [0n, 0n]
    for (const id of ids) {
      const overwrite = channel.overwrites.get(id)
      allow |= overwrite?.allow ?? 0n
      deny |= overwrite?.deny ?? 0n
    }
    permissions = (permissions & ~deny) | allow
  }
  apply([guild.id])
  apply(member.roles)
  apply([member.userId])
  permissions = withTimeOut(permissions, member)
  if (!has(permissions, "VIEW_CHANNEL")) return 0n
  const hasVoice = channel.kind === "voice" || channel.kind === "stage"
  return hasVoice && !has(permissions, "CONNECT")
    ? permissions & ~of("MANAGE_CHANNELS", "MANAGE_ROLES", "MUTE_MEMBERS", "DEAFEN_MEMBERS", "MOVE_MEMBERS")
    : permissions
}

/**
 * The position of a member's highest role. The owner is above all.
 *
 * @category getters
 * @since 0.1.0
 */
export const highest = (guild: Guild, member: Member): number =>
  member.userId === guild.ownerId
    ? Number.POSITIVE_INFINITY
    : Math.max(0, ...Array.from(member.roles, (id) => guild.roles.get(id)?.position ?? 0))

/**
 * Whether a member's highest role is below another member's. The latter can then change its roles and nickname, kick it and ban
 * it.
 *
 * @category guards
 * @since 0.1.0
 */
export const isBelow = (guild: Guild, member: Member, other: Member): boolean =>
  highest(guild, member) < highest(guild, other)
