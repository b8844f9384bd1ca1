/**
 * Guilds as Discord's JSON objects, with the fields that bot libraries expect (Discord docs, Resources, Guild).
 *
 * @since 0.1.0
 */
import { may } from "../Admission.ts"
import { inGuild } from "../Permissions.ts"
import { type Guild, type Member, threadsOf, type User, type World } from "../World.ts"
import { channel, stageInstance } from "./ChannelObject.ts"
import { joinedAt, type Json, member, role, voiceState } from "./DiscordObject.ts"
import { all } from "./EmojiObject.ts"
import { ahead, json } from "./EventObject.ts"
import * as SoundObject from "./SoundObject.ts"

/** Discord docs, Guild Features: SOUNDBOARD is set for guilds that have created a sound. */
const features = ({ sounds }: Guild): ReadonlyArray<string> => sounds.size === 0 ? [] : ["SOUNDBOARD"]

/**
 * A guild in REST.
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
  owner_id: g.ownerId,
  application_id: null,
  afk_channel_id: g.afkChannelId ?? null,
  afk_timeout: g.afkSeconds,
  widget_enabled: false,
  widget_channel_id: null,
  verification_level: 0,
  default_message_notifications: 0,
  explicit_content_filter: 0,
  roles: Array.from(g.roles.values(), role),
  emojis: all(world, g.id),
  stickers: [],
  features: features(g),
  mfa_level: 0,
  system_channel_id: g.systemChannelId ?? null,
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
 * A guild in the list of the user's own guilds, with the user's permissions in it.
 *
 * @category codecs
 * @since 0.1.0
 */
export const ownGuild = (g: Guild, m: Member): Json => ({
  id: g.id,
  name: g.name,
  icon: null,
  banner: null,
  owner: g.ownerId === m.userId,
  permissions: String(inGuild(g, m)),
  features: features(g),
  approximate_member_count: g.members.size,
  approximate_presence_count: g.members.size
})

/**
 * A guild in GUILD_CREATE. Without the intent for voice states `voice_states` is empty; without the one for members `members`
 * has only the receiver and the members in voice.
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
    channels: Array.from(g.channels.values(), (one) => channel(world, one)),
    threads: threadsOf(world, g.id)
      .filter((one) => !one.thread.isArchived && may(world, one, receiver.id, "VIEW_CHANNEL"))
      .map((one) => channel(world, one, receiver.id)),
    presences: [],
    stage_instances: Array.from(g.channels.values()).flatMap(stageInstance),
    guild_scheduled_events: ahead(g).map((event) => json(event)),
    soundboard_sounds: SoundObject.all(g)
  }
}
