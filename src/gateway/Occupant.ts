/**
 * What is kept of everybody who is in voice in a guild: a gateway may know tens of thousands of them.
 *
 * @since 0.1.0
 */
import type * as GatewayPayload from "../protocol/GatewayPayload.ts"
import type { ChannelId, GuildId, UserId } from "../protocol/Identifier.ts"

/**
 * How somebody is shown in a channel (Discord docs, Voice Resource, Voice State Object).
 *
 * @category models
 * @since 0.1.0
 */
export interface Flags {
  readonly selfMute: boolean
  readonly selfDeaf: boolean
  /** By a moderator, in the whole guild. */
  readonly mute: boolean
  readonly deaf: boolean
  /** In the audience of a stage, or without the permission to speak. */
  readonly suppress: boolean
  /** The camera is on. */
  readonly video: boolean
  /** Shows a screen or a game. */
  readonly streaming: boolean
}

/**
 * Somebody in a voice channel.
 *
 * @category models
 * @since 0.1.0
 */
export interface Occupant {
  readonly channelId: ChannelId
  readonly flags: Flags
  /** Whether it is a bot; `undefined` where nobody has said. */
  readonly bot: boolean | undefined
  /** As the guild shows it: the nickname there, else the name that the user has chosen, else the account's. */
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
  /** Calls `look` when all who are in voice in a guild were told anew, until the function that it returns is called. */
  readonly watch: (look: (guildId: GuildId) => void) => () => void
}

/** One object for each combination: nearly everybody is shown like somebody else. */
const shared: Array<Flags | undefined> = []

/**
 * The same object for the same flags.
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

/** Of whom a guild member object is. */
const idOf = (member: unknown): unknown => field(field(member, "user"), "id")

/**
 * Reads a voice state. Who it is stands in its guild member, in another one (GUILD_CREATE has them apart), or was known before.
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
  // Discord leaves the field out of users who are none
  return { channelId, flags: shown, bot: field(user, "bot") === true, name: nameOf(member) ?? former?.name }
}

/**
 * The same, as their guild member calls them now.
 *
 * @category combinators
 * @since 0.1.0
 */
export const renamed = (former: Occupant, member: unknown): Occupant => {
  const name = nameOf(member) ?? former.name
  return name === former.name ? former : { ...former, name }
}

/**
 * The guild members of GUILD_CREATE who are in voice. With the intent for presences it lists everybody.
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
