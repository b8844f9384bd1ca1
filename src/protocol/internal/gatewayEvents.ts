/**
 * The bodies of the main gateway's dispatches that matter for voice. Fields that nothing here depends on are read if possible,
 * and absent if not.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { ChannelId, GuildId, Snowflake, UserId } from "../Identifier.ts"
import * as Lenient from "./lenient.ts"

const orFalse = Lenient.orElse(Schema.Boolean.pipe(Schema.withDecodingDefault(Effect.succeed(false))), false)

/**
 * The voice state of a user: the body of VOICE_STATE_UPDATE, and an entry in a guild's list of occupants, where `guild_id` is
 * absent. `channel_id: null` means that the user is in no channel any more. `deaf` and `mute` are set by the server, `self_*`
 * by the user; `suppress` silences a listener on a stage. Flags that are absent or not booleans are false.
 *
 * @category schemas
 * @since 0.1.0
 */
export const VoiceState = Schema.Struct({
  guild_id: Lenient.nullIsAbsent(GuildId),
  channel_id: Schema.NullOr(ChannelId),
  user_id: UserId,
  member: Schema.optionalKey(Schema.Unknown),
  session_id: Schema.String,
  deaf: orFalse,
  mute: orFalse,
  self_deaf: orFalse,
  self_mute: orFalse,
  self_stream: Lenient.orAbsent(Schema.Boolean),
  self_video: orFalse,
  suppress: orFalse,
  request_to_speak_timestamp: Lenient.orAbsent(Schema.NullOr(Schema.String))
})

/**
 * @category models
 * @since 0.1.0
 */
export type VoiceState = typeof VoiceState.Type

/**
 * The voice server of a guild: the body of VOICE_SERVER_UPDATE. `token` is the plain voice token, `endpoint` a host with a port
 * and without a scheme. `endpoint: null` means that the server is gone and another one is being found: drop the connection and
 * wait for the next update. The token of this one is not valid for any endpoint.
 *
 * @category schemas
 * @since 0.1.0
 */
export const VoiceServerUpdate = Schema.Struct({
  token: Schema.String,
  guild_id: GuildId,
  endpoint: Schema.NullOr(Schema.String)
})

/**
 * @category models
 * @since 0.1.0
 */
export type VoiceServerUpdate = typeof VoiceServerUpdate.Type

/**
 * A user, as far as a client has to know itself.
 *
 * @category schemas
 * @since 0.1.0
 */
export const User = Schema.Struct({
  id: UserId,
  username: Lenient.orAbsent(Schema.String),
  global_name: Lenient.orAbsent(Schema.NullOr(Schema.String)),
  discriminator: Lenient.orAbsent(Schema.String),
  avatar: Lenient.orAbsent(Schema.NullOr(Schema.String)),
  bot: Lenient.orAbsent(Schema.Boolean)
})

/**
 * @category models
 * @since 0.1.0
 */
export type User = typeof User.Type

/**
 * The body of READY: a new session. `resume_gateway_url` is the URL for resuming it, with the same query string. Malformed
 * guilds are left out.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Ready = Schema.Struct({
  v: Lenient.orAbsent(Schema.Natural),
  user: User,
  guilds: Lenient.items(Schema.Struct({ id: GuildId, unavailable: Lenient.orAbsent(Schema.Boolean) })),
  session_id: Schema.String,
  resume_gateway_url: Schema.String,
  shard: Lenient.nullIsAbsent(Schema.Tuple([Schema.Natural, Schema.Natural])),
  application: Lenient.orAbsent(Schema.Struct({ id: Snowflake, flags: Lenient.orAbsent(Schema.Int) }))
})

/**
 * @category models
 * @since 0.1.0
 */
export type Ready = typeof Ready.Type

/**
 * A channel of a guild. Type 2 is a voice channel, 13 a stage channel. Fields that voice does not need are opaque.
 *
 * @category schemas
 * @since 0.1.0
 */
export const GuildChannel = Schema.Struct({
  id: ChannelId,
  type: Schema.Int,
  name: Lenient.orAbsent(Schema.NullOr(Schema.String)),
  position: Schema.optionalKey(Schema.Unknown),
  parent_id: Schema.optionalKey(Schema.Unknown),
  permission_overwrites: Schema.optionalKey(Schema.Unknown),
  bitrate: Schema.optionalKey(Schema.Unknown),
  user_limit: Schema.optionalKey(Schema.Unknown),
  rtc_region: Schema.optionalKey(Schema.Unknown)
})

/**
 * @category models
 * @since 0.1.0
 */
export type GuildChannel = typeof GuildChannel.Type

/**
 * The body of GUILD_CREATE: a guild becomes available, with the current occupants of its voice channels. A guild with
 * `unavailable: true` has nothing but its id. Fields that voice does not need are opaque. Malformed voice states and channels
 * are left out.
 *
 * @category schemas
 * @since 0.1.0
 */
export const GuildCreate = Schema.Struct({
  id: GuildId,
  unavailable: Lenient.orAbsent(Schema.Boolean),
  voice_states: Lenient.orAbsent(Lenient.items(VoiceState)),
  channels: Lenient.orAbsent(Lenient.items(GuildChannel)),
  name: Schema.optionalKey(Schema.Unknown),
  owner_id: Schema.optionalKey(Schema.Unknown),
  member_count: Schema.optionalKey(Schema.Unknown),
  members: Schema.optionalKey(Schema.Unknown),
  roles: Schema.optionalKey(Schema.Unknown)
})

/**
 * @category models
 * @since 0.1.0
 */
export type GuildCreate = typeof GuildCreate.Type

/**
 * The body of GUILD_MEMBER_UPDATE, as far as voice needs it: the name of a member (Discord docs, Gateway Events, Guild Member
 * Update). It requires the privileged intent `GuildMembers`, except for our own.
 *
 * @category schemas
 * @since 0.1.0
 */
export const GuildMemberUpdate = Schema.Struct({
  guild_id: GuildId,
  user: User,
  nick: Lenient.orAbsent(Schema.NullOr(Schema.String))
})

/**
 * @category models
 * @since 0.1.0
 */
export type GuildMemberUpdate = typeof GuildMemberUpdate.Type

/**
 * The body of GUILD_DELETE: a guild has become unavailable because of an outage (`unavailable: true`), or we are not a member
 * of it any more (Discord docs, Gateway Events, Guild Delete).
 *
 * @category schemas
 * @since 0.1.0
 */
export const GuildDelete = Schema.Struct({
  id: GuildId,
  unavailable: Lenient.orAbsent(Schema.Boolean)
})

/**
 * @category models
 * @since 0.1.0
 */
export type GuildDelete = typeof GuildDelete.Type
