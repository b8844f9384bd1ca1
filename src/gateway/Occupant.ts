/**
 * What is kept of everyone who is in voice in a guild. A gateway may know tens of thousands of users.
 *
 * @since 0.1.0
 */
import type * as GatewayPayload from "../protocol/GatewayPayload.ts"
import type { ChannelId, GuildId, UserId } from "../protocol/Identifier.ts"

/**
 * How a user is shown in a channel (Discord docs, Voice Resource, Voice State Object).
 *
 * @category models
 * @since 0.1.0
 */
export interface Flags {
  readonly selfMute: boolean
  readonly selfDeaf: boolean
  /** Set by a moderator, in the whole guild. */
  readonly mute: boolean
  readonly deaf: boolean
  /** In the audience of a stage, or without permission to speak. */
  readonly suppress: boolean
  /** Whether the camera is on. */
  readonly video: boolean
  /** Whether the user shares a screen or a game. */
  readonly streaming: boolean
}

/**
 * A user in a voice channel.
 *
 * @category models
 * @since 0.1.0
 */
export interface Occupant {
  readonly channelId: ChannelId
  readonly flags: Flags
  /** Whether it is a bot; `undefined` if that is not known. */
  readonly bot: boolean | undefined
  /** The name that the guild shows: the nickname there, else the display name of the user, else the name of the account. */
  readonly name: string | undefined
}

/**
 * Who is in voice, as a gateway knows it. Plain code.
 *
 * @category models
 * @since 0.1.0
 */
export interface Occupants {
  /** The others who are in voice in a guild at the moment. */
  readonly of: (guildId: GuildId) => ReadonlyMap<UserId, Occupant>
  /** Calls `look` when a new list of everyone in voice in a guild has arrived, until the returned function is called. */
  readonly watch: (look: (guildId: GuildId) => void) => () => void
}

/** One object for each combination: nearly all users share their flags with others. */
const shared: Array<Flags | undefined> = []

/**
 * The shared object for these flags.
 *
 * @category constructors
 * @since 0.1.0
 */
export const flags = ({ deaf, mute, selfDeaf, selfMute, streaming, suppress, video }: Flags): Flags => {
  let index = 0
  for (const flag of [selfMute, selfDeaf, mute, deaf, suppress, video, streaming]) index = index * 2 + (flag ? 1 : 0)
  return shared[index] ??= { selfMute, selfDeaf, mute, deaf, suppress, video, streaming }
}

/** The flags of a voice state. */
const flagsOf = (state: GatewayPayload.VoiceState): Flags =>
  flags({
    selfMute: state.self_mute,
    selfDeaf: state.self_deaf,
    mute: state.mute,
    deaf: state.deaf,
    suppress: state.suppress,
    video: state.self_video,
    streaming: state.self_stream === true
  })

const field = (u: unknown, name: string): unknown =>
  typeof u === "object" && u !== null ? Reflect.get(u, name) : undefined

const text = (u: unknown): string | undefined => typeof u === "string" && u !== "" ? u : undefined

const nameOf = (member: unknown): string | undefined => {
  const user = field(member, "user")
  return text(field(member, "nick")) ?? text(field(user, "global_name")) ?? text(field(user, "username"))
}

/** The user id of a guild member object. */
const idOf = (member: unknown): unknown => field(field(member, "user"), "id")

/**
 * Reads a voice state. The user is described by the state's own guild member, by a separate one (GUILD_CREATE keeps them
 * apart), or by what was known before.
 *
 * @category constructors
 * @since 0.1.0
 */
export const of = (
  state: GatewayPayload.VoiceState,
  channelId: ChannelId,
  former?: Occupant,
  member: unknown = state.member
): Occupant => {
  const user = field(member, "user")
  const shown = flagsOf(state)
  if (typeof field(user, "id") !== "string") {
    return { channelId, flags: shown, bot: former?.bot, name: former?.name }
  }
  // Discord leaves the field out for users who are not bots
  return { channelId, flags: shown, bot: field(user, "bot") === true, name: nameOf(member) ?? former?.name }
}

/**
 * The same occupant, with the name that the guild member object gives now.
 *
 * @category combinators
 * @since 0.1.0
 */
export const renamed = (former: Occupant, member: unknown): Occupant => {
  const name = nameOf(member) ?? former.name
  return name === former.name ? former : { ...former, name }
}

/**
 * The guild members in GUILD_CREATE who are in voice. With the intent for presences, GUILD_CREATE lists everyone.
 *
 * @category constructors
 * @since 0.1.0
 */
export const membersOf = (guild: GatewayPayload.GuildCreate): ReadonlyMap<UserId, unknown> => {
  const found = new Map<UserId, unknown>()
  if (!Array.isArray(guild.members)) return found
  const ids = new Map<unknown, UserId>()
  for (const { user_id: userId } of guild.voice_states ?? []) ids.set(userId, userId)
  for (const member of guild.members) {
    const userId = ids.get(idOf(member))
    if (userId !== undefined) found.set(userId, member)
  }
  return found
}
