/**
 * The webhooks of channels as they are made, changed and deleted, and what is said of it (Discord docs, Resources, Webhook).
 *
 * @since 0.1.0
 */
import { Intents } from "../../../protocol/GatewayPayload.ts"
import type { ChannelId, GuildId } from "../../../protocol/Identifier.ts"
import type { GatewayServer } from "../gateway/GatewayServer.ts"
import * as DiscordObject from "../objects/DiscordObject.ts"
import { base64 } from "../Random.ts"
import type * as World from "../World.ts"

/**
 * All changes are told to those with the intent for webhooks: WEBHOOKS_UPDATE, which says no more than in which channel.
 *
 * @category models
 * @since 0.1.0
 */
export interface Webhooks {
  readonly create: (channel: World.Channel, name: string, creator: World.User) => World.Webhook
  readonly change: (webhook: World.Webhook, change: { readonly name?: string; readonly channelId?: ChannelId }) => void
  readonly remove: (webhook: World.Webhook) => void
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (world: World.World, gateway: Pick<GatewayServer, "broadcast">): Webhooks => {
  const say = (guildId: GuildId, channelId: ChannelId) =>
    gateway.broadcast(guildId, Intents.GuildWebhooks, "WEBHOOKS_UPDATE", { guild_id: guildId, channel_id: channelId })

  return {
    create: ({ guildId, id: channelId }, name, creator) => {
      const token = base64(world.random, 51)
      const webhook: World.Webhook = { id: world.nextId(), token, guildId, channelId, name, creator }
      world.webhooks.set(webhook.id, webhook)
      say(guildId, channelId)
      return webhook
    },
    change: (webhook, { channelId, name }) => {
      const before = webhook.channelId
      webhook.name = name ?? webhook.name
      webhook.channelId = channelId ?? before
      say(webhook.guildId, before)
      if (webhook.channelId !== before) say(webhook.guildId, webhook.channelId)
    },
    remove: ({ channelId, guildId, id }) => {
      world.webhooks.delete(id)
      say(guildId, channelId)
    }
  }
}

/** Discord docs, Webhook Types: all that are made here are incoming ones. */
const incoming = 1

/**
 * As Discord shows one; who has made it, is left out where its token alone is known.
 *
 * @category codecs
 * @since 0.1.0
 */
export const json = (webhook: World.Webhook, isOpen = true): DiscordObject.Json => ({
  id: webhook.id,
  type: incoming,
  guild_id: webhook.guildId,
  channel_id: webhook.channelId,
  name: webhook.name,
  avatar: null,
  token: webhook.token,
  application_id: webhook.creator.bot ? webhook.creator.id : null,
  ...(isOpen ? { user: DiscordObject.user(webhook.creator) } : {})
})
