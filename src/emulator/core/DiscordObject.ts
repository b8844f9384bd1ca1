/**
 * The world as Discord's JSON objects: users, members, channels, guilds and voice states, with the fields that bot
 * libraries expect (Discord docs, the Resources chapters).
 *
 * @since 0.1.0
 */
import { inGuild, type Role } from "./Permissions.ts"
import type { Channel, DirectChannel, Guild, Member, User, VoiceState, World } from "./World.ts"

/**
 * A JSON object.
 *
 * @category models
 * @since 0.1.0
 */
export type Json = { readonly [key: string]: unknown }

const joinedAt = "2023-01-01T00:00:00.000000+00:00"

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
 * The user that a token belongs to, with what only it may see.
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

// GATEWAY_PRESENCE, GATEWAY_GUILD_MEMBERS and GATEWAY_MESSAGE_CONTENT: what a verified bot may ask for.
const applicationFlags = (u: User) => u.privilegedIntents ? (1 << 12) | (1 << 14) | (1 << 18) : 0

/**
 * The application of a bot. Its id is the bot's user id, as it is for all newer applications.
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
 * Discord docs, Channel Types.
 *
 * @category constants
 * @since 0.1.0
 */
export const channelTypes = { text: 0, voice: 2, category: 4, stage: 13 } as const

/**
 * A text channel (type 0), voice channel (type 2), category (type 4) or stage channel (type 13).
 *
 * @category codecs
 * @since 0.1.0
 */
export const channel = (c: Channel): Json => ({
  id: c.id,
  type: channelTypes[c.kind],
  guild_id: c.guildId,
  name: c.name,
  position: c.position,
  parent_id: c.parentId ?? null,
  ...(c.kind === "category" ? {} : {
    topic: c.topic ?? null,
    nsfw: false,
    last_message_id: null,
    rate_limit_per_user: 0
  }),
  ...(c.kind === "voice" || c.kind === "stage"
    ? { bitrate: c.bitrate, user_limit: c.userLimit, rtc_region: c.region ?? null }
    : {}),
  flags: 0,
  permission_overwrites: Array.from(c.overwrites, ([id, { allow, deny, type }]) => ({
    id,
    type: type === "role" ? 0 : 1,
    allow: String(allow),
    deny: String(deny)
  }))
})

/**
 * What a stage is about, once it has begun.
 *
 * @category codecs
 * @since 0.1.0
 */
export const stageInstance = ({ guildId, id, stage }: Channel): ReadonlyArray<Json> =>
  stage === undefined ? [] : [{
    id: stage.id,
    guild_id: guildId,
    channel_id: id,
    topic: stage.topic,
    privacy_level: 2,
    discoverable_disabled: false,
    guild_scheduled_event_id: null
  }]

/**
 * Direct messages (type 1), as one of the two sees them.
 *
 * @category codecs
 * @since 0.1.0
 */
export const direct = ({ from, id, to }: DirectChannel, viewer: Pick<User, "id">): Json => ({
  id,
  type: 1,
  last_message_id: null,
  flags: 0,
  recipients: [user(from.id === viewer.id ? to : from)]
})

/**
 * A voice state; `channelId` null says that the member has left. Without a `guild_id` it is the form of GUILD_CREATE.
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
 * A guild as REST gives it.
 *
 * @category codecs
 * @since 0.1.0
 */
export const guild = (world: World, g: Guild): Json => ({
  id: g.id,
  name: g.name,
  icon: null,
  splash: null,
  discovery_splash: null,
  banner: null,
  description: null,
  // Nobody that the world knows: an owner would have every permission.
  owner_id: String(BigInt(g.id) + 2n),
  application_id: null,
  afk_channel_id: null,
  afk_timeout: 300,
  widget_enabled: false,
  widget_channel_id: null,
  verification_level: 0,
  default_message_notifications: 0,
  explicit_content_filter: 0,
  roles: Array.from(g.roles.values(), role),
  emojis: [],
  stickers: [],
  features: [],
  mfa_level: 0,
  system_channel_id: null,
  system_channel_flags: 0,
  rules_channel_id: null,
  public_updates_channel_id: null,
  safety_alerts_channel_id: null,
  max_presences: null,
  max_members: 500_000,
  max_video_channel_users: 25,
  max_stage_video_channel_users: 50,
  vanity_url_code: null,
  premium_tier: 0,
  premium_subscription_count: 0,
  premium_progress_bar_enabled: false,
  preferred_locale: "en-US",
  nsfw_level: 0,
  nsfw: false,
  hub_type: null,
  region: world.servers.values().next().value?.region ?? "emulated",
  incidents_data: null
})

/**
 * A guild in the list of one's own, with what one may do in it.
 *
 * @category codecs
 * @since 0.1.0
 */
export const ownGuild = (g: Guild, m: Member): Json => ({
  id: g.id,
  name: g.name,
  icon: null,
  banner: null,
  owner: false,
  permissions: String(inGuild(g, m)),
  features: [],
  approximate_member_count: g.members.size,
  approximate_presence_count: g.members.size
})

/**
 * A guild as GUILD_CREATE gives it. Without the intent for voice states `voice_states` is empty, without the one for
 * members `members` has only the receiver and those who are in voice.
 *
 * @category codecs
 * @since 0.1.0
 */
export const guildCreate = (
  world: World,
  g: Guild,
  receiver: User,
  intents: { readonly voiceStates: boolean; readonly members: boolean }
): Json => {
  const states = Array.from(world.voiceStates.get(g.id)?.values() ?? [])
  const shown = new Set([receiver.id, ...(intents.voiceStates ? states.map((state) => state.userId) : [])])
  return {
    ...guild(world, g),
    joined_at: joinedAt,
    large: false,
    unavailable: false,
    member_count: g.members.size,
    voice_states: intents.voiceStates
      ? states.map((state) => {
        const { guild_id: _, ...rest } = voiceState(world, state)
        return rest
      })
      : [],
    members: Array.from(g.members.values())
      .filter((m) => intents.members || shown.has(m.userId))
      .map((m) => member(world, m)),
    channels: Array.from(g.channels.values(), channel),
    threads: [],
    presences: [],
    stage_instances: Array.from(g.channels.values()).flatMap(stageInstance),
    guild_scheduled_events: [],
    soundboard_sounds: []
  }
}

/**
 * The one sound of every soundboard, the first of Discord's.
 *
 * @category constants
 * @since 0.1.0
 */
export const quack: Json = {
  name: "quack",
  sound_id: "1",
  volume: 1,
  emoji_id: null,
  emoji_name: "\u{1F986}",
  available: true
}

/**
 * The body of READY. The guilds come as GUILD_CREATE afterwards.
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
 * The body of GUILD_MEMBERS_CHUNK: the members that Request Guild Members (op 8) asked for, by ids or by the start of
 * their names, all in one chunk.
 *
 * @category codecs
 * @since 0.1.0
 */
export const membersChunk = (world: World, g: Guild, request: unknown): Json => {
  const { nonce, query, user_ids: userIds }: Json = typeof request === "object" ? { ...request } : {}
  const ids: ReadonlyArray<unknown> | undefined = userIds === undefined
    ? undefined
    : Array.isArray(userIds)
    ? userIds
    : [userIds]
  const prefix = typeof query === "string" ? query.toLowerCase() : ""
  const found = Array.from(g.members.values()).filter((m) =>
    ids === undefined
      ? world.users.get(m.userId)?.name.toLowerCase().startsWith(prefix) === true
      : ids.some((id) => String(id) === m.userId)
  )
  return {
    guild_id: g.id,
    members: found.map((m) => member(world, m)),
    chunk_index: 0,
    chunk_count: 1,
    ...(typeof nonce === "string" ? { nonce } : undefined)
  }
}
