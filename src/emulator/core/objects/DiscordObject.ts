/**
 * The world as Discord's JSON objects: users, members, roles and voice states, with the fields that bot
 * libraries expect (Discord docs, the Resources chapters).
 *
 * @since 0.1.0
 */
import type { Role } from "../Permissions.ts"
import type { Guild, Member, User, VoiceState, World } from "../World.ts"

/**
 * A JSON object.
 *
 * @category models
 * @since 0.1.0
 */
export type Json = { readonly [key: string]: unknown }

/**
 * When everybody joined.
 *
 * @category constants
 * @since 0.1.0
 */
export const joinedAt = "2023-01-01T00:00:00.000000+00:00"

/**
 * @category codecs
 * @since 0.1.0
 */
export const user = (u: User): Json => ({
  id: u.id,
  username: u.name,
  // Only bots have kept their discriminator.
  discriminator: u.bot ? String(Number(BigInt(u.id) % 9999n) + 1).padStart(4, "0") : "0",
  global_name: u.bot ? null : u.name,
  avatar: null,
  bot: u.bot,
  public_flags: 0
})

/**
 * The user of a token, with the properties that only it may see.
 *
 * @category codecs
 * @since 0.1.0
 */
export const self = (u: User): Json => ({
  ...user(u),
  verified: true,
  mfa_enabled: false,
  email: null,
  flags: 0
})

// GATEWAY_PRESENCE, GATEWAY_GUILD_MEMBERS and GATEWAY_MESSAGE_CONTENT: what a verified bot may request.
const applicationFlags = (u: User) => u.privilegedIntents ? (1 << 12) | (1 << 14) | (1 << 18) : 0

/**
 * The application of a bot. Its id is the bot's user id, as for all newer applications.
 *
 * @category codecs
 * @since 0.1.0
 */
export const application = (u: User): Json => ({
  id: u.id,
  name: u.name,
  icon: null,
  description: "",
  bot_public: false,
  bot_require_code_grant: false,
  verify_key: "0".repeat(64),
  flags: applicationFlags(u),
  team: null,
  owner: user(u),
  bot: user(u)
})

/**
 * @category codecs
 * @since 0.1.0
 */
export const role = ({ color, hoist, id, mentionable, name, permissions, position }: Role): Json => ({
  id,
  name,
  description: null,
  color,
  colors: { primary_color: color, secondary_color: null, tertiary_color: null },
  hoist,
  icon: null,
  unicode_emoji: null,
  position,
  permissions: String(permissions),
  managed: false,
  mentionable,
  flags: 0
})

/**
 * @category codecs
 * @since 0.1.0
 */
export const member = (world: World, m: Member): Json => {
  const u = world.users.get(m.userId)
  return {
    ...(u === undefined ? undefined : { user: user(u) }),
    nick: m.nick ?? null,
    avatar: null,
    banner: null,
    roles: Array.from(m.roles),
    joined_at: joinedAt,
    premium_since: null,
    communication_disabled_until: m.timedOutUntilMs === undefined ? null : new Date(m.timedOutUntilMs).toISOString(),
    pending: false,
    flags: 0,
    mute: m.mute,
    deaf: m.deaf
  }
}

/**
 * A voice state. If `left`, its channel is null. Without a `guild_id` it has the form of GUILD_CREATE.
 *
 * @category codecs
 * @since 0.1.0
 */
export const voiceState = (world: World, state: VoiceState, left = false): Json => {
  const m = world.guilds.get(state.guildId)?.members.get(state.userId)
  return {
    guild_id: state.guildId,
    channel_id: left ? null : state.channelId,
    user_id: state.userId,
    ...(m === undefined ? undefined : { member: member(world, m) }),
    session_id: state.sessionId,
    deaf: m?.deaf ?? false,
    mute: m?.mute ?? false,
    self_deaf: state.selfDeaf,
    self_mute: state.selfMute,
    self_video: state.selfVideo,
    // Absent unless the member streams.
    ...(state.selfStream ? { self_stream: true } : undefined),
    suppress: state.suppress,
    request_to_speak_timestamp: state.requestToSpeak ?? null
  }
}

/**
 * The body of READY. The guilds follow as GUILD_CREATE.
 *
 * @category codecs
 * @since 0.1.0
 */
export const ready = (
  world: World,
  guilds: ReadonlyArray<Guild>,
  session: { readonly id: string; readonly user: User; readonly shard: readonly [number, number] | undefined },
  resumeUrl: string,
  version: number
): Json => ({
  v: version,
  user_settings: {},
  user: self(session.user),
  session_type: "normal",
  session_id: session.id,
  resume_gateway_url: resumeUrl,
  relationships: [],
  private_channels: [],
  presences: [],
  guilds: guilds.map(({ id }) => ({ id, unavailable: true })),
  guild_join_requests: [],
  geo_ordered_rtc_regions: Array.from(new Set(Array.from(world.servers.values(), (server) => server.region))),
  application: { id: session.user.id, flags: applicationFlags(session.user) },
  ...(session.shard === undefined ? undefined : { shard: session.shard })
})

/**
 * The body of GUILD_MEMBERS_CHUNK: the members that Request Guild Members (op 8) asked for, by ids or by the beginning of their
 * names, all in one chunk.
 *
 * @category codecs
 * @since 0.1.0
 */
export const membersChunk = (world: World, g: Guild, request: unknown): Json => {
  const { limit, nonce, query, user_ids: userIds }: Json = typeof request === "object" ? { ...request } : {}
  const ids: ReadonlyArray<unknown> | undefined = userIds === undefined
    ? undefined
    : Array.isArray(userIds)
    ? userIds
    : [userIds]
  const prefix = typeof query === "string" ? query.toLowerCase() : ""
  const isWanted = (m: Member) =>
    ids === undefined
      ? [world.users.get(m.userId)?.name, m.nick].some((name) => name?.toLowerCase().startsWith(prefix) === true)
      : ids.some((id) => String(id) === m.userId)
  const all = Array.from(g.members.values()).filter(isWanted)
  // 0 means no limit
  const found = typeof limit === "number" && limit > 0 ? all.slice(0, limit) : all
  const missing = ids?.map(String).filter((id) => !all.some((m) => m.userId === id)) ?? []
  return {
    guild_id: g.id,
    members: found.map((m) => member(world, m)),
    chunk_index: 0,
    chunk_count: 1,
    ...(missing.length === 0 ? undefined : { not_found: missing }),
    ...(typeof nonce === "string" ? { nonce } : undefined)
  }
}
