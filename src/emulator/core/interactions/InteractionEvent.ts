/**
 * Where an interaction was begun, and by whom, as in INTERACTION_CREATE (Discord docs, Receiving and Responding, Interaction
 * Object).
 *
 * @since 0.1.0
 */
import * as Admission from "../Admission.ts"
import type * as Places from "../messages/Places.ts"
import * as ChannelObject from "../objects/ChannelObject.ts"
import * as DiscordObject from "../objects/DiscordObject.ts"
import * as Permissions from "../Permissions.ts"
import type * as World from "../World.ts"

type Json = DiscordObject.Json

/**
 * @category codecs
 * @since 0.1.0
 */
export const place = (
  world: World.World,
  { channel, guild }: Places.Where,
  user: World.User,
  bot: World.User
): Json => {
  if (guild === undefined) {
    return {
      channel_id: channel.id,
      channel: ChannelObject.direct(channel, bot),
      user: DiscordObject.user(user),
      app_permissions: String(Permissions.everyone),
      authorizing_integration_owners: { 0: "0" },
      context: 1
    }
  }
  const member = guild.members.get(user.id)
  const permissions = String(Admission.permissions(world, channel, user.id))
  return {
    guild_id: guild.id,
    guild: { id: guild.id, locale: "en-US", features: [] },
    channel_id: channel.id,
    channel: { ...ChannelObject.channel(world, channel, bot.id), permissions },
    ...(member === undefined ? {} : { member: { ...DiscordObject.member(world, member), permissions } }),
    guild_locale: "en-US",
    app_permissions: String(Admission.permissions(world, channel, bot.id)),
    authorizing_integration_owners: { 0: guild.id },
    context: 0
  }
}
